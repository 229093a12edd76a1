/** What the quorum is good for: the same rollout under the same load, as it is and without. */
import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";
import type { RolloutEvent } from "../../scripts/rollout/core/events.js";
import type { Scenario } from "../support/scenario.js";
import { inOrder, noQuorum, rollOut, startForControls } from "../support/without-gates.js";

jest.setTimeout(300_000);

describe("a rollout while the other host is being taken out by somebody else", () => {
  let scenario: Scenario;
  beforeEach(async () => {
    scenario = await startForControls();
  });
  afterEach(() => scenario.end());

  /** During the smoke boot, so that the plan still counts on the host. */
  const drainSecond = (event: RolloutEvent): void => {
    if (event.name === "step" && event.data.step === "smoke-ready")
      void scenario.world.droplets[1]?.control("POST", "/drain");
  };

  it("stops before the first host leaves, and loses no request", async () => {
    const { result, seen } = await rollOut(scenario, inOrder, drainSecond);
    expect(result.error?.code).toBe("QuorumLost");
    expect(result.exitCode).toBe(3);
    expect(result.hosts.map((host) => host.action)).toEqual(["untouched", "untouched"]);
    expect(seen.failures).toEqual([]);
  });

  it("fails requests when the quorum is left out", async () => {
    const { seen } = await rollOut(scenario, noQuorum, drainSecond);
    expect(seen.failed).toBeGreaterThan(0);
  });
});
