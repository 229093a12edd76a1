/** Figures for tests: a cell as the bench would measure it, with round numbers. */
import type { BenchFigures, HostOfRollout, Pair, Place, Side } from "../../../lab/bench/figures.js";
import { withPair } from "../../../lab/bench/figures.js";

export const exampleSide = (seconds: number, other: Partial<Side> = {}): Side => ({
  seconds,
  ...{ sent: 1000, failed: 0, notMeasured: 0, p99Ms: 5, worstMs: 50 },
  inFlightWhenStopped: 0,
  secondsBelowFull: seconds / 2,
  secondTool: { sent: 100, failed: 0 },
  stopSeconds: seconds / 10,
  generator: { stalledMs: 0, longestStallMs: 0 },
  ...other,
});

export const examplePair = (articleSeconds: number, evenkeelSeconds: number): Pair => ({
  ...{ date: "2026-01-02T03:04:05.000Z", commit: "abc" },
  article: exampleSide(articleSeconds),
  evenkeel: exampleSide(evenkeelSeconds),
});

export const exampleHost = (name: string, other: Partial<HostOfRollout> = {}): HostOfRollout => ({
  name,
  ...{ drainSeconds: 4, letGoSeconds: 3.5, readmissionSeconds: 6, takenInSeconds: 5.5, seconds: 11, floorSeconds: 10 },
  ...other,
});

/** An attempt that did not come to its end. */
export const exampleAttempt: BenchFigures["aborted"][number] = {
  ...{ date: "2026-01-02T03:04:05.000Z", commit: "abc", droplets: 2, interval: 3 },
  reason: "exit code 5",
};

export const noFigures: BenchFigures = {
  machine: { cpu: "Example", cores: 2, memoryGb: 8, node: "v20.19.0", kernel: "Linux 6.1" },
  settings: {
    site: "embedded",
    ...{ ratePerSecond: 300, slowShare: 0.1, slowMs: 1500, keepAliveShare: 0.5, secondToolPerSecond: 10 },
    ...{ unhealthyThreshold: 2, healthyThreshold: 3, retries: 0 },
  },
  cells: [],
  aborted: [],
};

/** A cell of pairs that take that long. */
export const withCell = (
  figures: BenchFigures,
  place: Place,
  seconds: readonly (readonly [article: number, evenkeel: number])[],
): BenchFigures =>
  seconds.reduce(
    (sofar, [article, evenkeel]) =>
      withPair(sofar, place, examplePair(article, evenkeel), [exampleHost("api-1"), exampleHost("api-2")]),
    figures,
  );
