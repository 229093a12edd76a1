/** Errors as DigitalOcean's API gives them. @see https://docs.digitalocean.com/reference/api/ "HTTP Statuses" */

export class ApiError extends Error {
  override readonly name = "ApiError";
  constructor(
    readonly status: number,
    readonly id: string,
    message: string,
    /** The lab does not stand for what was asked; whoever runs the test has to know. */
    readonly unknown = false,
  ) {
    super(message);
  }
}

/** Errors whose text does not depend on what was asked, by their status. */
const USUAL: Readonly<Record<number, readonly [id: string, message: string]>> = {
  401: ["unauthorized", "Unable to authenticate you"],
  403: ["forbidden", "You are not authorized to perform this operation"],
  404: ["not_found", "The resource you were accessing could not be found."],
  429: ["too_many_requests", "API rate limit exceeded."],
};

/** The usual error of a status. */
export function usual(status: number): ApiError {
  const [id, message] = USUAL[status] ?? ["server_error", "Unexpected server-side error"];
  return new ApiError(status, id, message);
}

export const notFound = (): ApiError => usual(404);

export const unprocessable = (message: string): ApiError => new ApiError(422, "unprocessable_entity", message);

/** Body of an error. */
export const shownError = ({ id, message }: ApiError, requestId: string) => ({ id, message, request_id: requestId });
