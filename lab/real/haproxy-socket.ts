/** Orders and questions to HAProxy over its sockets. @see https://docs.haproxy.org/2.6/management.html#9.3 */
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { codeOf } from "./error-code.js";

/** One line of commands on a connection of its own; HAProxy closes it after the answer. */
export async function ask(socket: string, line: string): Promise<string> {
  const connection = connect(socket);
  connection.write(`${line}\n`);
  return text(connection);
}

/** So it is for a moment while the master begins anew. @throws the error when it says anything else */
export function nobodyListens(error: unknown): null {
  if (["ECONNREFUSED", "ECONNRESET", "EPIPE"].includes(codeOf(error))) return null;
  throw error;
}

/** The master closes the connection only when nothing more is to come from here. */
export async function askMaster(socket: string, line: string): Promise<string> {
  const connection = connect({ path: socket, allowHalfOpen: true });
  connection.end(`${line}\n`);
  return text(connection);
}
