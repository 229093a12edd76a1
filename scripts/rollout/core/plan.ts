/** What is to be done with each host, in which order, and how long it will take. */
import { mostUnavailable, type ObservedCheck, type RolloutPolicy } from "../../../contract/policy.js";
import type { Survey } from "../ports.js";
import type { PlannedHost } from "./events.js";
import { entryFloorSeconds, floorSeconds } from "./floor.js";
import { serves } from "./target.js";

/** Seconds that stop and start are expected to take where nothing was measured. */
const EXPECTED_SWAP_SECONDS = 2;

export interface Plan {
  /** Already on the release and serving. */
  readonly keep: readonly string[];
  /** Do not serve: brought onto the release first, in parallel. */
  readonly converge: readonly string[];
  /** Serve another release: replaced batch after batch, whose turn it is being seen then. */
  readonly replace: readonly string[];
  /** Taken out one after the other, once all others serve. */
  readonly retire: readonly string[];
  /** Size of a batch. */
  readonly maxUnavailable: number;
  readonly hosts: readonly PlannedHost[];
  readonly seconds: number;
}

export interface PlanInput {
  readonly surveys: ReadonlyMap<string, Survey>;
  readonly superseded: readonly string[];
  readonly releaseId: string;
  readonly policy: RolloutPolicy;
  readonly check: ObservedCheck;
}

export function makePlan({ surveys, superseded, releaseId, policy, check }: PlanInput): Plan {
  const names = [...surveys.keys()];
  const action = (name: string): "keep" | "converge" | "replace" => {
    const survey = surveys.get(name);
    if (!survey || !serves(survey)) return "converge";
    return survey.containers.current?.release === releaseId ? "keep" : "replace";
  };
  const of = (wanted: string): string[] => names.filter((name) => action(name) === wanted);
  const most = mostUnavailable(policy.maxUnavailable, names.length);
  const replace = of("replace");
  const batches = Math.ceil(replace.length / most);
  const each = expectedSeconds(
    policy,
    check,
    (Math.min(most, replace.length) / (replace.length + 1)) * check.checkIntervalSeconds,
  );
  const hosts: PlannedHost[] = [
    ...names.map((name) => ({ host: name, action: action(name), seconds: each[action(name)] })),
    ...superseded.map((name) => ({ host: name, action: "retire" as const, seconds: each.retire })),
  ];
  const converge = of("converge");
  return {
    keep: of("keep"),
    converge,
    replace,
    retire: superseded,
    maxUnavailable: most,
    hosts,
    seconds: (converge.length > 0 ? each.converge : 0) + batches * each.replace + superseded.length * each.retire,
  };
}

/**
 * Half an interval to the first probe is what a host waits on average.
 * @param turnSeconds the same for a batch, which consists of those that are probed soonest
 */
function expectedSeconds(
  policy: RolloutPolicy,
  check: ObservedCheck,
  turnSeconds: number,
): Record<PlannedHost["action"], number> {
  const interval = check.checkIntervalSeconds;
  const out = interval / 2 + (check.unhealthyThreshold - 1) * interval;
  const blind = (threshold: number): number => (threshold + 1) * interval;
  const evidence = {
    keep: 0,
    converge: EXPECTED_SWAP_SECONDS + entryFloorSeconds(check, interval / 2) + policy.minReadySeconds,
    replace:
      floorSeconds({ check, firstProbeSeconds: turnSeconds, swapSeconds: EXPECTED_SWAP_SECONDS }) +
      policy.minReadySeconds,
    retire: out,
  };
  if (policy.gate === "evidence") return evidence;
  return {
    keep: 0,
    converge: EXPECTED_SWAP_SECONDS + blind(check.healthyThreshold) + policy.minReadySeconds,
    replace:
      blind(check.unhealthyThreshold) + EXPECTED_SWAP_SECONDS + blind(check.healthyThreshold) + policy.minReadySeconds,
    retire: blind(check.unhealthyThreshold),
  };
}
