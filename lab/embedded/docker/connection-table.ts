/** The connection table that a container would see, cut out of the machine's own. Linux only. */
import { readFileSync } from "node:fs";

export interface PortPair {
  /** Port of this machine that the container's process listens on. */
  readonly real: number;
  /** The port that it would listen on inside a container of its own. */
  readonly container: number;
}

const hexadecimal = (port: number): string => port.toString(16).toUpperCase().padStart(4, "0");

/** A file such as /proc/net/tcp, reduced to the container's ports. @throws Error where there is no such file */
export const containerTable = (file: string, ports: readonly PortPair[]): string =>
  reduceTable(readFileSync(file, "utf8"), ports);

/** @param table text of /proc/net/tcp or tcp6: the second column is the local address, `<hexadecimal address>:<port>` */
export function reduceTable(table: string, ports: readonly PortPair[]): string {
  const [head = "", ...rows] = table.trimEnd().split("\n");
  const names = new Map(ports.map(({ real, container }) => [hexadecimal(real), hexadecimal(container)]));
  const own = rows.flatMap((row) => {
    const [whole, before, address, port] = /^(\s*\d+: )([0-9A-F]+):([0-9A-F]{4})/.exec(row) ?? [];
    const name = port === undefined ? undefined : names.get(port);
    return whole === undefined || name === undefined ? [] : [`${before}${address}:${name}${row.slice(whole.length)}`];
  });
  return `${[head, ...own].join("\n")}\n`;
}
