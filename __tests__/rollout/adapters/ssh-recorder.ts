/** An SSH server that notes whatever a client offers it beside the command, and the one droplet behind it. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import ssh2 from "ssh2";
import { newKeyPair, type KeyPair } from "../../../lab/ssh-client.js";

export class RecordingServer {
  readonly folder = mkdtempSync(path.join(tmpdir(), "ekr-"));
  readonly identity = path.join(this.folder, "id_ecdsa");
  /** What was offered: `agent`, `x11`, `terminal`, `environment NAME`, `forwarding NAME`. */
  readonly offered: string[] = [];
  readonly commands: string[] = [];
  /** Logins so far. */
  logins = 0;
  port = 0;
  #key: KeyPair = newKeyPair("host");
  #server: ssh2.Server | null = null;
  readonly #open = new Set<ssh2.Connection>();

  constructor() {
    writeFileSync(this.identity, newKeyPair("client").private, { mode: 0o600 });
  }

  async listen(): Promise<void> {
    const server = new ssh2.Server({ hostKeys: [this.#key.private] }, (connection) => this.#serve(connection));
    this.#server = server;
    await new Promise<void>((settle) => server.listen(this.port, "127.0.0.1", settle));
    this.port = (server.address() as AddressInfo).port;
  }

  get publicKey(): string {
    return this.#key.public;
  }

  /** The same address answers with another host key from now on. */
  async exchangeKey(): Promise<void> {
    await this.#stop();
    this.#key = newKeyPair("somebody else");
    await this.listen();
  }

  /** An OpenSSH configuration that leads every name here, with `lines` for every host. @returns its path */
  config(name: string, lines: readonly string[] = []): string {
    const file = path.join(this.folder, name);
    const all = [...lines, "HostName 127.0.0.1", `Port ${this.port}`, `IdentityFile "${this.identity}"`];
    writeFileSync(file, `Host *\n${all.map((line) => `  ${line}\n`).join("")}`, { mode: 0o600 });
    return file;
  }

  async close(): Promise<void> {
    await this.#stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #stop(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    const closed = new Promise<void>((settle) => server.close(() => settle()));
    for (const connection of this.#open) connection.end();
    await closed;
  }

  #serve(connection: ssh2.Connection): void {
    this.#open.add(connection);
    connection.on("close", () => this.#open.delete(connection));
    connection.on("error", () => undefined);
    connection.on("authentication", (context) => context.accept());
    connection.on("ready", () => (this.logins += 1));
    connection.on("request", (_accept, reject, name) => {
      this.offered.push(`forwarding ${name}`);
      reject?.();
    });
    connection.on("tcpip", (accept, _reject, { destIP, destPort }) => {
      this.commands.push(`to ${destIP}:${destPort}`);
      const channel = accept();
      const next = connect(this.port, "127.0.0.1");
      next.on("error", () => undefined);
      channel.on("error", () => undefined);
      channel.pipe(next).pipe(channel);
    });
    connection.on("session", (accept) => this.#serveSession(accept()));
  }

  #serveSession(session: ssh2.Session): void {
    session.on("auth-agent", () => this.offered.push("agent"));
    session.on("x11", () => this.offered.push("x11"));
    session.on("pty", () => this.offered.push("terminal"));
    session.on("env", (_accept, _reject, { key }) => this.offered.push(`environment ${key}`));
    session.on("exec", (accept, _reject, { command }) => {
      this.commands.push(command);
      const channel = accept();
      const child = spawn("/bin/sh", ["-c", command], { stdio: "pipe" });
      for (const stream of [channel, child.stdin, child.stdout]) stream.on("error", () => undefined);
      channel.pipe(child.stdin);
      child.stdout.pipe(channel, { end: false });
      child.once("close", (code) => {
        channel.exit(code ?? 1);
        channel.end();
      });
    });
  }
}
