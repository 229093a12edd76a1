/** A balancer that keeps its connections to droplets, under load: requests go to the container before until that lets go of them. */
import { afterEach, expect, it, jest } from "@jest/globals";
import { until } from "../lab/support/until.js";
import { KEPT } from "../support/real-scenarios.js";
import { Scenario } from "../support/scenario.js";

jest.setTimeout(300_000);

let scenario: Scenario | undefined;
afterEach(async () => {
  await scenario?.end();
  scenario = undefined;
});

it.each(["handoff", "drain"] as const)(
  "no request fails, and each container before is stopped, by %s",
  async (strategy) => {
    scenario = await Scenario.start({
      fleet: { ...KEPT, rollout: { strategy, readyTimeoutSeconds: 10, drainTimeoutSeconds: 40 } },
    });
    const { world } = scenario;
    const begun = await scenario.deploy(await world.pushReference("v1"));
    expect([begun.exitCode, begun.stderr]).toEqual([0, begun.stderr]);
    const image = await world.pushReference("v2");
    const one = scenario;
    const { result, seen } = await scenario.under(() => one.deploy(image));
    expect([result.exitCode, result.stderr]).toEqual([0, result.stderr]);
    expect(seen.failures).toEqual([]);
    expect(Object.keys(seen.byRelease)).toHaveLength(2);
    expect(await scenario.running()).toEqual(world.droplets.map(() => image));
    await until("each old container has ended", async () => {
      const all = await Promise.all(world.droplets.map((droplet) => droplet.containers()));
      return all.every((containers) => containers.every(({ name, status }) => name === "api" || status !== "running"));
    });
  },
);
