/** Who is connected to a container, by the machine's own table. Linux only. */
export interface PortPair {
  /** Port of this machine that the container's process listens on. */
  readonly real: number;
  /** The port that it would listen on inside a container of its own. */
  readonly container: number;
}

const hexadecimal = (port: number): string => port.toString(16).toUpperCase().padStart(4, "0");

/** States in which this side owes nothing: listening, TIME_WAIT, FIN_WAIT2, CLOSE. */
const AT_REST = new Set(["0A", "06", "05", "07"]);

/** Connections to one of this machine's ports that may still owe an answer, of tables such as /proc/net/tcp. */
export const openSockets = (tables: readonly string[], port: number): number =>
  tables
    .flatMap((table) => table.split("\n"))
    .map((row) => row.trim().split(/\s+/))
    .filter(([, local = "", , state = ""]) => local.endsWith(`:${hexadecimal(port)}`) && !AT_REST.has(state)).length;
