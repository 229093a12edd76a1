/** A droplet that loses its power in the middle of a rollout, under load, on any site. */
import { expect } from "@jest/globals";
import type { LoadReport, LoadSettings } from "../../lab/load/load.js";
import type { SiteDroplet } from "../../lab/site.js";
import type { World } from "../../lab/world.js";
import type { HostStatus } from "../../scripts/rollout/core/events.js";
import type { Receipt } from "../../scripts/rollout/core/receipt.js";
import { standardParts } from "../../scripts/rollout/run.js";
import { until } from "../lab/support/until.js";
import type { Scenario } from "./scenario.js";

export interface Rebooted {
  /** Of the rollout that lost a droplet. */
  readonly receipt: Receipt;
  readonly seen: LoadReport;
}

/**
 * Rolls version 2 out, and switches the first droplet that comes so far off and on again. Insists that no client noticed, that the
 * droplet is back by itself with one release or the other, and that one more run brings all onto the target.
 * @param status one in which the balancer sends it nothing
 */
export async function expectRebootUnnoticed(
  scenario: Scenario<World>,
  status: HostStatus,
  load: Partial<LoadSettings> = {},
): Promise<Rebooted> {
  const { world } = scenario;
  const image = await world.pushReference("v2");
  const { result, seen } = await scenario.under(async () => {
    const reboots: Promise<void>[] = [];
    const receipt = await scenario.rolloutWith(standardParts, image, (event) => {
      if (reboots.length > 0 || event.name !== "hostStatus" || event.data.status !== status || event.host === null)
        return;
      reboots.push(powerCycle(world.droplet(event.host)));
    });
    await Promise.all(reboots);
    for (const droplet of world.droplets)
      await until(`${droplet.name} is in rotation`, () => inRotation(world, droplet));
    const again = await scenario.deploy(image);
    expect({ exitCode: again.exitCode, stderr: again.stderr }).toEqual({ exitCode: 0, stderr: again.stderr });
    return receipt;
  }, load);
  expect([5, 6]).toContain(result.exitCode);
  expect(seen.failures).toEqual([]);
  expect(await scenario.running()).toEqual(world.droplets.map(() => image));
  for (const droplet of world.droplets) await expectOneThatComesBack(droplet);
  return { receipt: result, seen };
}

async function powerCycle(droplet: SiteDroplet): Promise<void> {
  await droplet.powerOff();
  droplet.powerOn();
  await droplet.booted();
}

const inRotation = ({ balancer }: World, { id }: SiteDroplet): boolean =>
  balancer.nodesUp(id).length === balancer.settings.nodes;

/** Of all containers, only the current one runs, and only that one would be started by the next boot. */
async function expectOneThatComesBack(droplet: SiteDroplet): Promise<void> {
  const containers = await droplet.containers();
  expect(containers.filter(({ status }) => status === "running").map(({ name }) => name)).toEqual(["api"]);
  expect(containers.filter(({ restart }) => restart === "always").map(({ name }) => name)).toEqual(["api"]);
}
