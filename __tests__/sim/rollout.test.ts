import { describe, expect, it } from "@jest/globals";
import { testManifest, testRelease } from "../support/fleet.js";
import { simulate } from "../support/sim.js";

describe("a rollout in the simulation", () => {
  it("brings both hosts onto the release without a failed request", async () => {
    const manifest = testManifest();
    const { world, receipt } = await simulate({ manifest });
    expect(receipt.error).toBeNull();
    expect(receipt.exitCode).toBe(0);
    expect(world.failures).toEqual([]);
    expect(world.broken).toEqual([]);
    expect(receipt.hosts.map((host) => host.action)).toEqual(["replaced", "replaced"]);
    const target = testRelease(manifest, 2).id;
    expect(manifest.hosts.map((host) => world.machine(host.name).state("current")?.release)).toEqual([target, target]);
  });
});
