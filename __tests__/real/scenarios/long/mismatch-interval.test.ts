/** A balancer that probes less often than manifest and API say. */
import { afterAll, beforeAll, it, jest } from "@jest/globals";
import {
  expectProbesAwaited,
  expectUnnoticed,
  LIMIT_MS,
  startOtherwise,
  type RealScenario,
} from "../../../support/real.js";

jest.setTimeout(LIMIT_MS);

const otherwise = { checkIntervalSeconds: 10 };

let scenario: RealScenario;
beforeAll(async () => {
  scenario = await startOtherwise(otherwise);
  await scenario.begin();
});
afterAll(() => (scenario as RealScenario | undefined)?.end());

it("two droplets behind a balancer that probes every 10 s instead of 3: no request fails", async () => {
  expectProbesAwaited(await expectUnnoticed(scenario), otherwise);
});
