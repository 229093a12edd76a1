/** A balancer that keeps its connections to droplets, and an app that lets go of them. */
import { afterEach, expect, it, jest } from "@jest/globals";
import { LIMIT_MS, LOAD, startReal, type RealScenario } from "../../support/real.js";
import { KEPT } from "../../support/real-scenarios.js";

jest.setTimeout(LIMIT_MS);

let scenario: RealScenario | undefined;
afterEach(async () => {
  await scenario?.end();
  scenario = undefined;
});

it("forth and back by handoff: no request fails, and every droplet serves the release that was wanted", async () => {
  scenario = await startReal({ fleet: { ...KEPT, rollout: { strategy: "handoff", maxParallel: 2 } } });
  const { world } = scenario;
  expect(world.balancer.settings.backendKeepalive).toBe(true);
  const serving = await world.pushReference("v1");
  const begun = await scenario.deploy(serving);
  if (begun.exitCode !== 0) throw new Error(begun.stderr);
  const image = await world.pushReference("v2");
  const one = scenario;
  const { result, seen } = await scenario.under(
    async () => ({ forth: await one.deploy(image), back: await one.deploy(serving) }),
    LOAD,
  );
  for (const { exitCode, stderr } of [result.forth, result.back])
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr });
  expect(seen.failures).toEqual([]);
  expect(Object.keys(seen.byRelease)).toHaveLength(2);
  expect(await scenario.running()).toEqual(world.droplets.map(() => serving));
});
