/** The first deploy follows the order of the droplets at once: they still boot, as after `terraform apply`. */
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { expectUnnoticed, LIMIT_MS, startReal, type RealScenario } from "../../../support/real.js";

jest.setTimeout(LIMIT_MS);

describe("a first deploy onto droplets that still boot", () => {
  let scenario: RealScenario;
  beforeAll(async () => {
    scenario = await startReal({ site: { sshDelayMs: 3000 } });
  });
  afterAll(() => (scenario as RealScenario | undefined)?.end());

  it("waits for cloud-init on each, then brings all onto the release", async () => {
    const { world } = scenario;
    const image = await world.pushReference("v1");
    expect(world.droplets.map(({ boot }) => boot)).not.toContain("done");
    const { exitCode, stderr, receipt } = await scenario.deploy(image);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr });
    expect(world.droplets.map(({ boot }) => boot)).toEqual(["done", "done", "done"]);
    expect(receipt?.hosts.map(({ action }) => action)).toEqual(["deployed", "deployed", "deployed"]);
    expect(await scenario.running()).toEqual([image, image, image]);
  });

  it("leaves a fleet that is replaced without a failed request", async () => {
    await expectUnnoticed(scenario);
  });
});
