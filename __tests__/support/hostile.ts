/** A fleet of two with one hostile part: the rollout's commands run as processes, and what must hold however they end. */
import { execa } from "execa";
import { expect } from "@jest/globals";
import { environmentNames } from "../../contract/manifest.js";
import type { EmbeddedOptions } from "../../lab/embedded/site.js";
import { embedded } from "../../lab/embedded/site.js";
import type { World } from "../../lab/world.js";
import { Scenario } from "./scenario.js";

export type CommandName = "deploy" | "rollback" | "status" | "verify" | "summary";

export interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Longest time that a command may take before it counts as endless. The sum of the deadlines below is a fraction of it. */
const ENDLESS_MS = 420_000;
/** GitHub takes a job summary of 1 MiB. @see https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands */
export const SUMMARY_LIMIT_BYTES = 1_048_576;

/** Deadlines that end a wait for a liar soon. */
const SOON = {
  bootTimeoutSeconds: 10,
  readyTimeoutSeconds: 6,
  progressDeadlineSeconds: 20,
  drainTimeoutSeconds: 10,
} as const;

/** Two droplets whose registry and balancer are honest. */
export const startHostile = (site: EmbeddedOptions = {}): Promise<Scenario> =>
  Scenario.start({ fleet: { rollout: SOON }, site: embedded(site) });

/**
 * Runs one command of the bundle as a process of its own.
 * @param image for a deploy and a verify
 * @throws Error when it does not end
 */
export async function runCommand(
  { world, stackFolder }: { readonly world: World; readonly stackFolder: string },
  name: CommandName,
  { image = "", environment = {} }: { image?: string; environment?: Readonly<Record<string, string>> } = {},
): Promise<Ended> {
  const command = world.rolloutCommand({ image, stackFolder });
  const argv = [command.environment[environmentNames.bundle] ?? "", name];
  const { exitCode, stdout, stderr, timedOut } = await execa(process.execPath, argv, {
    ...{ cwd: command.cwd, env: { ...command.environment, ...environment }, extendEnv: false },
    ...{ reject: false, stdin: "ignore", timeout: ENDLESS_MS, maxBuffer: 50_000_000 },
  });
  if (timedOut) throw new Error(`${name} has not ended after ${ENDLESS_MS / 1000} s:\n${stderr.slice(-3000)}`);
  return { exitCode: exitCode ?? -1, stdout, stderr };
}

/** What no text of a host may bring onto the operator's screen or into GitHub's log: orders, and megabytes. */
export function expectHarmless({ stdout, stderr }: Pick<Ended, "stdout" | "stderr">): void {
  const text = `${stdout}\n${stderr}`;
  // eslint-disable-next-line no-control-regex -- these are what it looks for
  const raw = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/u.exec(text);
  expect({ raw: raw && JSON.stringify(text.slice(Math.max(0, raw.index - 60), raw.index + 60)) }).toEqual({
    raw: null,
  });
  const ordering = text.split("\n").filter((line) => /^\s*(::|##\[)/.test(line));
  expect(ordering.map((line) => line.slice(0, 80))).toEqual([]);
  // A trace of the stack is a bug, whatever the exit code.
  expect(text.split("\n").filter((line) => /^\s+at .+:\d+:\d+\)?$/.test(line))).toEqual([]);
  expect(Buffer.byteLength(text)).toBeLessThan(SUMMARY_LIMIT_BYTES);
}

/** Ends that are true only when nothing was touched, or when all was taken back. */
const AS_BEFORE = [3, 4, 5];

export interface Outcome {
  readonly exitCode: number;
  /** Images that run, by host, as the lab knows them. */
  readonly running: readonly (string | null)[];
  /** The same before. */
  readonly before: readonly (string | null)[];
  /** Where the command was to lead; null: any one image of `honest`. */
  readonly target: string | null;
  /** Every image that the operator ever deployed. */
  readonly honest: readonly string[];
  /** Index of the hostile host, which is free to run what it likes; null: both are honest. */
  readonly hostile: number | null;
}

/** The exit code says what is so. The lab knows what runs, and asks no host. */
export function expectTrueCode({ exitCode, running, before, target, honest, hostile }: Outcome): void {
  expect([0, 6, ...AS_BEFORE]).toContain(exitCode);
  const others = <Value>(values: readonly Value[]): Value[] => values.filter((_, index) => index !== hostile);
  for (const image of others(running)) expect(honest).toContain(image);
  if (exitCode === 0)
    expect({ exitCode, running }).toEqual({ exitCode, running: running.map(() => target ?? running[0]) });
  if (AS_BEFORE.includes(exitCode))
    expect({ exitCode, running: others(running) }).toEqual({ exitCode, running: others(before) });
}

/** Puts an honest fleet back onto an image, where it is not. */
export async function restore(scenario: Scenario, image: string): Promise<void> {
  if ((await scenario.running()).every((runs) => runs === image)) return;
  const { exitCode, stderr } = await scenario.deploy(image);
  if (exitCode !== 0) throw new Error(`the honest fleet could not be put back, ${exitCode}:\n${stderr.slice(-3000)}`);
}
