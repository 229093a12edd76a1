/** Rollouts with a gate left out, to show what it is good for. */
import type { LoadReport } from "../../lab/load/load.js";
import type { Parts } from "../../scripts/rollout/context.js";
import type { RolloutEvent } from "../../scripts/rollout/core/events.js";
import type { Receipt } from "../../scripts/rollout/core/receipt.js";
import { standardParts } from "../../scripts/rollout/run.js";
import { Scenario } from "./scenario.js";

const open = () => ({ pass: true }) as const;
/** Hosts leave in the order of the manifest, whatever the balancer asks next. */
export const inOrder: Parts = { ...standardParts, turn: (hosts) => [...hosts] };
const without = (gates: Partial<Parts["gates"]>): Parts => ({
  ...inOrder,
  gates: { ...standardParts.gates, ...gates },
});

/** Neither probes nor a quiet window of witness requests nor requests in flight are waited for. */
export const noEjection = without({ ejected: open, quiet: open, sampled: open, idle: open });
/** The next host's quorum would notice that this one is not back: it is left out as well. */
export const noReadmission = without({ readmitted: open, quorum: open });
export const noQuorum = without({ quorum: open });
/** Neither drained nor waited for: what "stop, remove, run" does. Without a drain the ejection gate could never open. */
export const noDrain: Parts = {
  ...noEjection,
  steps: (context) => {
    const plan = standardParts.steps(context);
    const replace = plan.stages.replace.filter((step) => step.name !== "expect-drained");
    return { ...plan, stages: { ...plan.stages, drain: [], replace } };
  },
};

/**
 * Slow enough that a gate has something to wait for: three failed probes take longer than stop and start, and to enter rotation
 * takes longer than to leave it.
 */
const check = { checkIntervalSeconds: 1.5, responseTimeoutSeconds: 1.5, unhealthyThreshold: 3, healthyThreshold: 5 };

/** Two droplets that serve version 1, behind a balancer that does not retry: nothing is hidden. */
export async function startForControls(): Promise<Scenario> {
  // A control that loses the fleet need not wait long until it says so.
  const scenario = await Scenario.start({ check, fleet: { rollout: { progressDeadlineSeconds: 30 } } });
  await scenario.begin();
  return scenario;
}

/** Rolls version 2 out under load. */
export async function rollOut(
  scenario: Scenario,
  parts: Parts,
  onEvent?: (event: RolloutEvent) => void,
): Promise<{ result: Receipt; seen: LoadReport }> {
  const image = await scenario.world.pushReference("v2");
  return scenario.under(() => scenario.rolloutWith(parts, image, onEvent));
}
