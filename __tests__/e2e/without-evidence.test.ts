/** What the gates around a swap are good for: with them no request is lost, as without-drain.test.ts shows. */
import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";
import type { Scenario } from "../support/scenario.js";
import { noEjection, noReadmission, rollOut, startForControls } from "../support/without-gates.js";

jest.setTimeout(300_000);

describe("a rollout under load", () => {
  let scenario: Scenario;
  beforeEach(async () => {
    scenario = await startForControls();
  });
  afterEach(() => scenario.end());

  it("fails requests when the ejection gate is left out", async () => {
    const { seen } = await rollOut(scenario, noEjection);
    expect(seen.failed).toBeGreaterThan(0);
  });

  it("fails requests when the readmission gate is left out", async () => {
    const { seen } = await rollOut(scenario, noReadmission);
    expect(seen.failed).toBeGreaterThan(0);
  });
});
