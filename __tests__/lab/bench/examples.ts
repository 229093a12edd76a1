/** Figures for tests: a cell as the bench would measure it, with round numbers. */
import type {
  BenchFigures,
  DrainedHost,
  HandedHost,
  Phases,
  Place,
  Round,
  Side,
  Sides,
} from "../../../lab/bench/figures.js";
import { withRound } from "../../../lab/bench/figures.js";

export const exampleSide = (seconds: number, other: Partial<Side> = {}): Side => ({
  seconds,
  ...{ sent: 1000, failed: 0, notMeasured: 0, p50Ms: 2, p99Ms: 5, p999Ms: 20, worstMs: 50 },
  secondsBelowFull: seconds / 2,
  secondTool: { sent: 100, failed: 0 },
  stops: { seconds: seconds / 10, inFlight: 0 },
  generator: { stalledMs: 0, longestStallMs: 0 },
  ...other,
});

export const exampleDrained = (name: string, other: Partial<DrainedHost> = {}): DrainedHost => ({
  name,
  ...{ drainSeconds: 4, letGoSeconds: 3.5, readmissionSeconds: 6, takenInSeconds: 5.5, seconds: 11, floorSeconds: 10 },
  ...other,
});

export const exampleHanded = (name: string, fromSeconds: number, seconds: number): HandedHost => ({
  ...{ name, fromSeconds, seconds },
});

/** All but 5 s of them are at the hosts. */
export const examplePhases = (seconds: number): Phases => ({
  ...{ process: 0.5, look: 0.5, locks: 0.25, pull: 0.75, plan: 1, baseline: 0.5 },
  hosts: seconds - 5,
  ...{ between: 0.5, proof: 0.25, end: 0.75 },
});

/** One round of three droplets whose drain has a floor of 30 s. */
export const exampleRound = (
  [article, drain, handoff]: readonly [article: number, drain: number, handoff: number],
  other: { readonly [Name in keyof Sides]?: Partial<Sides[Name]> } = {},
): Round => ({
  ...{ date: "2026-01-02T03:04:05.000Z", commit: "abc" },
  article: { ...exampleSide(article), ...other.article },
  drain: {
    ...exampleSide(drain),
    phases: examplePhases(drain),
    hosts: ["api-2", "api-1", "api-3"].map((name) => exampleDrained(name)),
    ...other.drain,
  },
  handoff: {
    ...exampleSide(handoff, { stops: null, secondsBelowFull: 0 }),
    phases: examplePhases(handoff),
    hosts: [exampleHanded("api-2", 2, 6), exampleHanded("api-1", 8.5, 2.5), exampleHanded("api-3", 11.5, 3)],
    ...other.handoff,
  },
  control: { ...exampleSide(12, { stops: null, secondsBelowFull: 0, sent: 400, p999Ms: 15 }), ...other.control },
});

/** An attempt that did not come to its end. */
export const exampleAttempt: BenchFigures["aborted"][number] = {
  ...{ date: "2026-01-02T03:04:05.000Z", commit: "abc", droplets: 2, interval: 3 },
  reason: "exit code 5",
};

export const noFigures: BenchFigures = {
  machine: { cpu: "Example", cores: 2, memoryGb: 8, node: "v20.19.0", kernel: "Linux 6.1" },
  settings: {
    ...{ site: "embedded", atOnce: false },
    ...{ ratePerSecond: 300, slowShare: 0.1, slowMs: 1500, keepAliveShare: 0.5, secondToolPerSecond: 10 },
    ...{ unhealthyThreshold: 2, healthyThreshold: 3, retries: 0 },
  },
  cells: [],
  aborted: [],
};

/** A cell of rounds. */
export const withCell = (figures: BenchFigures, place: Place, ...rounds: readonly Round[]): BenchFigures =>
  rounds.reduce((sofar, round) => withRound(sofar, place, round), figures);
