/**
 * What stands at the registry's public name: HTTPS, logins as DigitalOcean's API hands them out, failures on demand. Whatever is
 * let in goes on to the registry itself, unchanged. The registry's own htpasswd file would not do: logins expire, and some may
 * only pull.
 */
import { readFile } from "node:fs/promises";
import { request, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { refusal, turnedAway, type LoginCheck } from "./registry-answers.js";

/**
 * What is wrong with the registry. down: nobody listens · frozen: connections are made, requests are not answered · unauthorized,
 * rate-limited: 401, 429 for everything · slow: answers come at this rate, each for itself
 */
export type RegistryFault =
  | { readonly kind: "down" | "frozen" | "unauthorized" | "rate-limited" }
  | { readonly kind: "slow"; readonly bytesPerSecond: number };

/** One request that was answered. */
export interface Served {
  /** Such as "GET /v2/lab/api/manifests/sha256:…". */
  readonly call: string;
  readonly status: number;
}

export interface FrontSettings {
  /** Also the realm. */
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** PEM file with key and certificate. */
  readonly certificate: string;
  /** Unix socket of the registry itself. */
  readonly upstream: string;
  readonly accepts: LoginCheck;
  /** Told when the registry itself cannot be asked. */
  readonly onFault: (fault: string) => void;
}

const REFUSED = { unauthorized: 401, "rate-limited": 429 } as const;

export class RegistryFront {
  /** Oldest first. */
  readonly served: Served[] = [];
  #server: Server | null = null;
  #fault: RegistryFault | null = null;

  constructor(private readonly settings: FrontSettings) {}

  async listen(): Promise<void> {
    const { address, port, certificate } = this.settings;
    const pem = await readFile(certificate);
    const server = createServer({ key: pem, cert: pem }, (incoming, response) => void this.#serve(incoming, response));
    await new Promise<void>((settle, fail) => {
      server.once("error", fail);
      server.listen(port, address, settle);
    });
    this.#server = server;
  }

  /** Null: everything works. Connections that are open keep to it, too, but for "down", which cuts them. */
  async breakWith(fault: RegistryFault | null): Promise<void> {
    this.#fault = fault;
    if (fault?.kind === "down") await this.close();
    else if (!this.#server) await this.listen();
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (!server) return;
    await new Promise((settle) => {
      server.close(settle);
      server.closeAllConnections();
    });
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    // Neither side's sudden end may end the lab.
    incoming.on("error", () => undefined);
    response.on("error", () => undefined);
    const fault = this.#fault;
    if (fault?.kind === "frozen") return;
    const { method = "", url = "", headers } = incoming;
    response.once("finish", () => this.served.push({ call: `${method} ${url}`, status: response.statusCode }));
    const status =
      fault?.kind === "unauthorized" || fault?.kind === "rate-limited"
        ? REFUSED[fault.kind]
        : turnedAway({ method, authorization: headers.authorization }, this.settings.accepts);
    if (status === null) await this.#forward(incoming, response, fault?.kind === "slow" ? fault.bytesPerSecond : null);
    else this.#refuse(incoming, response, status);
  }

  #refuse(incoming: IncomingMessage, response: ServerResponse, status: 401 | 403 | 429): void {
    const { method = "", url = "" } = incoming;
    const { headers, body } = refusal(status, `${method} ${url}`, this.settings.name);
    // What the client still sends is read to its end, so that it gets to see the answer.
    incoming.resume();
    response.writeHead(status, headers).end(body);
  }

  async #forward(incoming: IncomingMessage, response: ServerResponse, bytesPerSecond: number | null): Promise<void> {
    const { method, url, headers } = incoming;
    const outgoing = request({
      ...{ socketPath: this.settings.upstream, method, path: url },
      headers: { ...headers, "x-forwarded-proto": "https" },
    });
    const answered = new Promise<IncomingMessage>((settle, fail) =>
      outgoing.once("response", settle).on("error", fail),
    );
    response.once("close", () => outgoing.destroy());
    try {
      incoming.pipe(outgoing);
      const answer = await answered;
      response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      if (bytesPerSecond === null) await pipeline(answer, response);
      else await pipeline(answer, (source: AsyncIterable<Buffer>) => slowly(source, bytesPerSecond), response);
    } catch (error) {
      if (!response.headersSent && !incoming.socket.destroyed) this.settings.onFault(`registry: ${String(error)}`);
      response.destroy();
    }
  }
}

async function* slowly(source: AsyncIterable<Buffer>, bytesPerSecond: number): AsyncIterable<Buffer> {
  for await (const chunk of source) {
    await sleep((chunk.length / bytesPerSecond) * 1000);
    yield chunk;
  }
}
