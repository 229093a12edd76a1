/** The figures of the bench: their form, and how they grow round by round. Pure. */
import { z } from "zod";
import { machineForm } from "../figures/machine.js";
import { siteNames } from "../site-names.js";

const counts = z.object({ sent: z.int(), failed: z.int() });

/** One side of a round. Counts and latencies are of the whole load, which begins and ends a little outside of what is timed. */
const side = z.object({
  /** From the first command to the end of the last. */
  seconds: z.number(),
  ...counts.shape,
  /** Due and not sent. */
  notMeasured: z.int(),
  /** Of ordinary requests that went well: the median, and what 99 of 100 and 999 of 1,000 took at most; null without any. */
  p50Ms: z.number().nullable(),
  p99Ms: z.number().nullable(),
  p999Ms: z.number().nullable(),
  /** Longest ordinary request that went well. */
  worstMs: z.number(),
  /** Seconds with fewer than all droplets in rotation. */
  secondsBelowFull: z.number(),
  /** What autocannon counted alongside. */
  secondTool: counts,
  /** How the old containers were stopped; null where none is stopped within the seconds. */
  stops: z
    .object({
      /** What stopping them took of the seconds. */
      seconds: z.number(),
      /** Requests under way to the droplets when each was told to stop, all together. */
      inFlight: z.int(),
    })
    .nullable(),
  /** How far the load's own process was late. */
  generator: z.object({ stalledMs: z.number(), longestStallMs: z.number() }),
});
export type Side = z.output<typeof side>;

const drainedHost = z.object({
  name: z.string(),
  /** From the drain until the rollout holds the host for out of rotation and idle. */
  drainSeconds: z.number(),
  /** From the drain until the last node of the balancer has let it go, in the balancer's own view: what no drain can be quicker than. */
  letGoSeconds: z.number(),
  /** From the new container's first answer until the rollout holds the host for in rotation. */
  readmissionSeconds: z.number(),
  /** From the new container's first answer until the last node of the balancer has taken it in, in the balancer's own view. */
  takenInSeconds: z.number(),
  /** All of it, with what stop and start take. */
  seconds: z.number(),
  /** What scripts/rollout/core/floor.ts gives for this host. */
  floorSeconds: z.number(),
});
export type DrainedHost = z.output<typeof drainedHost>;

const handedHost = z.object({
  name: z.string(),
  /** When its turn began, since the rollout began. */
  fromSeconds: z.number(),
  /** From there until it is kept; of the first one with the proof. */
  seconds: z.number(),
});
export type HandedHost = z.output<typeof handedHost>;

/**
 * process: its start and its end, outside of what it records · look: connections to the hosts, and the first look at balancer, hosts and clients ·
 * locks · pull · plan: the second look, the steps that each host gets, and what is asked before anything changes · baseline: what clients are used to
 * · hosts: at least one is at work · between: none is, and another one follows · proof: the balancer's answers that were left to wait for · end: the
 * last look, the record of the release, old images, the locks
 */
export const phaseNames = [
  "process",
  "look",
  "locks",
  "pull",
  "plan",
  "baseline",
  "hosts",
  "between",
  "proof",
  "end",
] as const;

/** Seconds of each phase; together those of the side. */
const phases = z.record(z.enum(phaseNames), z.number());
export type Phases = z.output<typeof phases>;

const sidesForm = z.object({
  article: side,
  /** Hosts in the order of their turns, here and below. */
  drain: side.extend({ phases, hosts: z.array(drainedHost).min(1) }),
  handoff: side.extend({ phases, hosts: z.array(handedHost).min(1) }),
  /** No rollout: an unrelated container is started on one droplet after the other. */
  control: side,
});
/** What is measured in every round. */
export type Sides = z.output<typeof sidesForm>;
export type SideName = keyof Sides;
export const sideNames = sidesForm.keyof().options;

/** Those that bring a release to every droplet. */
export const rolloutNames = ["article", "drain", "handoff"] as const satisfies readonly SideName[];
/** Those that are Evenkeel's. */
export const ourNames = ["drain", "handoff"] as const satisfies readonly SideName[];

const measured = z.object({
  /** ISO 8601 in UTC. */
  date: z.string(),
  commit: z.string(),
});
/** When something was measured, and with which state of the project. */
export type Stamp = z.output<typeof measured>;

const round = measured.extend(sidesForm.shape);
export type Round = z.output<typeof round>;

/** A round of the sides that were measured. @throws ZodError when one is missing */
export const roundOf = (stamp: Stamp, sides: Partial<Sides>): Round => round.parse({ ...stamp, ...sides });

export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

const cell = z.object({
  droplets: z.int(),
  /** Seconds between two probes of the balancer. */
  interval: z.number(),
  rounds: z.array(round).min(1),
});
export type Cell = z.output<typeof cell>;

const settings = z.object({
  site: z.enum(siteNames),
  /** Whether hosts after the first one are handed over all at once, or one after the other. */
  atOnce: z.boolean(),
  ratePerSecond: z.number(),
  slowShare: z.number(),
  slowMs: z.number(),
  keepAliveShare: z.number(),
  secondToolPerSecond: z.number(),
  unhealthyThreshold: z.int(),
  healthyThreshold: z.int(),
  retries: z.int(),
});
export type BenchSettings = z.output<typeof settings>;

export const benchFigures = z.object({
  machine: machineForm,
  settings,
  cells: z.array(cell),
  /** Rounds that did not come to their end: they are in no cell, and kept from nobody. */
  aborted: z.array(z.object({ ...measured.shape, droplets: z.int(), interval: z.number(), reason: z.string() })),
});
export type BenchFigures = z.output<typeof benchFigures>;

/** What a cell stands for. */
export type Place = Pick<Cell, "droplets" | "interval">;

const isAt =
  ({ droplets, interval }: Place) =>
  (cell: Place): boolean =>
    cell.droplets === droplets && cell.interval === interval;

/** Rounds that are there already. */
export const roundsAt = ({ cells }: BenchFigures, place: Place): number => cells.find(isAt(place))?.rounds.length ?? 0;

/** The figures with one round more; cells stay in order of interval and droplets. */
export function withRound(figures: BenchFigures, place: Place, added: Round): BenchFigures {
  const before = figures.cells.find(isAt(place));
  const cell: Cell = { ...place, rounds: [...(before?.rounds ?? []), added] };
  const cells = [...figures.cells.filter((one) => one !== before), cell];
  return { ...figures, cells: cells.sort((a, b) => a.interval - b.interval || a.droplets - b.droplets) };
}

/** The figures with one attempt more that did not come to its end. */
export const withAborted = (figures: BenchFigures, attempt: BenchFigures["aborted"][number]): BenchFigures => ({
  ...figures,
  aborted: [...figures.aborted, attempt],
});

/** What is written is rounded: nothing is measured more finely. */
export const rounded = (value: number, digits = 2): number => Number(value.toFixed(digits));

/** Smallest, middle (of an even number the mean of both) and largest. @param values at least one */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (index: number): number => sorted[index] ?? NaN;
  const middle = (sorted.length - 1) / 2;
  return { min: at(0), median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2, max: at(sorted.length - 1) };
}
