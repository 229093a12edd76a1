/** Nothing of a real world is left when its owner ends, whether it releases the world, crashes or is killed. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const SCRIPT = fileURLToPath(new URL("reaper.sh", import.meta.url));

export interface Remains {
  /** Folder of all worlds on this machine. */
  readonly worlds: string;
  readonly number: number;
  /** As the claim on the number names it: the number may be another world's by then. */
  readonly owner: string;
  /** `NAME=value` in the environment of the world's processes. */
  readonly mark: string;
}

/** Removes a world, on demand or when this process is gone. */
export class Reaper {
  readonly #process: ChildProcess;
  readonly #exit: Promise<unknown[]>;

  /** In a process group of its own, so that an interrupt at the terminal does not reach it. */
  constructor(private readonly remains: Remains) {
    const { worlds, number, owner, mark } = remains;
    this.#process = spawn("/bin/sh", [SCRIPT, worlds, String(number), owner, mark], {
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
      env: { PATH: process.env["PATH"] },
    });
    this.#exit = once(this.#process, "exit");
    this.#process.unref();
    (this.#process.stdin as unknown as { unref(): void }).unref();
  }

  /** Resolves when nothing is left. @throws Error when something could not be removed */
  async finish(): Promise<void> {
    this.#process.ref();
    this.#process.stdin?.end();
    const [code] = await this.#exit;
    if (code === 0) return;
    const { number, worlds } = this.remains;
    throw new Error(`lab world ${number} could not be removed: look at processes and mounts of ${worlds}/${number}`);
  }
}
