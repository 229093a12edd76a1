/** Rollouts in the simulation that something befalls, what becomes of the fleet, and the run after them. */
import { Faults, type FaultPlan } from "../../lab/sim/faults.js";
import type { SimWorld } from "../../lab/sim/world.js";
import type { Receipt } from "../../scripts/rollout/core/receipt.js";
import { rollout } from "../../scripts/rollout/run.js";
import { testImage } from "../support/fleet.js";
import { newWorld, type RunOptions } from "../support/sim.js";

export interface FaultRun {
  readonly world: SimWorld;
  readonly faults: Faults;
  /** Of the rollout that it befell; null when its controller was killed. */
  readonly receipt: Receipt | null;
  /** Hosts that served at first and do not a lease later, with what they are instead. */
  readonly down: readonly string[];
  /** Of the run after it, which nothing befalls. */
  readonly rerun: Receipt;
}

/** Longest that a steward is at work after its lease has ended: stops, a start and the waits of a revival. */
const SETTLE_SECONDS = 180;
const LIMIT_SECONDS = 24 * 3600;

/** Rolls release 2 out. */
export async function simulateFault(options: RunOptions, plan: FaultPlan): Promise<FaultRun> {
  const { manifest } = options;
  const world = newWorld(options);
  const faults = new Faults(plan, world.clock, world);
  const request = {
    manifest,
    wanted: { do: "deploy", image: testImage(2) },
    startedByTerraform: true,
    registryLogin: null,
    owner: "test@lab",
    waitSeconds: 0,
    signal: new AbortController().signal,
  } as const;
  const serving = () => manifest.hosts.filter(({ name }) => world.machine(name).serving?.state === "serving");
  return world.run(async () => {
    const before = serving();
    const receipt = await Promise.race([
      rollout(request, faults.around(world.ports())),
      faults.killed.then(() => null),
    ]);
    await world.clock.sleep((manifest.rollout.leaseSeconds + SETTLE_SECONDS) * 1000);
    const down = before.filter((host) => !serving().includes(host)).map(({ name }) => stateOf(world, name));
    return { world, faults, receipt, down, rerun: await rollout(request, world.ports()) };
  }, LIMIT_SECONDS);
}

const stateOf = (world: SimWorld, name: string): string =>
  `${name} is ${world.machine(name).serving?.state ?? "empty"}`;
