/** What stop, remove and run costs, on the same droplets under the same load. */
import { afterAll, beforeAll, it, jest } from "@jest/globals";
import { inRotation } from "../../../../lab/bench/fleet.js";
import { expectLost, LIMIT_MS, LOAD, rollOutNaively, startReal, type RealScenario } from "../../../support/real.js";

jest.setTimeout(LIMIT_MS);

let scenario: RealScenario;
beforeAll(async () => {
  scenario = await startReal();
  await scenario.begin();
  await inRotation(scenario.world, new AbortController().signal);
});
afterAll(() => (scenario as RealScenario | undefined)?.end());

it("requests fail when each droplet is stopped, removed and run, and the app takes 4 s to start", async () => {
  const environment = { PORT: "80" };
  const image = await scenario.world.site.pushReference("slow", { startDelaySeconds: 4, environment });
  const lost = await scenario.under(() => rollOutNaively(scenario, image), LOAD);
  expectLost(lost);
});
