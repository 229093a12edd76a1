/** From what was measured of a side to its figures. Pure. */
import type { Change } from "../site.js";
import { secondsBelowFull } from "./capacity.js";
import { rounded, type Side } from "./figures.js";
import { inFlightWhenStopped, type Stop } from "./in-flight.js";
import type { Measured } from "./measure.js";

/** How the old containers were stopped. */
export interface Stops {
  readonly each: readonly Stop[];
  /** What all took together. */
  readonly seconds: number;
}

/** The balancer's view of the fleet, as {@link secondsBelowFull} takes it. */
export interface BalancerView {
  readonly changes: readonly Change[];
  /** Droplets times nodes. */
  readonly pairs: number;
}

/** @param stops null where no container is stopped within the time */
export function sideFigures(
  { span, load, samples, secondTool }: Omit<Measured<unknown>, "result">,
  { changes, pairs }: BalancerView,
  stops: Stops | null,
): Side {
  const { sent, failed, notMeasured, p50Ms, p99Ms, p999Ms, worstMs, stalledMs, longestStallMs } = load;
  const loaded = { fromMs: span.fromMs, toMs: load.startedAtMs + load.durationMs };
  return {
    ...{ seconds: rounded((span.toMs - span.fromMs) / 1000), sent, failed, notMeasured },
    ...{ p50Ms, p99Ms, p999Ms, worstMs },
    secondsBelowFull: rounded(secondsBelowFull(changes, pairs, loaded)),
    secondTool,
    stops: stops && { seconds: rounded(stops.seconds), inFlight: inFlightWhenStopped(samples, stops.each) },
    generator: { stalledMs, longestStallMs },
  };
}
