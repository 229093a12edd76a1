/** A balancer that is not what the manifest and the API say of it. */
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { standardParts } from "../../../scripts/rollout/run.js";
import { FAST_CHECK, Scenario } from "../../support/scenario.js";

jest.setTimeout(300_000);

describe("a balancer that is slower than manifest and API say", () => {
  const real = { unhealthyThreshold: 4, checkIntervalSeconds: 1.5 };
  /** Without slow requests, which would hold up the stop for as long as traffic comes and so do the quiet window's work. */
  const load = { slowShare: 0 };
  let scenario: Scenario;

  beforeAll(async () => {
    const balancer = { ...real, retries: 0, reportDeclared: true };
    scenario = await Scenario.start({ check: FAST_CHECK, world: { balancer } });
    await scenario.begin();
  });
  afterAll(() => (scenario as Scenario | undefined)?.end());

  it("is waited for by what the hosts see of it: 0 failed", async () => {
    const image = await scenario.world.pushReference("v2");
    const { result, seen } = await scenario.under(() => scenario.deploy(image), load);
    expect({ exitCode: result.exitCode, stderr: result.stderr }).toEqual({ exitCode: 0, stderr: result.stderr });
    expect(result.events.some((event) => event.name === "balancerDiffers")).toBe(false);
    expect(seen.failures).toEqual([]);
    expect(await scenario.running()).toEqual([image, image]);
    for (const host of result.receipt?.hosts ?? []) {
      expect(host).toMatchObject({ action: "replaced", drain: { floor: FAST_CHECK.unhealthyThreshold } });
      expect(host.drain?.taken).toBeGreaterThanOrEqual(real.unhealthyThreshold);
    }
  });

  it("fails requests when the quiet window is left out: probe counts alone believe the manifest", async () => {
    const image = await scenario.world.pushReference("v3");
    const parts = { ...standardParts, gates: { ...standardParts.gates, quiet: () => ({ pass: true }) as const } };
    const { seen } = await scenario.under(() => scenario.rolloutWith(parts, image), load);
    expect(seen.failed).toBeGreaterThan(0);
  });
});
