/** A droplet's SSH server: one user, its keys, commands only, as cloud-init sets up a real one. */
import type { AddressInfo, Socket } from "node:net";
import type { Connection, ParsedKey, PublicKeyAuthContext, ServerChannel, Session } from "ssh2";
import ssh2 from "ssh2";
import { runCommand, type CommandSettings } from "./ssh-command.js";

/** OpenSSH's default; a client falls back to a connection of its own beyond it. */
const MAX_SESSIONS = 10;

export interface SshServerSettings extends CommandSettings {
  /** Private host key, OpenSSH format. */
  readonly hostKey: string;
  /** The only user that may log in. */
  readonly user: string;
  /** Public keys that it may log in with; lines that are none are passed over, as sshd does. */
  readonly authorizedKeys: readonly string[];
}

export class SshServer {
  readonly #server: ssh2.Server;
  readonly #connections = new Set<Connection>();
  #frozenUntilMs = 0;

  constructor(private readonly settings: SshServerSettings) {
    const keys = settings.authorizedKeys.map((line) => ssh2.utils.parseKey(line)).filter(isKey);
    this.#server = new ssh2.Server({ hostKeys: [settings.hostKey], ident: "SSH-2.0-OpenSSH_9.2 lab" }, (connection) =>
      this.#serve(connection, keys),
    );
  }

  /** Listens on 127.0.0.1. */
  async listen(port: number): Promise<number> {
    await new Promise<void>((settle, fail) => {
      this.#server.once("error", fail);
      this.#server.listen(port, "127.0.0.1", settle);
    });
    return (this.#server.address() as AddressInfo).port;
  }

  /** Breaks every connection, as a network failure would. Commands that run go on. */
  cutConnections(): void {
    for (const connection of this.#connections) destroy(connection);
  }

  /** For a while nothing is read from any connection, new ones among them, and nothing is told. */
  freeze(milliseconds: number): void {
    this.#frozenUntilMs = Date.now() + milliseconds;
    for (const connection of this.#connections) this.#hold(connection);
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((settle) => this.#server.close(() => settle()));
    this.cutConnections();
    await closed;
  }

  #serve(connection: Connection, keys: readonly ParsedKey[]): void {
    this.#connections.add(connection);
    this.#hold(connection);
    // As sshd does for commands: otherwise each waits for the client's delayed acknowledgements, 80 ms of them.
    (connection as unknown as NoDelay).setNoDelay(true);
    connection.once("close", () => this.#connections.delete(connection));
    // A client that goes away mid-sentence is no error of the droplet's.
    connection.on("error", () => undefined);
    connection.on("authentication", (context) => {
      const accepted =
        context.method === "publickey" &&
        context.username === this.settings.user &&
        keys.some((key) => isSigned(context, key));
      if (accepted) context.accept();
      else context.reject(["publickey"]);
    });
    let sessions = 0;
    connection.on("session", (accept, reject) => {
      if (sessions >= MAX_SESSIONS) {
        reject();
        return;
      }
      sessions += 1;
      const session = accept();
      session.once("close", () => (sessions -= 1));
      this.#serveSession(session);
    });
  }

  #hold(connection: Connection): void {
    const leftMs = this.#frozenUntilMs - Date.now();
    const socket = socketOf(connection);
    if (leftMs <= 0 || !socket) return;
    socket.pause();
    socket.cork();
    setTimeout(() => {
      socket.uncork();
      socket.resume();
    }, leftMs).unref();
  }

  /** No terminal, no shell, no file transfer, no forwarding: what has no listener is refused by ssh2. */
  #serveSession(session: Session): void {
    let channel: ServerChannel | undefined;
    session.on("exec", (accept, reject, { command }) => {
      if (channel) {
        reject();
        return;
      }
      channel = accept();
      runCommand(channel, command, this.settings);
    });
  }
}

const isKey = (parsed: ParsedKey | Error): parsed is ParsedKey => !(parsed instanceof Error);

function isSigned(context: PublicKeyAuthContext, key: ParsedKey): boolean {
  if (context.key.algo !== key.type || !context.key.data.equals(key.getPublicSSH())) return false;
  // Without a signature the client only asks whether the key would do.
  if (!context.signature || !context.blob) return true;
  // An Error, which its type does not tell, when the signature is not even one.
  const verified: unknown = key.verify(context.blob, context.signature, context.hashAlgo);
  return verified === true;
}

/** A method that ssh2 has and its types do not tell. */
interface NoDelay {
  setNoDelay(noDelay: boolean): void;
}

/** ssh2 offers only an orderly end; a line that breaks or stalls is the socket's. */
const socketOf = (connection: Connection): Socket | undefined => (connection as unknown as { _sock?: Socket })._sock;

function destroy(connection: Connection): void {
  const socket = socketOf(connection);
  if (socket) socket.destroy();
  else connection.end();
}
