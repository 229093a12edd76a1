/** Somebody kills the steward of a droplet that is at work, and nothing else. The rollout has the droplet end that run. */
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { killSteward } from "../../lab/faults/catalogue/controllers.js";
import type { HostStatus } from "../../scripts/rollout/core/events.js";
import { standardParts } from "../../scripts/rollout/run.js";
import { Scenario } from "../support/scenario.js";

jest.setTimeout(240_000);

describe("a steward that is killed", () => {
  let scenario: Scenario;

  beforeAll(async () => {
    scenario = await Scenario.start();
    await scenario.begin();
  });
  afterAll(() => (scenario as Scenario | undefined)?.end());

  it.each<HostStatus>(["ejected", "starting"])(
    "leaves no droplet behind (%s): it serves again when the rollout ends, and no request fails",
    async (status) => {
      const { world } = scenario;
      const before = await scenario.running();
      // A new container that is ready would stay: with one that never is, it does not matter how long the kill takes.
      const image = await world.pushBroken("never-healthy");
      const { result: receipt, seen } = await scenario.under(async () => {
        const kills: Promise<void>[] = [];
        const ended = await scenario.rolloutWith(standardParts, image, ({ name, host, data }) => {
          if (kills.length > 0 || name !== "hostStatus" || host === null || data.status !== status) return;
          kills.push(killSteward(world.droplet(host)));
        });
        await Promise.all(kills);
        return ended;
      });
      expect(receipt).toMatchObject({ exitCode: 5, error: { code: "StewardLost" } });
      expect(receipt.hosts.map(({ action }) => action).sort()).toEqual(["restored", "untouched"]);
      expect(seen.failures).toEqual([]);
      expect(await scenario.running()).toEqual(before);
      for (const droplet of world.droplets) {
        const containers = await droplet.containers();
        expect(containers.filter(({ restart }) => restart === "always").map(({ name }) => name)).toEqual(["api"]);
        expect((await droplet.shell("test ! -e .evenkeel/api/recover.sh")).exitCode).toBe(0);
      }
    },
  );

  it("is nothing that the next deploy cares about", async () => {
    const image = await scenario.world.pushReference("v2");
    const { exitCode, stderr } = await scenario.deploy(image);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr });
  });
});
