/** The servers behind the balancer's declared ports: they come and go as the declaration has them. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer, Server as SecureServer } from "node:https";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { BalancerEntry, EntryTls } from "../balancer-options.js";
import { closeServer } from "./close.js";

export interface EntryServersOptions {
  /** A port of this machine that is to stand for a declared one. */
  readonly takePort: () => Promise<number>;
  /** PEM with a certificate and its key. */
  readonly certificate: (tls: EntryTls) => Promise<string>;
  readonly onConnection: (socket: Socket) => void;
  readonly onRequest: (entry: BalancerEntry, incoming: IncomingMessage, response: ServerResponse) => void;
  /** A client asks for another protocol on its connection. */
  readonly onUpgrade: (entry: BalancerEntry, incoming: IncomingMessage, client: Duplex) => void;
}

interface Open {
  entry: BalancerEntry;
  readonly realPort: number;
  readonly server: Server;
}

export class EntryServers {
  /** By declared port. */
  readonly #open = new Map<number, Open>();
  /** No longer declared; what is in flight there ends. */
  readonly #left: Server[] = [];

  constructor(private readonly options: EntryServersOptions) {}

  /** Port of this machine behind a declared one; undefined for one that is not declared. */
  realPort(entryPort: number | undefined): number | undefined {
    return entryPort === undefined ? undefined : this.#open.get(entryPort)?.realPort;
  }

  /** @throws Error when a certificate cannot be had; nothing is changed then */
  async declare(entries: readonly BalancerEntry[], idleTimeoutSeconds: number): Promise<void> {
    for (const { tls } of entries) if (tls) await this.options.certificate(tls);
    const declared = new Map(entries.map((entry) => [entry.entryPort, entry]));
    for (const [entryPort, { entry }] of this.#open) {
      if (Boolean(declared.get(entryPort)?.tls) !== Boolean(entry.tls) || !declared.has(entryPort))
        this.#leave(entryPort);
    }
    for (const entry of entries) await this.#openOrChange(entry);
    for (const { server } of this.#open.values()) setIdleTimeout(server, idleTimeoutSeconds);
  }

  async close(): Promise<void> {
    const open = [...this.#open.values()].map(({ server }) => server);
    await Promise.all([...open, ...this.#left].map(closeServer));
  }

  #leave(entryPort: number): void {
    const server = this.#open.get(entryPort)?.server;
    this.#open.delete(entryPort);
    if (!server) return;
    server.close();
    this.#left.push(server);
  }

  async #openOrChange(entry: BalancerEntry): Promise<void> {
    const open = this.#open.get(entry.entryPort);
    if (!open) this.#open.set(entry.entryPort, await this.#listen(entry));
    else {
      open.entry = entry;
      // Connections that stand go on with the certificate that they were shown.
      if (entry.tls && open.server instanceof SecureServer) open.server.setSecureContext(await this.#secure(entry.tls));
    }
  }

  async #secure(tls: EntryTls): Promise<{ readonly key: string; readonly cert: string }> {
    const pem = await this.options.certificate(tls);
    return { key: pem, cert: pem };
  }

  async #listen(entry: BalancerEntry): Promise<Open> {
    const realPort = await this.options.takePort();
    const answer = (incoming: IncomingMessage, response: ServerResponse): void =>
      this.options.onRequest(open.entry, incoming, response);
    const server = entry.tls ? createSecureServer(await this.#secure(entry.tls), answer) : createServer(answer);
    const open: Open = { entry, realPort, server };
    server.requestTimeout = 0;
    server.on(entry.tls ? "secureConnection" : "connection", this.options.onConnection);
    server.on("upgrade", (incoming, client) => this.options.onUpgrade(open.entry, incoming, client));
    await new Promise<void>((settle, fail) => {
      server.once("error", fail);
      server.listen(realPort, "127.0.0.1", settle);
    });
    return open;
  }
}

function setIdleTimeout(server: Server, seconds: number): void {
  server.keepAliveTimeout = seconds * 1000;
  server.headersTimeout = server.keepAliveTimeout + 1000;
}
