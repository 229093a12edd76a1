/** What the drain is good for: the same rollout under the same load, as it is and without. */
import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { standardParts } from "../../scripts/rollout/run.js";
import type { Scenario } from "../support/scenario.js";
import { noDrain, rollOut, startForControls } from "../support/without-gates.js";

jest.setTimeout(300_000);

describe("a rollout under load", () => {
  let scenario: Scenario;
  beforeEach(async () => {
    scenario = await startForControls();
  });
  afterEach(() => scenario.end());

  it("loses no request with every gate in", async () => {
    const { result, seen } = await rollOut(scenario, standardParts);
    expect(result.exitCode).toBe(0);
    expect(seen.failures).toEqual([]);
  });

  it("fails requests when the drain is left out", async () => {
    const { seen } = await rollOut(scenario, noDrain);
    expect(seen.failed).toBeGreaterThan(0);
  });
});
