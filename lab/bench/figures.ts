/** The figures of the bench: their form, and how they grow pair by pair. Pure. */
import { z } from "zod";
import { machineForm } from "../figures/machine.js";
import { siteNames } from "../site-names.js";

const counts = z.object({ sent: z.int(), failed: z.int() });

/** One side of a pair. Counts and latencies are of the whole load, which begins and ends a little outside of what is timed. */
const side = z.object({
  /** From the first command to the end of the last. */
  seconds: z.number(),
  ...counts.shape,
  /** Due and not sent. Figures from before these were told apart count them as failed. */
  notMeasured: z.int().default(0),
  /** Of ordinary requests that went well; null without any. */
  p99Ms: z.number().nullable(),
  worstMs: z.number(),
  /** Requests under way to the droplets when each was told to stop, all together. */
  inFlightWhenStopped: z.int(),
  /** Seconds with fewer than all droplets in rotation. */
  secondsBelowFull: z.number(),
  /** What autocannon counted alongside. */
  secondTool: counts,
  /** What stopping the old containers took of the seconds. */
  stopSeconds: z.number(),
  /** How far the load's own process was late. */
  generator: z.object({ stalledMs: z.number(), longestStallMs: z.number() }),
});
export type Side = z.output<typeof side>;

const host = z.object({
  /** Number of the pair, from 1. */
  pair: z.int(),
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
/** A host within one rollout. */
export type HostOfRollout = Omit<z.output<typeof host>, "pair">;

const measured = z.object({
  /** ISO 8601 in UTC. */
  date: z.string(),
  commit: z.string(),
});
/** When something was measured, and with which state of the project. */
export type Stamp = z.output<typeof measured>;

const pair = z.object({ ...measured.shape, article: side, evenkeel: side });
export type Pair = z.output<typeof pair>;

const spread = z.object({ min: z.number(), median: z.number(), max: z.number() });
export type Spread = z.output<typeof spread>;

const cell = z.object({
  droplets: z.int(),
  /** Seconds between two probes of the balancer. */
  interval: z.number(),
  pairs: z.array(pair),
  /** Evenkeel's seconds over the article's, pair by pair. */
  ratio: spread,
  /** Evenkeel's hosts in all pairs. */
  hosts: z.array(host),
});
export type Cell = z.output<typeof cell>;

const settings = z.object({
  site: z.enum(siteNames),
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
  /** Attempts at a pair that did not come to their end: they are in no cell, and kept from nobody. */
  aborted: z.array(z.object({ ...measured.shape, droplets: z.int(), interval: z.number(), reason: z.string() })),
});
export type BenchFigures = z.output<typeof benchFigures>;

/** What a cell stands for. */
export type Place = Pick<Cell, "droplets" | "interval">;

const isAt =
  ({ droplets, interval }: Place) =>
  (cell: Place): boolean =>
    cell.droplets === droplets && cell.interval === interval;

/** Pairs that are there already. */
export const pairsAt = ({ cells }: BenchFigures, place: Place): number => cells.find(isAt(place))?.pairs.length ?? 0;

/** The figures with one pair more; cells stay in order of interval and droplets. */
export function withPair(
  figures: BenchFigures,
  place: Place,
  added: Pair,
  hosts: readonly HostOfRollout[],
): BenchFigures {
  const before = figures.cells.find(isAt(place));
  const pairs = [...(before?.pairs ?? []), added];
  const cell: Cell = {
    ...place,
    pairs,
    ratio: spreadOf(pairs.map(({ article, evenkeel }) => rounded(evenkeel.seconds / article.seconds, 3))),
    hosts: [...(before?.hosts ?? []), ...hosts.map((one) => ({ pair: pairs.length, ...one }))],
  };
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
