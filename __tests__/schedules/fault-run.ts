/** Rollouts in the simulation that something befalls, what becomes of the fleet, and the run after them. */
import { Faults, type FaultPlan } from "../../lab/sim/faults.js";
import type { SimWorld } from "../../lab/sim/world.js";
import type { Wanted } from "../../scripts/rollout/context.js";
import type { Receipt } from "../../scripts/rollout/core/receipt.js";
import type { Ports } from "../../scripts/rollout/ports.js";
import { rollout } from "../../scripts/rollout/run.js";
import { testImage, testRecordKeys } from "../support/fleet.js";
import { newWorld, type RunOptions } from "../support/sim.js";

/** What is befallen, by what, and who else is at it. */
export interface Course {
  /** A rollback goes from release 2, which was deployed before, to release 1. */
  readonly wants: "deploy" | "rollback";
  /** One at least. */
  readonly faults: readonly FaultPlan[];
  /** Seconds that another rollout, of release 3, waits for the locks; it is started at the same moment. Null: there is none. */
  readonly contenderWaits: number | null;
}

export interface FaultRun {
  readonly world: SimWorld;
  /** In the order of the course. */
  readonly faults: readonly Faults[];
  /** Of the rollout that it befell; null when its controller was killed. */
  readonly receipt: Receipt | null;
  /** Of the one beside it. */
  readonly contender: Receipt | null;
  /** Hosts that served at first and do not a lease later, with what they are instead. */
  readonly down: readonly string[];
  /** Of the run after it, which nothing befalls. */
  readonly rerun: Receipt;
}

/** Longest that a steward is at work after its lease has ended: stops, a start and the waits of a revival. */
const SETTLE_SECONDS = 180;
const LIMIT_SECONDS = 24 * 3600;

export async function simulateFault(options: RunOptions, course: Course): Promise<FaultRun> {
  const { manifest } = options;
  const world = newWorld(options);
  const faults = course.faults.map((plan) => new Faults(plan, world.clock, world));
  const run = (wanted: Wanted, ports: Ports = world.ports(), waitSeconds = 0): Promise<Receipt> =>
    rollout(
      {
        ...{
          manifest,
          wanted,
          startedByTerraform: true,
          skipPreDeploy: false,
          registryLogin: null,
          ...testRecordKeys,
          secrets: null,
          owner: "test@lab",
          waitSeconds,
        },
        signal: new AbortController().signal,
      },
      ports,
    );
  const serving = () => manifest.hosts.filter(({ name }) => world.machine(name).serving?.state === "serving");
  const { wants, contenderWaits } = course;
  return world.run(async () => {
    if (wants === "rollback") await run(deployed(2));
    const before = serving();
    const befallen = faults.reduce((ports, fault) => fault.around(ports), world.ports());
    const [receipt, contender] = await Promise.all([
      Promise.race([
        run(wants === "rollback" ? { do: "rollback" } : deployed(2), befallen),
        ...faults.map((fault) => fault.killed.then(() => null)),
      ]),
      contenderWaits === null ? null : run(deployed(3), world.ports(), contenderWaits),
    ]);
    await world.clock.sleep((manifest.rollout.leaseSeconds + SETTLE_SECONDS) * 1000);
    const down = before.filter((host) => !serving().includes(host)).map(({ name }) => stateOf(world, name));
    const rerun = await run(deployed(wants === "rollback" ? 1 : 2));
    return { world, faults, receipt, contender, down, rerun };
  }, LIMIT_SECONDS);
}

const deployed = (version: number): Wanted => ({ do: "deploy", image: testImage(version) });

const stateOf = (world: SimWorld, name: string): string =>
  `${name} is ${world.machine(name).serving?.state ?? "empty"}`;
