/** A droplet while it is on: one process, of which everything else on the droplet is a descendant. */
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import type { Claim } from "./claim.js";
import { codeOf } from "./error-code.js";

const SCRIPT = fileURLToPath(new URL("files/power-on.sh", import.meta.url));
const NAMESPACES = ["--mount", "--uts", "--ipc", "--pid"];

export interface Power {
  readonly claim: Claim;
  /** Put before a command, it makes it run in the droplet's network. */
  readonly network: readonly string[];
  /** The droplet's disk, as its root. */
  readonly root: string;
  readonly name: string;
  /** From power on to the start of the boot. */
  readonly delayMs: number;
  /** Told how far the boot is. */
  readonly onStep: (step: string) => void;
  /** Told with its last words when it ends although nobody powered it off. */
  readonly onEnd: (words: string) => void;
}

export class Machine {
  readonly #end: Promise<void>;
  #stopping = false;
  #over = false;

  private constructor(
    private readonly power: Power,
    /** Id of the first process, as this machine counts. */
    private readonly pid: number,
    private readonly outside: ReturnType<typeof spawn>,
    steps: AsyncIterator<string>,
  ) {
    this.#end = this.#follow(steps);
  }

  /** Resolves once it is on; the boot is not waited for. @throws Error when it does not come on */
  static async start(power: Power): Promise<Machine> {
    const outside = spawn(power);
    const steps = outside[Symbol.asyncIterator]();
    const first = await steps.next();
    const [, pid] = /^pid (\d+)$/.exec(String(first.value)) ?? [];
    if (pid === undefined) throw new Error((await outside).stderr);
    return new Machine(power, Number(pid), outside, steps);
  }

  /** Where this machine sees a file of the droplet, be it on its disk or not. */
  path(file: string): string {
    return `/proc/${this.pid}/root${file}`;
  }

  /** Put before a command, it makes it run on the droplet as root. */
  get argv(): readonly string[] {
    return ["nsenter", "--target", String(this.pid), "--net", ...NAMESPACES, "--"];
  }

  /** Ends everything on it at once. Resolves when nothing runs any more. */
  async off(): Promise<void> {
    this.#stopping = true;
    if (!this.#over) endNow(this.pid);
    await this.#end;
  }

  async #follow(steps: AsyncIterator<string>): Promise<void> {
    for (let step = await steps.next(); !step.done; step = await steps.next()) {
      if (!this.#stopping) this.power.onStep(step.value);
    }
    const { stderr } = await this.outside;
    this.#over = true;
    if (!this.#stopping) this.power.onEnd(stderr);
  }
}

function endNow(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    // It ended by itself a moment ago.
    if (codeOf(error) !== "ESRCH") throw error;
  }
}

/** In a process group of its own, so that an interrupt at the terminal does not reach it: the reaper ends it. */
function spawn({ claim, network, root, name, delayMs }: Power) {
  const script = ["/bin/sh", SCRIPT, root, name, String(delayMs / 1000)];
  const unshare = ["unshare", ...NAMESPACES, "--fork", "--kill-child=SIGKILL", "--"];
  const [file = "", ...rest] = [...network, ...unshare, ...script];
  return execa(file, rest, {
    ...{ env: claim.environment, extendEnv: false },
    ...{ stdin: "ignore", detached: true, cleanup: false, reject: false, buffer: { stdout: false } },
  });
}
