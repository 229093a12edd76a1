/** A simulated droplet's SSH server: real SSH for one user with one key, and answers from a function instead of a shell. */
import type { AddressInfo } from "node:net";
import type { Connection, ParsedKey, PublicKeyAuthContext, ServerChannel, Session } from "ssh2";
import ssh2 from "ssh2";
import type { Command } from "./framed.js";

/** OpenSSH's default for one connection; a client opens a connection of its own beyond it. */
const MAX_SESSIONS = 10;

export interface Reply {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

export interface SshServerSettings {
  /** Private host key, OpenSSH format. */
  readonly hostKey: string;
  /** The only user and public key that may log in. */
  readonly user: string;
  readonly clientKey: string;
  /** Called when a command's input has ended. */
  readonly answer: (command: Command) => Promise<Reply>;
}

export class AnsweringSshServer {
  /** Connections that were opened, and sessions that were refused on one which had too many. */
  readonly tally = { connections: 0, refusedSessions: 0 };
  readonly #server: ssh2.Server;
  readonly #open = new Set<Connection>();

  constructor(private readonly settings: SshServerSettings) {
    const clientKey = ssh2.utils.parseKey(settings.clientKey);
    if (clientKey instanceof Error) throw clientKey;
    this.#server = new ssh2.Server({ hostKeys: [settings.hostKey], ident: "SSH-2.0-OpenSSH_9.2 lab" }, (connection) =>
      this.#serve(connection, clientKey),
    );
  }

  /** @param port 0 for any. Gives back the port. */
  async listen(address: string, port: number): Promise<number> {
    await new Promise<void>((settle, fail) => {
      this.#server.once("error", fail);
      this.#server.listen(port, address, settle);
    });
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((settle) => this.#server.close(() => settle()));
    for (const connection of this.#open) connection.end();
    await closed;
  }

  #serve(connection: Connection, clientKey: ParsedKey): void {
    this.tally.connections += 1;
    this.#open.add(connection);
    // As sshd does for commands: otherwise each waits for the client's delayed acknowledgements.
    (connection as unknown as NoDelay).setNoDelay(true);
    connection.once("close", () => this.#open.delete(connection));
    // A client that goes away mid-sentence is no error of the droplet's.
    connection.on("error", () => undefined);
    connection.on("authentication", (context) => {
      const { user } = this.settings;
      if (context.method === "publickey" && context.username === user && isSigned(context, clientKey)) context.accept();
      else context.reject(["publickey"]);
    });
    this.#serveSessions(connection);
  }

  #serveSessions(connection: Connection): void {
    let sessions = 0;
    connection.on("session", (accept, reject) => {
      if (sessions >= MAX_SESSIONS) {
        this.tally.refusedSessions += 1;
        reject();
        return;
      }
      sessions += 1;
      const session = accept();
      session.once("close", () => (sessions -= 1));
      this.#serveSession(session);
    });
  }

  #serveSession(session: Session): void {
    session.once("exec", (accept, _reject, { command }) => {
      const channel = accept();
      let input = "";
      channel.on("error", () => undefined);
      channel.setEncoding("utf8").on("data", (chunk: string) => (input += chunk));
      channel.once("end", () => void this.#answer(channel, { text: command, input }));
    });
  }

  async #answer(channel: ServerChannel, command: Command): Promise<void> {
    const { stdout, stderr, code } = await this.settings.answer(command);
    if (channel.destroyed) return;
    channel.stderr.write(stderr);
    channel.write(stdout);
    channel.exit(code);
    channel.end(() => channel.close());
  }
}

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
