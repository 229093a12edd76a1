/** The balancer closes its connections to the droplets after each request. */
import { afterAll, beforeAll, expect, it, jest } from "@jest/globals";
import { expectFewestProbes, expectUnnoticed, LIMIT_MS, startReal, type RealScenario } from "../../../support/real.js";

jest.setTimeout(LIMIT_MS);

let scenario: RealScenario;
beforeAll(async () => {
  scenario = await startReal({ world: { balancer: { backendKeepalive: false } } });
  await scenario.begin();
});
afterAll(() => (scenario as RealScenario | undefined)?.end());

it("three droplets are replaced without a failed request, backend keep-alive off", async () => {
  expect(scenario.world.balancer.settings.backendKeepalive).toBe(false);
  expectFewestProbes(await expectUnnoticed(scenario));
});
