/** DigitalOcean's API on loopback: the calls of {@link routes}, strict about everything else. */
import { randomUUID } from "node:crypto";
import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { RegistryLogins } from "./logins.js";
import { ApiError, routes, type ApiWorld, type Call, type Reply } from "./routes.js";
import { shownError } from "./shapes.js";

/** A failure to answer with instead of the real answer. */
interface Planned {
  readonly match: RegExp;
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  left: number;
}

/** One call, as it was answered. */
export interface Answered {
  /** Such as "GET /v2/droplets?tag_name=x". */
  readonly call: string;
  readonly status: number;
}

export interface ApiSettings {
  readonly world: ApiWorld;
  /** The only token that is accepted. */
  readonly token: string;
  /** Told of calls that the lab does not stand for. */
  readonly onFault: (fault: string) => void;
}

/** Words of the errors that {@link Api.fail} gives. */
const ERROR_IDS: Readonly<Record<number, readonly [id: string, message: string]>> = {
  401: ["unauthorized", "Unable to authenticate you"],
  403: ["forbidden", "You are not authorized to perform this operation"],
  404: ["not_found", "The resource you were accessing could not be found."],
  429: ["too_many_requests", "API rate limit exceeded."],
};

export class Api {
  /** Every call so far, oldest first. */
  readonly calls: Answered[] = [];
  readonly logins = new RegistryLogins();
  readonly #server: Server;
  readonly #planned: Planned[] = [];

  constructor(private readonly settings: ApiSettings) {
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async listen(port: number): Promise<void> {
    await new Promise<void>((settle, fail) => {
      this.#server.once("error", fail);
      this.#server.listen(port, "127.0.0.1", settle);
    });
  }

  /**
   * Answers the next `times` calls that match with an error; a status of 0 breaks the connection instead.
   * @param match tested against method and path, such as /^GET .v2.droplets/
   */
  fail(match: RegExp, status: number, times = 1, headers: OutgoingHttpHeaders = {}): void {
    this.#planned.push({ match, status, headers, left: times });
  }

  async close(): Promise<void> {
    await new Promise<void>((settle) => {
      this.#server.close(() => settle());
      this.#server.closeAllConnections();
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const text = await textOf(request);
    const call = `${request.method ?? ""} ${request.url ?? ""}`;
    const planned = this.#planned.find(({ match, left }) => left > 0 && match.test(call));
    if (planned) planned.left -= 1;
    if (planned?.status === 0) {
      this.calls.push({ call, status: 0 });
      request.socket.destroy();
      return;
    }
    const reply = planned ? failure(planned.status) : this.#answer(request, call, text);
    this.calls.push({ call, status: reply.status });
    const body = reply.body === undefined ? "" : JSON.stringify(reply.body);
    response.writeHead(reply.status, { ...LIMITS, ...(body ? JSON_TYPE : {}), ...planned?.headers }).end(body);
  }

  #answer(request: IncomingMessage, call: string, text: string): Reply {
    try {
      if (request.headers.authorization !== `Bearer ${this.settings.token}`) {
        throw new ApiError(401, "unauthorized", "Unable to authenticate you");
      }
      const url = new URL(request.url ?? "/", this.url);
      return this.#route({ method: request.method ?? "", url, body: text ? JSON.parse(text) : undefined });
    } catch (error) {
      if (!(error instanceof ApiError)) this.settings.onFault(`API ${call}: ${String(error)}`);
      const { status, id, message } =
        error instanceof ApiError ? error : new ApiError(500, "server_error", "Unexpected server-side error");
      return { status, body: shownError(id, message, randomUUID()) };
    }
  }

  #route(call: Call): Reply {
    for (const [known, handle] of Object.entries(routes(this.settings.world, this.logins))) {
      const words = matched(known, `${call.method} ${call.url.pathname}`);
      if (words) return handle(call, words);
    }
    this.settings.onFault(`API: the lab does not know ${call.method} ${call.url.pathname}`);
    throw new ApiError(404, "not_found", "The resource you were accessing could not be found.");
  }
}

/** Header of every answer. @see https://docs.digitalocean.com/reference/api/ "Rate limit" */
const LIMITS = { "ratelimit-limit": "5000", "ratelimit-remaining": "4999", "ratelimit-reset": "1893456000" };
const JSON_TYPE = { "content-type": "application/json; charset=utf-8" };

/** The words that stand where the route has `:name`; null when it is another route. */
function matched(route: string, call: string): string[] | null {
  const parts = route.split("/");
  const given = call.split("/");
  if (parts.length !== given.length) return null;
  const fits = parts.every((part, index) => part.startsWith(":") || part === given[index]);
  return fits ? given.filter((_, index) => parts[index]?.startsWith(":")).map(decodeURIComponent) : null;
}

function failure(status: number): Reply {
  const [id, message] = ERROR_IDS[status] ?? ["server_error", "Unexpected server-side error"];
  return { status, body: shownError(id, message, randomUUID()) };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
