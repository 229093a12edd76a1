/** Another SSH key, which replaces every droplet: superseded ones only know the old key. */
import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { embedded } from "../../../lab/embedded/site.js";
import { Scenario } from "../../support/scenario.js";

jest.setTimeout(300_000);

/** Enough to see an outage. */
const LIGHT_LOAD = { ratePerSecond: 30 } as const;

let scenario: Scenario;
beforeEach(async () => {
  scenario = await Scenario.start({ site: embedded({ sshDelayMs: 500, cloudInitDelayMs: 500 }) });
});
afterEach(() => scenario.end());

describe("another SSH key", () => {
  it.each([
    ["both keys lets superseded droplets go like any host", true, "retired"],
    ["the new key alone cannot reach superseded droplets: they lose their tag", false, "skipped"],
  ])("with an agent that has %s, and no request fails", async (_what, keepOld, superseded) => {
    const image = await scenario.begin();
    const old = [...scenario.world.droplets];
    const { result, seen } = await scenario.under(async () => {
      scenario.world.site.rotateKey(keepOld);
      await scenario.world.rebuild();
      const deployment = await scenario.deploy(image);
      const removals = await Promise.all(old.map((droplet) => scenario.world.remove(droplet)));
      return { deployment, removals };
    }, LIGHT_LOAD);
    const { exitCode, stderr, receipt } = result.deployment;
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr });
    expect(receipt?.hosts.map((host) => host.action)).toEqual(["deployed", "deployed", superseded, superseded]);
    expect(result.removals.map((removal) => removal.nodesUp)).toEqual([[], []]);
    expect(seen.failures).toEqual([]);
  });
});
