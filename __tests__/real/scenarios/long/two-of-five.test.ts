/** Two of five droplets at a time. */
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import type { RolloutEvent } from "../../../../scripts/rollout/core/events.js";
import { expectUnnoticed, LIMIT_MS, startReal, type RealScenario } from "../../../support/real.js";

jest.setTimeout(LIMIT_MS);

describe("five droplets, two out of rotation at once", () => {
  let scenario: RealScenario;
  beforeAll(async () => {
    scenario = await startReal({ fleet: { dropletCount: 5, rollout: { maxUnavailable: 2 } } });
    await scenario.begin();
  });
  afterAll(() => (scenario as RealScenario | undefined)?.end());

  it("are replaced without a failed request, two at a time and never more", async () => {
    const { result } = await expectUnnoticed(scenario);
    expect(mostAway(result.events)).toBe(2);
    expect(mostDown(scenario)).toBe(2);
  });
});

/** Most hosts that the rollout held out of rotation at any moment. */
function mostAway(events: readonly RolloutEvent[]): number {
  const away = new Set<string>();
  let most = 0;
  for (const event of events) {
    if (event.name !== "hostStatus" || event.host === null) continue;
    if (event.data.status === "draining") away.add(event.host);
    if (event.data.status === "serving") away.delete(event.host);
    most = Math.max(most, away.size);
  }
  return most;
}

/** Most droplets that the balancer held for down at any moment, once all had been up. */
function mostDown({ world }: RealScenario): number {
  const up = new Set<string>();
  let most = 0;
  let begun = false;
  for (const change of world.balancer.changes) {
    if (change.up) up.add(change.dropletId);
    else up.delete(change.dropletId);
    begun ||= up.size === world.droplets.length;
    if (begun) most = Math.max(most, world.droplets.length - up.size);
  }
  return most;
}
