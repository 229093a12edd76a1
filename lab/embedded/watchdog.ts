/** No process of a world is left when its owner ends, whether it stops the world, crashes or is killed. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Of a millisecond each. */
const MOST_TRIES = 1000;

const SCRIPT = fileURLToPath(new URL("watchdog.sh", import.meta.url));

/** Ends marked processes and removes the world's folder, on demand or when this process is gone. */
export class Watchdog {
  readonly #process: ChildProcess;

  /** @param mark `NAME=value` in the environment of every process of the world */
  constructor(mark: string, folder: string) {
    this.#process = watch(mark, folder);
    this.#process.unref();
    (this.#process.stdin as unknown as { unref(): void }).unref();
  }

  /** Resolves when nothing is left. */
  async finish(): Promise<void> {
    await ended(this.#process);
  }
}

/** Ends every process that carries the mark, now. */
export const endMarked = (mark: string): Promise<void> => ended(watch(mark, ""));

/** Blocks this thread until a process that was killed is gone, and its sockets with it; only where /proc tells. */
export function awaitEnd(pid: number): void {
  const ticks = new Int32Array(new SharedArrayBuffer(4));
  for (let tries = 0; tries < MOST_TRIES && isAlive(pid); tries += 1) Atomics.wait(ticks, 0, 0, 1);
}

/**
 * A process that has ended is a zombie until its parent has asked for it. Its first thread is one already while others are still ending,
 * and until the last has ended its sockets are open.
 */
function isAlive(pid: number): boolean {
  try {
    const others = readdirSync(`/proc/${pid}/task`).length > 1;
    return others || !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

/** In a process group of its own, so that an interrupt at the terminal does not reach it. */
function watch(mark: string, folder: string): ChildProcess {
  return spawn("/bin/sh", [SCRIPT, mark, folder], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
    env: { PATH: process.env["PATH"] },
  });
}

async function ended(watchdog: ChildProcess): Promise<void> {
  if (watchdog.exitCode !== null) return;
  watchdog.ref();
  const exit = once(watchdog, "exit");
  watchdog.stdin?.end();
  await exit;
}
