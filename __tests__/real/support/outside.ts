/** What somebody elsewhere can find out about a droplet, from wherever a network node is plugged in. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { execa } from "execa";

const script = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** Put before a command, it makes it run there; empty: on this machine. */
export type Where = readonly string[];

export interface Ports {
  readonly open: readonly number[];
  /** What knocks there reaches the machine, though nobody listens. */
  readonly refused: readonly number[];
}

/** Knocks at every TCP port of an address. */
export async function scan(from: Where, address: string, [first, last] = [1, 65_535]): Promise<Ports> {
  // Enough files for all the ports that it knocks at together.
  const argv = [...from, "prlimit", "--nofile=17000", "perl", script("scan.pl"), address, String(first), String(last)];
  return JSON.parse(await output(argv)) as Ports;
}

/** Body of the answer to a GET; null when nobody answers within some seconds. */
export async function get(from: Where, url: string): Promise<string | null> {
  const [file, ...rest] = [...from, "curl", "--silent", "--noproxy", "*", "--max-time", "3", url];
  const { exitCode, stdout } = await execa(file, rest, { reject: false });
  return exitCode === 0 ? stdout : null;
}

/** A server that answers every request with its address. */
export async function serve(there: Where, address: string, port: number, folder: string): Promise<ChildProcess> {
  const [file, ...rest] = [...there, process.execPath, script("host.mjs"), address, String(port), folder];
  const child = spawn(file, rest, { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  return child;
}

async function output([file = "", ...rest]: readonly string[]): Promise<string> {
  const { stdout } = await execa(file, rest);
  return stdout;
}
