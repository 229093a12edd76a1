/** A balancer of two nodes whose probes are half an interval apart. */
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { FAST_CHECK } from "../../../support/scenario.js";
import { expectUnnoticed, LIMIT_MS, startReal, type RealScenario } from "../../../support/real.js";

jest.setTimeout(LIMIT_MS);

describe("two nodes out of phase", () => {
  let scenario: RealScenario;
  beforeAll(async () => {
    const phasesSeconds = [0, FAST_CHECK.checkIntervalSeconds / 2];
    scenario = await startReal({ world: { balancer: { nodes: 2, phasesSeconds } } });
    await scenario.begin();
  });
  afterAll(() => (scenario as RealScenario | undefined)?.end());

  it("both let every host go before it is stopped: no request fails", async () => {
    await expectUnnoticed(scenario);
    const nodes = new Set(scenario.world.balancer.changes.filter(({ up }) => !up).map(({ node }) => node));
    expect(nodes).toEqual(new Set([0, 1]));
  });
});
