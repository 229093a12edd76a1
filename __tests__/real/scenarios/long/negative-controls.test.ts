/** What others do, on the same droplets under the same load, and what their clients see of it. */
import { afterEach, describe, expect, it, jest } from "@jest/globals";
import { articleWaits } from "../../../../lab/bench/article.js";
import { inRotation } from "../../../../lab/bench/fleet.js";
import {
  beginAsArticle,
  LIMIT_MS,
  LOAD,
  rollOutAsArticle,
  rollOutNaively,
  startReal,
  THREE_SECONDS,
  type RealScenario,
} from "../../../support/real.js";

jest.setTimeout(LIMIT_MS);

/** Serves for two more seconds after SIGTERM, then ends. The article's app has no handler, and dockerd's ten seconds serve it for one. */
const HANDLES_SIGTERM = {
  NODE_OPTIONS: "--import=data:text/javascript,process.on('SIGTERM',()=>setTimeout(()=>process.exit(0),2000))",
};

const check = { path: "/health", ...THREE_SECONDS };

describe("requests fail", () => {
  let scenario: RealScenario | undefined;
  afterEach(() => scenario?.end());

  it("when each droplet is stopped, removed and run, and the app takes 4 s to start", async () => {
    scenario = await startReal();
    await scenario.begin();
    const { world } = scenario;
    await inRotation(world, new AbortController().signal);
    const environment = { PORT: "80", CONTROL_PORT: "9000" };
    const image = await world.site.pushReference("slow", { startDelaySeconds: 4, environment });
    const { seen } = await scenario.under(() => rollOutNaively(scenario as RealScenario, image), LOAD);
    expect(seen.failed).toBeGreaterThan(0);
  });

  it("when the article's procedure meets requests of 20 s", async () => {
    scenario = await startReal({ fleet: { dropletCount: 2 }, check: THREE_SECONDS });
    await beginAsArticle(scenario);
    const load = { ...LOAD, verySlowShare: 0.02, verySlowMs: 20_000, timeoutMs: 60_000 };
    const { seen } = await scenario.under(() => rollOutAsArticle(scenario as RealScenario, articleWaits(check)), load);
    expect(seen.failed).toBeGreaterThan(0);
  });

  it("when the article's procedure waits for 3 s and the balancer probes every 10 s, and the app handles SIGTERM", async () => {
    const balancer = { checkIntervalSeconds: 10 };
    scenario = await startReal({ fleet: { dropletCount: 2 }, check: THREE_SECONDS, world: { balancer } });
    await beginAsArticle(scenario, HANDLES_SIGTERM);
    const { seen } = await scenario.under(
      () => rollOutAsArticle(scenario as RealScenario, articleWaits(check), HANDLES_SIGTERM),
      LOAD,
    );
    expect(seen.failed).toBeGreaterThan(0);
  });
});
