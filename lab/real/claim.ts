/** The place on this machine that a real world takes: a number of its own and a folder. Gone with its owner, however that ends. */
import { mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync } from "node:fs";
import path from "node:path";
import { execa } from "execa";
import { codeOf } from "./error-code.js";
import { Reaper } from "./reaper.js";

/** Outlasts a restart of the machine, as what lies in it does: leftovers are found and removed. */
export const WORLDS = "/var/lib/evenkeel-lab";
const HIGHEST = 254;
const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export class Claim {
  readonly folder: string;
  readonly #reaper: Reaper;

  private constructor(
    /** 1 to 254; no other world on this machine has it. */
    readonly number: number,
    private readonly owner: string,
  ) {
    this.#reaper = reaperOf(number, owner);
    this.folder = path.join(WORLDS, String(number));
    mkdirSync(this.folder);
  }

  /** Removes what dead worlds left, then takes the lowest free number. @throws Error when 254 worlds run already */
  static async take(): Promise<Claim> {
    await sweep();
    const owner = identify(process.pid);
    for (let number = 1; number <= HIGHEST; number += 1) {
      if (claimed(number, owner)) return new Claim(number, owner);
    }
    throw new Error(`${HIGHEST} worlds run on this machine already`);
  }

  /** The whole environment of the world's processes: they are known by it, wherever they run. */
  get environment(): Readonly<Record<string, string>> {
    return { PATH: SYSTEM_PATH, LAB_WORLD: idOf(this.number, this.owner) };
  }

  /** Runs a command of the world to its end. Gives back what it printed. @throws ExecaError when it fails */
  async run(argv: readonly string[], input = ""): Promise<string> {
    const [file = "", ...rest] = argv;
    const { stdout } = await execa(file, rest, { env: this.environment, extendEnv: false, input });
    return stdout;
  }

  /** Ends and removes everything of the world. @throws Error when something is left */
  release(): Promise<void> {
    return this.#reaper.finish();
  }
}

/** Removes what worlds left whose owner is dead; those that live are not touched. @throws Error when something is left */
export async function sweep(): Promise<void> {
  mkdirSync(WORLDS, { recursive: true });
  for (const file of readdirSync(WORLDS)) {
    const [, number] = /^(\d+)\.owner$/.exec(file) ?? [];
    if (number !== undefined) await sweepOne(Number(number));
  }
}

async function sweepOne(number: number): Promise<void> {
  const owner = ownerOf(number);
  if (owner !== null && !isAlive(owner)) await reaperOf(number, owner).finish();
}

const idOf = (number: number, owner: string): string => `real-${number}-${owner}`;

const reaperOf = (number: number, owner: string): Reaper =>
  new Reaper({ worlds: WORLDS, number, owner, mark: `LAB_WORLD=${idOf(number, owner)}` });

const ownerLink = (number: number): string => path.join(WORLDS, `${number}.owner`);

/** A link is made together with its text, in one step. It points to nothing. */
function claimed(number: number, owner: string): boolean {
  try {
    symlinkSync(owner, ownerLink(number));
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

/** Null when it has been removed meanwhile. */
function ownerOf(number: number): string | null {
  try {
    return readlinkSync(ownerLink(number));
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw error;
  }
}

function isAlive(owner: string): boolean {
  try {
    return identify(Number(owner.split("-")[0])) === owner;
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes(codeOf(error))) return false;
    throw error;
  }
}

/** Process ids are given out again: with the moment of its start, in ticks since the machine's, and which start of the machine. */
function identify(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The second field is the program's name in brackets, which may hold anything.
  const startTicks = stat.slice(stat.lastIndexOf(")")).split(" ")[20] ?? "";
  const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8");
  return `${pid}-${startTicks}-${boot.slice(0, 8)}`;
}
