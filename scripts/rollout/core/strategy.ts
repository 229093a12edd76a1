/** How a host that serves gets another release: handed over, or drained. Pure. */
import type { RolloutPolicy } from "../../../contract/policy.js";
import type { Survey } from "../ports.js";

/** Megabytes that a second container wants where neither a limit nor the first one's use says more. */
const LEAST_MB = 128;
/** What a second container may use beyond what the first one does now: a release seldom uses the same as the one before. */
const HEADROOM = 1.25;

export interface Chosen {
  readonly strategy: "drain" | "handoff";
  /** Why it is drained although it would be handed over if it could; null where there is nothing to say. */
  readonly why: string | null;
}

/** What there is for a second container on a host, and what it wants, in megabytes. */
export interface Memory {
  /** Without what hosts before it on the same machine will want: old containers may be there until all hosts are done. */
  readonly freeMb: number;
  readonly wantedMb: number;
}

export interface MemoryInput {
  readonly name: string;
  /** What the host is a container on. */
  readonly machine: string;
  readonly survey: Pick<Survey, "freeMemoryMb" | "usedMemoryMb" | "containers">;
  /** Whether it gets another container at all. */
  readonly changes: boolean;
}

const wantedMb = ({ usedMemoryMb }: Pick<Survey, "usedMemoryMb">, limitMb: number | undefined): number =>
  limitMb ?? Math.max(LEAST_MB, Math.ceil((usedMemoryMb ?? 0) * HEADROOM));

/** Containers that an earlier handover left are stopped before the next one begins. Each is taken to use what the one that serves does. */
const returnedMb = ({ usedMemoryMb, containers }: MemoryInput["survey"]): number =>
  (usedMemoryMb ?? 0) * [containers.previous, containers.failed].filter((left) => left?.running === true).length;

export const fits = ({ freeMb, wantedMb: wanted }: Memory): boolean => freeMb >= wanted;

/** By name. @param limitMb of the service; undefined without one */
export function memoryOf(hosts: readonly MemoryInput[], limitMb: number | undefined): Map<string, Memory> {
  const promised = new Map<string, number>();
  return new Map(
    hosts.map(({ name, machine, survey, changes }) => {
      const before = promised.get(machine) ?? 0;
      const memory: Memory = {
        freeMb: survey.freeMemoryMb + returnedMb(survey) - before,
        wantedMb: wantedMb(survey, limitMb),
      };
      if (changes && fits(memory)) promised.set(machine, before + memory.wantedMb);
      return [name, memory];
    }),
  );
}

/** Whether the container before still runs as it was started, and is of that release: the ports can be led back to it. */
export function runsStill(
  { containers: { current, previous } }: Pick<Survey, "containers">,
  releaseId: string,
): boolean {
  if (previous === undefined || current?.release === releaseId) return false;
  return previous.running && !previous.restarting && previous.restartCount === 0 && previous.release === releaseId;
}

/**
 * @param memory null for a host that was not looked at
 * @param startsNothing the ports are led to a container that runs already
 */
export function strategyFor(
  { strategy, exclusive }: Pick<RolloutPolicy, "strategy" | "exclusive">,
  memory: Memory | null,
  startsNothing: boolean,
): Chosen {
  if (strategy !== "auto") return { strategy, why: null };
  if (exclusive)
    return { strategy: "drain", why: "exclusive is set, so that no two containers of the app run at once" };
  if (memory === null) return { strategy: "drain", why: null };
  return startsNothing || fits(memory)
    ? { strategy: "handoff", why: null }
    : { strategy: "drain", why: tooLittle(memory) };
}

export const tooLittle = ({ freeMb, wantedMb: wanted }: Memory): string =>
  `${Math.max(0, freeMb)} MB of memory are free there, and a second container wants ${wanted} MB`;
