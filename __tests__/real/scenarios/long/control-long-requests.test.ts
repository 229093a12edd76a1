/** What the article's procedure costs clients whose requests take longer than its waits. */
import { afterAll, beforeAll, it, jest } from "@jest/globals";
import { articleWaits } from "../../../../lab/bench/article.js";
import {
  beginAsArticle,
  expectLost,
  LIMIT_MS,
  LONG_LOAD,
  rollOutAsArticle,
  startReal,
  THREE_SECONDS,
  type RealScenario,
} from "../../../support/real.js";

jest.setTimeout(LIMIT_MS);

let scenario: RealScenario;
beforeAll(async () => {
  scenario = await startReal({ check: THREE_SECONDS });
  await beginAsArticle(scenario);
});
afterAll(() => (scenario as RealScenario | undefined)?.end());

it("requests fail when the article's procedure meets requests of 20 s", async () => {
  const waits = articleWaits({ path: "/health", ...THREE_SECONDS });
  const lost = await scenario.under(() => rollOutAsArticle(scenario, waits), LONG_LOAD);
  expectLost(lost);
});
