/** What the article's procedure costs clients whose requests take longer than its waits. */
import { afterAll, beforeAll, expect, it, jest } from "@jest/globals";
import { articleWaits } from "../../../../lab/bench/article.js";
import {
  beginAsArticle,
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
  scenario = await startReal({ fleet: { dropletCount: 2 }, check: THREE_SECONDS });
  await beginAsArticle(scenario);
});
afterAll(() => (scenario as RealScenario | undefined)?.end());

it("requests fail when the article's procedure meets requests of 20 s", async () => {
  const waits = articleWaits({ path: "/health", ...THREE_SECONDS });
  const { seen } = await scenario.under(() => rollOutAsArticle(scenario, waits), LONG_LOAD);
  expect(seen.failed).toBeGreaterThan(0);
});
