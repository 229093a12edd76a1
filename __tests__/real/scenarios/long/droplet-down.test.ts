/** One droplet is off before the rollout starts: it is waited for, then nothing is touched. */
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { inRotation } from "../../../../lab/bench/fleet.js";
import { LIMIT_MS, LOAD, startReal, type RealScenario } from "../../../support/real.js";

jest.setTimeout(LIMIT_MS);

describe("a droplet that is off before the start", () => {
  let scenario: RealScenario;
  let serving: string;
  beforeAll(async () => {
    scenario = await startReal({ fleet: { rollout: { bootTimeoutSeconds: 20 } } });
    await scenario.world.booted();
    serving = await scenario.begin();
  });
  afterAll(() => (scenario as RealScenario | undefined)?.end());

  it("ends the rollout with 3 after bootTimeoutSeconds: the others serve on, no request fails", async () => {
    const { world } = scenario;
    const [first, second, third] = world.droplets;
    await second?.powerOff();
    await gone(scenario, second?.id ?? "");
    const image = await world.pushReference("v2");
    const { result, seen } = await scenario.under(() => scenario.deploy(image), LOAD);
    expect({ exitCode: result.exitCode, code: result.receipt?.error?.code }).toEqual({
      exitCode: 3,
      code: "HostUnreachable",
    });
    expect(result.stderr).toContain("api-2");
    expect(result.stderr).toContain("tried for 20 s, bootTimeoutSeconds");
    expect(seen.failures).toEqual([]);
    for (const droplet of [first, third])
      expect((await droplet?.containers())?.map(({ name, image: runs }) => [name, runs])).toEqual([["api", serving]]);
  });

  it("is replaced like the others once it is back", async () => {
    const { world } = scenario;
    world.droplet("api-2").powerOn();
    await world.droplet("api-2").booted();
    await inRotation(world, new AbortController().signal);
    const image = await world.pushReference("v2");
    const { result, seen } = await scenario.under(() => scenario.deploy(image), LOAD);
    expect({ exitCode: result.exitCode, stderr: result.stderr }).toEqual({ exitCode: 0, stderr: result.stderr });
    expect(seen.failures).toEqual([]);
    expect(await scenario.running()).toEqual([image, image, image]);
  });
});

/** Resolves once the balancer sends nothing to a droplet. */
async function gone({ world }: RealScenario, dropletId: string): Promise<void> {
  while (world.balancer.nodesUp(dropletId).length > 0) await new Promise((settle) => setTimeout(settle, 50));
}
