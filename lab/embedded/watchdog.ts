/** No process of a world is left when its owner ends, whether it stops the world, crashes or is killed. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

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
