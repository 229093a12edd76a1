/** Connections between balancer and droplets, closed after each request or kept. */
import { afterEach, describe, expect, it, jest } from "@jest/globals";
import { expectUnnoticed, LIMIT_MS, startReal, type RealScenario } from "../../support/real.js";

jest.setTimeout(LIMIT_MS);

describe("three droplets", () => {
  let scenario: RealScenario | undefined;
  afterEach(() => scenario?.end());

  it.each([false, true])("are replaced without a failed request, backend keep-alive %s", async (backendKeepalive) => {
    scenario = await startReal({ world: { balancer: { backendKeepalive } } });
    await scenario.begin();
    expect(scenario.world.balancer.settings.backendKeepalive).toBe(backendKeepalive);
    const { result } = await expectUnnoticed(scenario);
    // Each host let go and taken back with as few probes as the balancer allows, or one more.
    for (const host of result.receipt?.hosts ?? [])
      for (const count of [host.drain, host.readmission]) {
        expect(count).not.toBeNull();
        expect(count?.taken).toBeLessThanOrEqual((count?.floor ?? 0) + 1);
      }
  });
});
