/** From what was measured of a side to its figures. Pure. */
import type { Change } from "../site.js";
import { secondsBelowFull } from "./capacity.js";
import { rounded, type Side } from "./figures.js";
import { inFlightWhenStopped } from "./in-flight.js";
import type { Outcome } from "./sides.js";

/** The balancer's view of the fleet, as {@link secondsBelowFull} takes it. */
export interface BalancerView {
  readonly changes: readonly Change[];
  /** Droplets times nodes. */
  readonly pairs: number;
}

export function sideFigures(outcome: Outcome, { changes, pairs }: BalancerView): Side {
  const { span, load, samples, stops, stopSeconds, secondTool } = outcome;
  const { sent, failed, notMeasured, p99Ms, worstMs, stalledMs, longestStallMs } = load;
  const loaded = { fromMs: span.fromMs, toMs: load.startedAtMs + load.durationMs };
  return {
    ...{ seconds: rounded((span.toMs - span.fromMs) / 1000), sent, failed, notMeasured, p99Ms, worstMs },
    inFlightWhenStopped: inFlightWhenStopped(samples, stops),
    secondsBelowFull: rounded(secondsBelowFull(changes, pairs, loaded)),
    stopSeconds: rounded(stopSeconds),
    secondTool,
    generator: { stalledMs, longestStallMs },
  };
}
