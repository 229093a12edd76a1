/** Scenarios on real droplets that are told apart by one setting of the balancer. Each file that calls one of these has it for itself. */
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import type { BalancerOptions } from "../../lab/balancer-options.js";
import {
  expectFewestProbes,
  expectProbesAwaited,
  expectUnnoticed,
  startOtherwise,
  startReal,
  type RealScenario,
  type Unnoticed,
} from "./real.js";

/** @param what it does, such as "probes every 10 s instead of 3" */
export const itWaitsForBalancerThat = (what: string, otherwise: BalancerOptions): void =>
  itIsUnnoticed(
    `two droplets behind a balancer that ${what}: no request fails`,
    () => startOtherwise(otherwise),
    (unnoticed) => expectProbesAwaited(unnoticed, otherwise),
  );

export const itTakesFewestProbes = (backendKeepalive: boolean): void =>
  itIsUnnoticed(
    `three droplets are replaced without a failed request, backend keep-alive ${backendKeepalive ? "on" : "off"}`,
    () => startReal({ fleet: backendKeepalive ? KEPT : {} }),
    (unnoticed, { world }) => {
      expect(world.balancer.settings.backendKeepalive).toBe(backendKeepalive);
      expectFewestProbes(unnoticed);
    },
  );

/** The balancer keeps its connections to droplets, and the app lets go of them when it is asked to. */
export const KEPT = {
  loadBalancer: { backendKeepalive: true, httpIdleTimeoutSeconds: 30 },
  service: { drainPort: 9000 },
} as const;

function itIsUnnoticed(
  title: string,
  start: () => Promise<RealScenario>,
  expectMore: (unnoticed: Unnoticed, scenario: RealScenario) => void,
): void {
  let scenario: RealScenario;
  beforeAll(async () => {
    scenario = await start();
    await scenario.begin();
  });
  afterAll(() => (scenario as RealScenario | undefined)?.end());

  it(title, async () => expectMore(await expectUnnoticed(scenario), scenario));
}
