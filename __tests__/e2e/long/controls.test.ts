/** What each gate is good for: the same rollout under the same load, with every gate in and with one left out. */
import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { lossLines } from "../../../lab/demo/losses.js";
import type { Parts } from "../../../scripts/rollout/context.js";
import type { RolloutEvent } from "../../../scripts/rollout/core/events.js";
import { standardParts } from "../../../scripts/rollout/run.js";
import { drop } from "../../support/front-states.js";
import type { Scenario } from "../../support/scenario.js";
import {
  inOrder,
  noDrain,
  noEjection,
  noQuorum,
  noReadmission,
  rollOut,
  startForControls,
} from "../../support/without-gates.js";

jest.setTimeout(300_000);

let scenario: Scenario;
beforeEach(async () => {
  scenario = await startForControls();
});
afterEach(() => scenario.end());

describe("a rollout under load", () => {
  it("loses no request with every gate in", async () => {
    const { result, seen } = await rollOut(scenario, standardParts);
    expect(result.exitCode).toBe(0);
    expect(seen.failures).toEqual([]);
  });

  it.each<[string, Parts]>([
    ["the drain", noDrain],
    ["the ejection gate", noEjection],
    ["the readmission gate", noReadmission],
  ])("fails requests when %s is left out", async (_gate, parts) => {
    const events: RolloutEvent[] = [];
    const { seen } = await rollOut(scenario, parts, (event) => events.push(event));
    expect(seen.failed).toBeGreaterThan(0);
    const { settings, changes } = scenario.world.balancer;
    const [all = "", ...each] = lossLines(seen, { nodes: settings.nodes, changes, events });
    expect(all).toContain(`${seen.failed} request`);
    expect(all).toContain("sent and lost");
    expect(each.join("\n")).toMatch(/into the rollout: GET .*\n.*the balancer sent requests to .*\n.*the rollout had /);
  });
});

describe("a rollout while the other host is being taken out by somebody else", () => {
  /** Once it is planned, so that the plan still counts on the host. */
  const drainSecond = (event: RolloutEvent): void => {
    const second = scenario.world.droplets[1];
    if (event.name === "planned" && second) void drop(second);
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
