/** A small HTTP server on loopback that answers as it is told and keeps what it was asked. */
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";

export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
  /** Breaks the connection instead of answering. */
  readonly reset?: boolean;
  /** Never answers, and leaves the connection open. */
  readonly silent?: boolean;
  /** Milliseconds until it is given. @default 0 */
  readonly afterMs?: number;
}

export class TestServer {
  readonly asked: Asked[] = [];
  /** Connections that were opened. */
  sockets = 0;
  readonly #open = new Set<Socket>();
  readonly #server: Server;

  private constructor(answer: (asked: Asked, number: number) => Answer) {
    this.#server = createServer((request, response) => {
      let body = "";
      request.on("data", (part) => (body += String(part)));
      request.on("end", () => {
        const asked = { method: request.method ?? "", url: request.url ?? "", headers: request.headers, body };
        this.asked.push(asked);
        const { status, headers, body: answered, reset, silent, afterMs } = answer(asked, this.asked.length);
        if (reset) {
          request.socket.destroy();
          return;
        }
        if (silent) return;
        const give = (): void => {
          response.writeHead(status, headers);
          response.end(
            typeof answered === "string" ? answered : answered === undefined ? "" : JSON.stringify(answered),
          );
        };
        if (afterMs === undefined) give();
        else setTimeout(give, afterMs);
      });
    });
    this.#server.on("connection", (socket: Socket) => {
      this.sockets += 1;
      this.#open.add(socket);
      socket.on("close", () => this.#open.delete(socket));
    });
  }

  static async start(answer: (asked: Asked, number: number) => Answer): Promise<TestServer> {
    const server = new TestServer(answer);
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }
}
