/** The balancer keeps its connections to the droplets: a stopped one resets them. */
import { afterAll, beforeAll, expect, it, jest } from "@jest/globals";
import { expectFewestProbes, expectUnnoticed, LIMIT_MS, startReal, type RealScenario } from "../../support/real.js";

jest.setTimeout(LIMIT_MS);

let scenario: RealScenario;
beforeAll(async () => {
  scenario = await startReal({ world: { balancer: { backendKeepalive: true } } });
  await scenario.begin();
});
afterAll(() => (scenario as RealScenario | undefined)?.end());

it("three droplets are replaced without a failed request, backend keep-alive on", async () => {
  expect(scenario.world.balancer.settings.backendKeepalive).toBe(true);
  expectFewestProbes(await expectUnnoticed(scenario));
});
