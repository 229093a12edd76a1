/** What the article's procedure costs when its waits are for another balancer than there is. */
import { afterAll, beforeAll, it, jest } from "@jest/globals";
import { articleWaits } from "../../../../lab/bench/article.js";
import {
  beginAsArticle,
  expectLost,
  LIMIT_MS,
  LOAD,
  rollOutAsArticle,
  startReal,
  THREE_SECONDS,
  type RealScenario,
} from "../../../support/real.js";

jest.setTimeout(LIMIT_MS);
/** Serves for two more seconds after SIGTERM, then ends. The article's app has no handler, and dockerd's ten seconds serve it for one. */
const HANDLES_SIGTERM = {
  NODE_OPTIONS: "--import=data:text/javascript,process.on('SIGTERM',()=>setTimeout(()=>process.exit(0),2000))",
};

let scenario: RealScenario;
beforeAll(async () => {
  const balancer = { checkIntervalSeconds: 10 };
  scenario = await startReal({ fleet: { dropletCount: 2 }, check: THREE_SECONDS, world: { balancer } });
  await beginAsArticle(scenario, HANDLES_SIGTERM);
});
afterAll(() => (scenario as RealScenario | undefined)?.end());

it("requests fail when the article's procedure waits for 3 s, the balancer probes every 10 s, and the app handles SIGTERM", async () => {
  const waits = articleWaits({ path: "/health", ...THREE_SECONDS });
  const lost = await scenario.under(() => rollOutAsArticle(scenario, waits, HANDLES_SIGTERM), LOAD);
  expectLost(lost);
});
