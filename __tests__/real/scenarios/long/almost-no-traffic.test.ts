/** One request in five seconds, and a balancer that lets go later than the manifest says: no traffic that shows where it goes. */
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { FAST_CHECK } from "../../../support/scenario.js";
import { expectUnnoticed, LIMIT_MS, startReal, type RealScenario } from "../../../support/real.js";

jest.setTimeout(LIMIT_MS);

describe("almost no traffic and a wrong threshold", () => {
  const unhealthyThreshold = 2 * FAST_CHECK.unhealthyThreshold;
  let scenario: RealScenario;
  beforeAll(async () => {
    scenario = await startReal({ world: { balancer: { unhealthyThreshold, reportDeclared: true } } });
    await scenario.begin();
  });
  afterAll(() => (scenario as RealScenario | undefined)?.end());

  it("cost no request: the rollout's own show where requests go", async () => {
    const { result } = await expectUnnoticed(scenario, { ratePerSecond: 0.2, slowShare: 0 });
    expect(result.receipt?.witness).toMatchObject({ failed: 0, reachable: true });
    for (const host of result.receipt?.hosts ?? [])
      expect(host.drain?.taken).toBeGreaterThanOrEqual(unhealthyThreshold);
  });
});
