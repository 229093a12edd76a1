/** The balancer loses the other host while one is drained: the drain is taken back, and clients lose no more than that takes. */
import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { Controller } from "../../../../lab/faults/controller.js";
import type { LoadReport } from "../../../../lab/load/load.js";
import { WINDOW_MS } from "../../../../scripts/rollout/core/prober.js";
import { FAST_CHECK } from "../../../support/scenario.js";
import { startReal, LIMIT_MS, type RealScenario } from "../../../support/real.js";
import { heldBy, LIGHT } from "../../../support/lost-host.js";

jest.setTimeout(LIMIT_MS);

/** Seconds that a container may take to stop. */
const STOP_SECONDS = 10;
/** Seconds after which this balancer gives a request up whose packets are dropped: its "timeout connect", and it tries no other host. */
const GIVE_UP_SECONDS = 5;
/** Seconds of commands and of the steward's ticks on the way back, as in the schedules. */
const ORDERS_SECONDS = 5;
/** Seconds that the reference app may take to start on a busy machine. */
const START_SECONDS = 3;
/**
 * The length of one take-back, by the formula of docs/architecture.md: the prober's window, what the balancer takes to give a request up, the
 * commands, stop and start, and the balancer's passed probes. No request of this load is long. In seconds of requests, so that it is a count.
 */
const TAKE_BACK_SECONDS =
  WINDOW_MS / 1000 +
  GIVE_UP_SECONDS +
  ORDERS_SECONDS +
  STOP_SECONDS +
  START_SECONDS +
  (FAST_CHECK.healthyThreshold + 1) * FAST_CHECK.checkIntervalSeconds;
/** Much longer: what a drain costs that is kept until its deadline. */
const DEADLINE_SECONDS = 60;

describe("the balancer loses the other host while one is drained", () => {
  let scenario: RealScenario;
  let serving: string;
  beforeEach(async () => {
    scenario = await startReal({
      fleet: {
        dropletCount: 2,
        service: { stopTimeoutSeconds: STOP_SECONDS },
        rollout: { progressDeadlineSeconds: DEADLINE_SECONDS },
      },
    });
    await scenario.world.booted();
    serving = await scenario.begin();
  });
  afterEach(() => (scenario as RealScenario | undefined)?.end());

  it("costs as much as without a rollout, and one take-back", async () => {
    const { world } = scenario;
    const image = await world.pushReference("v2");
    const lost = world.droplet("api-2");
    // Without a rollout: what the loss alone costs.
    const control = await scenario.under(() => loseAndFind(scenario), LIGHT);
    await heldBy(scenario, lost, [0]);

    let cut: Promise<void> | null = null;
    const { result, seen } = await scenario.under(async () => {
      const controller = new Controller(world, { image, stackFolder: scenario.stackFolder }, (event) => {
        if (event.name !== "hostStatus" || event.data.status !== "draining" || cut) return;
        const other = world.droplets.find(({ name }) => name !== event.host);
        if (other) cut = world.site.cutOff(other, true);
      });
      const exitCode = await controller.ended;
      await cut;
      return { exitCode, said: controller.said };
    }, LIGHT);

    expect(cut).not.toBeNull();
    const allowed = control.seen.failed + TAKE_BACK_SECONDS * LIGHT.ratePerSecond;
    expect({ control: control.seen.failed, failed: seen.failed, within: seen.failed <= allowed }).toEqual({
      ...{ control: control.seen.failed, failed: seen.failed },
      within: true,
    });
    expect([3, 5]).toContain(result.exitCode);
    expect(result.said).toMatch(/api-[12]/);
    expect(await scenario.running()).toEqual([serving, serving]);
    expectServedAtTheEnd(seen);
  });

  /** Until the balancer has noticed, and back. */
  async function loseAndFind(of: RealScenario): Promise<void> {
    const host = of.world.droplet("api-2");
    await of.world.site.cutOff(host, true);
    await heldBy(of, host, []);
    await of.world.site.cutOff(host, false);
  }
});

/** The host that had been drained answers again: the last whole second had no failure. */
function expectServedAtTheEnd({ perSecond }: LoadReport): void {
  expect(perSecond.at(-2)?.failed).toBe(0);
}
