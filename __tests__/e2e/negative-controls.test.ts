/**
 * What each gate is good for: the same rollout under the same load, once with the gate left out, once as it is. The balancer does not
 * retry, so nothing is hidden.
 */
import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { Scenario } from "../support/scenario.js";
import type { LoadReport } from "../../lab/load/load.js";
import type { Parts } from "../../scripts/rollout/context.js";
import type { RolloutEvent } from "../../scripts/rollout/core/events.js";
import type { Receipt } from "../../scripts/rollout/core/receipt.js";
import { standardParts } from "../../scripts/rollout/run.js";

jest.setTimeout(300_000);

const open = () => ({ pass: true }) as const;
const without = (gates: Partial<Parts["gates"]>): Parts => ({
  ...standardParts,
  gates: { ...standardParts.gates, ...gates },
});

const noEjection = without({ ejected: open, quiet: open, idle: open });
/** The next host's quorum would notice that this one is not back: it is left out as well. */
const noReadmission = without({ readmitted: open, quorum: open });
const noQuorum = without({ quorum: open });
/** Neither drained nor waited for: what "stop, remove, run" does. Without a drain the ejection gate could never open. */
const noDrain: Parts = {
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

let scenario: Scenario;

beforeEach(async () => {
  // A control that loses the fleet need not wait long until it says so.
  scenario = await Scenario.start({ check, fleet: { rollout: { progressDeadlineSeconds: 30 } } });
  await scenario.begin();
});
afterEach(() => scenario.end());

type Outcome = { result: Receipt; seen: LoadReport };

async function rollOut(parts: Parts, onEvent?: (event: RolloutEvent) => void): Promise<Outcome> {
  const image = await scenario.world.pushReference("v2");
  return scenario.under(() => scenario.rolloutWith(parts, image, onEvent));
}

describe("a rollout under load, balancer retries off", () => {
  it("loses no request with every gate in", async () => {
    const { result, seen } = await rollOut(standardParts);
    expect(result.exitCode).toBe(0);
    expect(seen.failures).toEqual([]);
  });

  it("fails requests when the drain is left out", async () => {
    const { seen } = await rollOut(noDrain);
    expect(seen.failed).toBeGreaterThan(0);
  });

  it("fails requests when the ejection gate is left out", async () => {
    const { seen } = await rollOut(noEjection);
    expect(seen.failed).toBeGreaterThan(0);
  });

  it("fails requests when the readmission gate is left out", async () => {
    const { seen } = await rollOut(noReadmission);
    expect(seen.failed).toBeGreaterThan(0);
  });
});

describe("a rollout while the other host is being taken out by somebody else", () => {
  /** During the smoke boot, so that the plan still counts on the host. */
  const drainSecond = (event: RolloutEvent): void => {
    if (event.name === "step" && event.data.step === "smoke-ready")
      void scenario.world.droplets[1]?.control("POST", "/drain");
  };

  it("stops before the first host leaves, and loses no request", async () => {
    const { result, seen } = await rollOut(standardParts, drainSecond);
    expect(result.error?.code).toBe("QuorumLost");
    expect(result.exitCode).toBe(3);
    expect(result.hosts.map((host) => host.action)).toEqual(["untouched", "untouched"]);
    expect(seen.failures).toEqual([]);
  });

  it("fails requests when the quorum is left out", async () => {
    const { seen } = await rollOut(noQuorum, drainSecond);
    expect(seen.failed).toBeGreaterThan(0);
  });
});
