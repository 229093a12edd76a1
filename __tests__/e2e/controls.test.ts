/** What each gate is good for: the same rollout under the same load, with every gate in and with one left out. */
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from "@jest/globals";
import type { Parts } from "../../scripts/rollout/context.js";
import type { RolloutEvent } from "../../scripts/rollout/core/events.js";
import { standardParts } from "../../scripts/rollout/run.js";
import { Controls, inOrder, noDrain, noEjection, noQuorum, noReadmission } from "../support/without-gates.js";

jest.setTimeout(300_000);

/** One fleet for all, whose order does not matter: each rolls out a version of its own. */
let controls: Controls;
beforeAll(async () => {
  controls = await Controls.start();
});
/** Whatever a rollout without a gate has left. */
afterEach(async () => {
  const undrained = controls.scenario.world.droplets.map((droplet) => droplet.control("DELETE", "/drain"));
  await Promise.allSettled(undrained);
});
afterAll(() => (controls as Controls | undefined)?.scenario.end());

describe("a rollout under load", () => {
  it("loses no request with every gate in", async () => {
    const { result, seen } = await controls.rollOut(standardParts);
    expect(result.exitCode).toBe(0);
    expect(seen.failures).toEqual([]);
  });

  it.each<[string, Parts]>([
    ["the drain", noDrain],
    ["the ejection gate", noEjection],
    ["the readmission gate", noReadmission],
  ])("fails requests when %s is left out", async (_gate, parts) => {
    const { seen } = await controls.rollOut(parts);
    expect(seen.failed).toBeGreaterThan(0);
  });
});

describe("a rollout while the other host is being taken out by somebody else", () => {
  /** During the smoke boot, so that the plan still counts on the host. */
  const drainSecond = (event: RolloutEvent): void => {
    if (event.name === "step" && event.data.step === "smoke-ready")
      void controls.scenario.world.droplets[1]?.control("POST", "/drain");
  };

  it("stops before the first host leaves, and loses no request", async () => {
    const { result, seen } = await controls.rollOut(inOrder, drainSecond);
    expect(result.error?.code).toBe("QuorumLost");
    expect(result.exitCode).toBe(3);
    expect(result.hosts.map((host) => host.action)).toEqual(["untouched", "untouched"]);
    expect(seen.failures).toEqual([]);
  });

  it("fails requests when the quorum is left out", async () => {
    const { seen } = await controls.rollOut(noQuorum, drainSecond);
    expect(seen.failed).toBeGreaterThan(0);
  });
});
