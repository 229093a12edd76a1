/** The least time and the least number of probes that a host's replacement can take behind a checking balancer. */
import type { ObservedCheck } from "../../../contract/policy.js";

export interface FloorInput {
  readonly check: ObservedCheck;
  /** Seconds from the drain to the first probe that fails: at most one interval. */
  readonly firstProbeSeconds: number;
  /** Seconds from stopping the old container to the new one being ready. */
  readonly swapSeconds: number;
}

/**
 * First failing probe + (unhealthy + healthy - 1) x interval, plus what stop and start take beyond one interval. Without a drain
 * (a host that enters rotation only) the unhealthy part falls away. The one formula for plan, receipt and tests.
 */
export function floorSeconds({ check, firstProbeSeconds, swapSeconds }: FloorInput): number {
  const rounds = check.unhealthyThreshold + check.healthyThreshold - 1;
  return (
    firstProbeSeconds + rounds * check.checkIntervalSeconds + Math.max(0, swapSeconds - check.checkIntervalSeconds)
  );
}

/** The same for a host that only enters rotation: it waits for its first probe, then for the others. */
export const entryFloorSeconds = (check: ObservedCheck, firstProbeSeconds: number): number =>
  firstProbeSeconds + (check.healthyThreshold - 1) * check.checkIntervalSeconds;

/** The (threshold + 1) x interval of the article: what is waited where nothing can be observed. */
export const blindWaitMs = (threshold: number, check: ObservedCheck): number =>
  (threshold + 1) * check.checkIntervalSeconds * 1000;
