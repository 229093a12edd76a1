/** What the waits of a handover are good for: the same rollout under the same load, with every wait in and with one left out. */
import { afterEach, describe, expect, it, jest } from "@jest/globals";
import type { Parts } from "../../../scripts/rollout/context.js";
import { standardParts } from "../../../scripts/rollout/run.js";
import { Scenario } from "../../support/scenario.js";

jest.setTimeout(300_000);

const withSteps = (change: (plan: ReturnType<Parts["steps"]>) => ReturnType<Parts["steps"]>): Parts => ({
  ...standardParts,
  steps: (context) => change(standardParts.steps(context)),
});
/** The old container is stopped right after the switch, whatever is open there. */
const stopsBeforeIdle = withSteps((plan) => {
  const stop = { name: "old-stop", run: { do: "stop", slot: "previous", timeoutSeconds: 10 } } as const;
  return { ...plan, stages: { ...plan.stages, replace: [...plan.stages.replace, stop] } };
});
/** The front is switched as soon as the new container runs. */
const switchesBeforeHealthy = withSteps((plan) => ({
  ...plan,
  stages: { ...plan.stages, replace: plan.stages.replace.filter(({ name }) => name !== "new-ready") },
}));

/** An app that knows no contract: it ends on SIGTERM with whatever is inside it, and takes two seconds to start. */
const environment = {
  NODE_OPTIONS: [
    "--import=data:text/javascript,process.on('SIGTERM',()=>process.exit(0))",
    "--import=data:text/javascript,await(new(Promise)(settle=>setTimeout(settle,2000)))",
  ].join(" "),
};

/** Some are under way at every moment, on every host. */
const LONG_REQUESTS = { slowShare: 0.2, slowMs: 3000 };

let scenario: Scenario;
afterEach(() => scenario.end());

/** Hands two droplets over, each from such an app to such an app, and says what clients saw. */
async function handOver(parts: Parts) {
  scenario = await Scenario.start({ fleet: { rollout: { strategy: "handoff", readyTimeoutSeconds: 15 } } });
  const { exitCode, stderr } = await scenario.deploy(await scenario.world.pushReference("v1", { environment }));
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr });
  const image = await scenario.world.pushReference("v2", { environment });
  return scenario.under(() => scenario.rolloutWith(parts, image), LONG_REQUESTS);
}

describe("a handover of an app that knows no contract", () => {
  it("loses no request with every wait in", async () => {
    const { result, seen } = await handOver(standardParts);
    expect(result.exitCode).toBe(0);
    expect(seen.failures).toEqual([]);
  });

  it("fails requests when the old container is stopped before it is idle", async () => {
    const { seen } = await handOver(stopsBeforeIdle);
    expect(seen.failed).toBeGreaterThan(0);
  });

  it("fails requests when the front is switched before the new container is healthy", async () => {
    const { seen } = await handOver(switchesBeforeHealthy);
    expect(seen.failed).toBeGreaterThan(0);
  });
});
