/** DigitalOcean's API on loopback, over an {@link Account}: strict about everything that it does not know. */
import { randomUUID } from "node:crypto";
import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import type { Account } from "./account.js";
import { ApiError, shownError, usual } from "./errors.js";
import type { RegistryLogins } from "./logins.js";
import { route, type Reply, type Routes } from "./router.js";

/** What some calls get instead of their answer. */
interface Planned {
  readonly match: RegExp;
  /** 0 breaks the connection. */
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  /** What is asked is done all the same. */
  readonly done: boolean;
  left: number;
}

/** One call, as it was answered. */
export interface Answered {
  /** Such as "GET /v2/droplets?tag_name=x". */
  readonly call: string;
  readonly status: number;
}

export interface ApiSettings {
  readonly account: Account;
  /** The only token that is accepted. */
  readonly token: string;
  /** Told of calls that the lab does not stand for. */
  readonly onFault: (fault: string) => void;
}

/** @see https://docs.digitalocean.com/reference/api/ "Rate limit" */
const CALLS_AN_HOUR = 5000;
const HOUR_SECONDS = 3600;
const JSON_TYPE = { "content-type": "application/json; charset=utf-8" };

export class Api {
  /** Every call so far, oldest first. */
  readonly calls: Answered[] = [];
  readonly #routes: Routes;
  readonly #server: Server;
  readonly #planned: Planned[] = [];

  constructor(private readonly settings: ApiSettings) {
    this.#routes = settings.account.routes();
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  /** Logins for the account's registries. */
  get logins(): RegistryLogins {
    return this.settings.account.registries.logins;
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
    this.#planned.push({ match, status, headers, done: false, left: times });
  }

  /** Does what the next `times` calls that match ask, and breaks the connection: the caller cannot know that it was done. */
  loseAnswers(match: RegExp, times = 1): void {
    this.#planned.push({ match, status: 0, headers: {}, done: true, left: times });
  }

  /** Nothing is planned any more. */
  mend(): void {
    this.#planned.length = 0;
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
    const reply = planned && !planned.done ? failure(usual(planned.status)) : this.#answer(request, call, text);
    if (planned?.status === 0) {
      this.calls.push({ call, status: 0 });
      request.socket.destroy();
      return;
    }
    this.calls.push({ call, status: reply.status });
    const body = reply.body === undefined ? "" : JSON.stringify(reply.body);
    response.writeHead(reply.status, { ...this.#limits, ...(body ? JSON_TYPE : {}), ...planned?.headers }).end(body);
  }

  #answer(request: IncomingMessage, call: string, text: string): Reply {
    try {
      if (request.headers.authorization !== `Bearer ${this.settings.token}`) throw usual(401);
      const url = new URL(request.url ?? "/", this.url);
      const body: unknown = text ? JSON.parse(text) : undefined;
      return route(this.#routes, { method: request.method ?? "", url, body });
    } catch (error) {
      const known = error instanceof ApiError ? error : null;
      if (!known || known.unknown) this.settings.onFault(`API ${call}: ${known?.message ?? String(error)}`);
      return failure(known ?? usual(500));
    }
  }

  /** Headers of every answer. Nothing is held to the limit: a test plans its 429. */
  get #limits(): OutgoingHttpHeaders {
    return {
      "ratelimit-limit": CALLS_AN_HOUR,
      "ratelimit-remaining": Math.max(0, CALLS_AN_HOUR - this.calls.length),
      "ratelimit-reset": Math.floor(Date.now() / 1000) + HOUR_SECONDS,
    };
  }
}

const failure = (error: ApiError): Reply => ({ status: error.status, body: shownError(error, randomUUID()) });

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
