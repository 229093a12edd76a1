/** A balancer that does otherwise than manifest and API say. */
import { afterEach, describe, expect, it, jest } from "@jest/globals";
import type { BalancerOptions } from "../../../../lab/balancer-options.js";
import { expectUnnoticed, LIMIT_MS, LOAD, startReal, THREE_SECONDS, type RealScenario } from "../../../support/real.js";

jest.setTimeout(LIMIT_MS);

const cases: readonly [string, BalancerOptions][] = [
  ["probes every 10 s instead of 3", { checkIntervalSeconds: 10 }],
  ["lets go after 4 failed probes instead of 2", { unhealthyThreshold: 4 }],
];

describe("two droplets behind a balancer that", () => {
  let scenario: RealScenario | undefined;
  afterEach(() => scenario?.end());

  it.each(cases)("%s: no request fails", async (_name, otherwise) => {
    const balancer = { ...otherwise, reportDeclared: true };
    scenario = await startReal({ fleet: { dropletCount: 2 }, check: THREE_SECONDS, world: { balancer } });
    await scenario.begin();
    const { result } = await expectUnnoticed(scenario, LOAD);
    expect(result.events.some(({ name }) => name === "balancerDiffers")).toBe(false);
    for (const host of result.receipt?.hosts ?? [])
      expect(host.drain?.taken).toBeGreaterThanOrEqual(
        otherwise.unhealthyThreshold ?? THREE_SECONDS.unhealthyThreshold,
      );
  });
});
