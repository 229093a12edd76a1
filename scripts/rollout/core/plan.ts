/** What is to be done with each host, in which order, and how long it will take. */
import { hostCount, type ObservedCheck, type RolloutPolicy } from "../../../contract/policy.js";
import type { Survey } from "../ports.js";
import type { PlannedHost } from "./events.js";
import { entryFloorSeconds, floorSeconds } from "./floor.js";
import { isDraining, mayGetRequests, serves } from "./target.js";

/** Seconds that stop and start are expected to take where nothing was measured. */
const EXPECTED_SWAP_SECONDS = 2;

/** The same for a container that starts beside the old one and is watched for a second. */
const EXPECTED_HANDOVER_SECONDS = 4;

/** The same where the ports are led back to a container that still runs. */
const EXPECTED_WAY_BACK_SECONDS = 1;

export interface Plan {
  /** Already on the release and serving. */
  readonly keep: readonly string[];
  /**
   * Get no requests, or are drained: brought onto the release first, batch after batch. Those without a running container are the first batch,
   * however many; the others are stopped, and a look may be wrong about them: at most `maxUnavailable` at once.
   */
  readonly converge: readonly (readonly string[])[];
  /**
   * Serve another release, or have an answer that only the balancer takes for healthy: replaced batch after batch, whose turn it is being seen
   * then. None leaves before the others are seen to get requests.
   */
  readonly replace: readonly string[];
  /** Taken out one after the other, once all others serve. */
  readonly retire: readonly string[];
  /** Size of a batch. */
  readonly maxUnavailable: number;
  /** The same for hosts that are handed over. */
  readonly maxParallel: number;
  readonly hosts: readonly PlannedHost[];
  readonly seconds: number;
}

export interface PlanInput {
  readonly surveys: ReadonlyMap<string, Survey>;
  readonly superseded: readonly string[];
  readonly releaseId: string;
  readonly policy: RolloutPolicy;
  readonly check: ObservedCheck;
  /** Names of hosts that are handed over, if they are replaced. */
  readonly handedOver: readonly string[];
  /** Of these, the ones whose container before still runs and is of the release. */
  readonly ledBack: readonly string[];
}

export function makePlan({ surveys, superseded, releaseId, policy, check, handedOver, ledBack }: PlanInput): Plan {
  const names = [...surveys.keys()];
  const action = (name: string): "keep" | "converge" | "replace" => {
    const survey = surveys.get(name);
    if (!survey || isDraining(survey) || !mayGetRequests(survey)) return "converge";
    return serves(survey) && survey.containers.current?.release === releaseId ? "keep" : "replace";
  };
  const of = (wanted: string): string[] => names.filter((name) => action(name) === wanted);
  const most = hostCount(policy.maxUnavailable, names.length);
  const replace = of("replace");
  const drained = replace.filter((name) => !handedOver.includes(name));
  const batches = Math.ceil(drained.length / most);
  const each = expectedSeconds(
    policy,
    check,
    (Math.min(most, drained.length) / (drained.length + 1)) * check.checkIntervalSeconds,
  );
  const parallel = hostCount(policy.maxParallel, names.length);
  const warm = replace.filter((name) => ledBack.includes(name));
  const handovers = replace.length - drained.length - warm.length;
  const handoverSeconds = EXPECTED_HANDOVER_SECONDS + policy.minReadySeconds;
  const warmSeconds = EXPECTED_WAY_BACK_SECONDS + policy.minReadySeconds;
  const planned = (name: string): PlannedHost => {
    if (warm.includes(name)) return { host: name, action: "lead back", seconds: warmSeconds };
    if (replace.includes(name) && handedOver.includes(name))
      return { host: name, action: "hand over", seconds: handoverSeconds };
    return { host: name, action: action(name), seconds: each[action(name)] };
  };
  const hosts: PlannedHost[] = [
    ...names.map(planned),
    ...superseded.map((name) => ({ host: name, action: "retire" as const, seconds: each.retire })),
  ];
  const runs = (name: string): boolean => surveys.get(name)?.containers.current?.running === true;
  const converge = [of("converge").filter((name) => !runs(name)), ...chunks(of("converge").filter(runs), most)].filter(
    (batch) => batch.length > 0,
  );
  return {
    keep: of("keep"),
    converge,
    replace,
    retire: superseded,
    maxUnavailable: most,
    maxParallel: parallel,
    hosts,
    seconds:
      converge.length * each.converge +
      Math.min(1, warm.length) * warmSeconds +
      handoverBatches(handovers, parallel) * handoverSeconds +
      batches * each.replace +
      superseded.length * each.retire,
  };
}

/** The first host goes alone. */
const handoverBatches = (hosts: number, size: number): number =>
  Math.min(hosts, 1) + Math.ceil(Math.max(0, hosts - 1) / size);

/** At most `size` each, in the same order. */
export const chunks = <One>(all: readonly One[], size: number): One[][] =>
  Array.from({ length: Math.ceil(all.length / size) }, (_, index) => all.slice(index * size, (index + 1) * size));

/**
 * Half an interval to the first probe is what a host waits on average.
 * @param turnSeconds the same for a batch, which consists of those that are probed soonest
 */
function expectedSeconds(
  policy: RolloutPolicy,
  check: ObservedCheck,
  turnSeconds: number,
): Record<Exclude<PlannedHost["action"], "hand over" | "lead back">, number> {
  const interval = check.checkIntervalSeconds;
  const drained = floorSeconds({ check, firstProbeSeconds: turnSeconds, swapSeconds: EXPECTED_SWAP_SECONDS });
  return {
    keep: 0,
    converge: EXPECTED_SWAP_SECONDS + entryFloorSeconds(check, interval / 2) + policy.minReadySeconds,
    replace: drained + policy.minReadySeconds,
    retire: interval / 2 + (check.unhealthyThreshold - 1) * interval,
  };
}
