/** A balancer that keeps its connections to droplets: an app that lets go of them loses nothing, and one that does not shows what that is good for. */
import { afterEach, expect, it, jest } from "@jest/globals";
import { LIMIT_MS, LOAD, startReal, type RealScenario } from "../../support/real.js";
import { KEPT } from "../../support/real-scenarios.js";

jest.setTimeout(LIMIT_MS);

let scenario: RealScenario | undefined;
afterEach(async () => {
  await scenario?.end();
  scenario = undefined;
});

it("forth and back by handoff: no request fails, and every container before is stopped", async () => {
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

it("an app that does not let go is cut under its requests, where the policy says so", async () => {
  scenario = await startReal({
    // The rule that the drain waits for longer than a connection is idle is for who declares it: this balancer keeps them on its own.
    fleet: {
      service: KEPT.service,
      rollout: { strategy: "handoff", drainTimeoutSeconds: 2, onDrainTimeout: "cut" },
    },
    world: { balancer: { backendKeepalive: true } },
  });
  const { world } = scenario;
  const deaf = (version: string): Promise<string> =>
    world.pushReference(version, { contract: "article", environment: { SLOW_ROUTE: "on" } });
  const begun = await scenario.deploy(await deaf("v1"));
  if (begun.exitCode !== 0) throw new Error(begun.stderr);
  const image = await deaf("v2");
  const one = scenario;
  const { result, seen } = await scenario.under(() => one.deploy(image), LOAD);
  expect(result.exitCode).toBe(0);
  expect(seen.failed).toBeGreaterThan(0);
});
