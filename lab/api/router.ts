/** From a call to whoever answers it, by method, path and the names in the query; whatever is not known is a fault. */
import { z } from "zod";
import { ApiError } from "./errors.js";

export interface Call {
  readonly method: string;
  readonly url: URL;
  readonly body: unknown;
}

/** A call whose route is known. */
export interface Request {
  readonly url: URL;
  /** What stands where the route has `:name`. */
  readonly words: readonly string[];
  readonly body: unknown;
}

export interface Reply {
  readonly status: number;
  readonly body?: unknown;
}

export type Handler = (request: Request) => Reply;

/**
 * By route, such as "GET /v2/droplets/:id" or, with all that its query may hold, "GET /v2/tags?page&per_page". Where several fit,
 * the first one answers.
 */
export type Routes = Readonly<Record<string, Handler>>;

export const ok = (body: unknown): Reply => ({ status: 200, body });
export const created = (body: unknown): Reply => ({ status: 201, body });
export const accepted = (body: unknown): Reply => ({ status: 202, body });
export const noContent = (): Reply => ({ status: 204 });

/** Answers a call whose route ends with what is to be removed. */
export function removing(remove: (id: string, request: Request) => void): Handler {
  return (request) => {
    remove(request.words.at(-1) ?? "", request);
    return noContent();
  };
}

/** @throws ApiError for a call, or a word in its query, that no route knows */
export function route(routes: Routes, { method, url, body }: Call): Reply {
  for (const [known, handle] of Object.entries(routes)) {
    const [path = "", query = ""] = known.split("?");
    const words = matched(path, `${method} ${url.pathname}`);
    if (!words) continue;
    const surplus = [...url.searchParams.keys()].filter((name) => !query.split("&").includes(name));
    if (surplus.length === 0) return handle({ url, words, body });
    throw new ApiError(400, "bad_request", `the lab does not know ${surplus.join(", ")} of ${known}`, true);
  }
  throw new ApiError(404, "not_found", `the lab does not know ${method} ${url.pathname}`, true);
}

/** The words that stand where the route has `:name`; null when it is another route. */
function matched(route: string, call: string): string[] | null {
  const parts = route.split("/");
  const given = call.split("/");
  if (parts.length !== given.length) return null;
  const fits = parts.every((part, index) => part.startsWith(":") || part === given[index]);
  return fits ? given.filter((_, index) => parts[index]?.startsWith(":")).map(decodeURIComponent) : null;
}

/** @throws ApiError that names the first thing wrong; one for a field or kind that the schema does not have is a fault */
export function readBody<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  const read = schema.safeParse(body);
  if (read.success) return read.data;
  const surplus = read.error.issues.some(({ code }) => code === "unrecognized_keys" || code === "invalid_union");
  const [first] = read.error.issues;
  const message = `${first?.path.join(".") ?? ""}: ${first?.message ?? ""}`.replace(/^: /, "");
  throw new ApiError(422, "unprocessable_entity", message, surplus);
}
