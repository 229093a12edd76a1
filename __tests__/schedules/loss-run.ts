/** Rollouts whose balancer loses hosts, held against the same schedule without a rollout: its twin. */
import type { SimWorld } from "../../lab/sim/world.js";
import type { Parts } from "../../scripts/rollout/context.js";
import type { HostStatus } from "../../scripts/rollout/core/events.js";
import type { Receipt } from "../../scripts/rollout/core/receipt.js";
import { newWorld, simulate, type RunOptions } from "../support/sim.js";
import { isKnown, takeBackMs } from "./loss-bounds.js";
import { kindOf, type Beside, type LossPlan } from "./losses.js";
import { momentIn } from "./moments.js";
import { optionsOf, type Schedule } from "./schedule.js";
import { drainAhead, LEAD, seemingAtWork, seemingly } from "./seeming.js";

export interface LossRun {
  readonly world: SimWorld;
  readonly receipt: Receipt;
  /** Such as `tag at draining`, and `redirects at draining` for the drain of a host that redirects. */
  readonly struck: readonly string[];
  /** Requests that clients lost. */
  readonly lost: number;
  /** The same without a rollout. */
  readonly twin: number;
  /** Whether all was long lost, for good and known by its age, when the rollout began. */
  readonly known: boolean;
}

const LIMIT_SECONDS = 24 * 3600;
export async function simulateLosses(plan: Schedule, { losses, seeming }: Beside, parts: Parts): Promise<LossRun> {
  const options = seemingly(optionsOf(plan), plan, seeming);
  const intervalMs = plan.interval * 1000;
  const struck: string[] = [];
  const happened: Happened[] = [];
  const plans = (on: HostStatus | undefined): LossPlan[] => losses.filter((loss) => loss.on === on);
  const happens = (loss: LossPlan, world: SimWorld): void => {
    struck.push(`${kindOf(loss)} at ${momentIn(world)}`, ...seemingAtWork(world, plan, seeming));
    happened.push({ loss, atMs: world.clock.now() });
    lose(world, options, loss);
  };
  // At once where it may: some statuses last for no time.
  const follow = (loss: LossPlan, world: SimWorld, delayMs: number): void =>
    delayMs === 0 ? happens(loss, world) : world.clock.after(delayMs, () => happens(loss, world));
  const told = new Set<HostStatus>();
  const { world, receipt } = await simulate({
    ...options,
    parts,
    before: async (happening) => {
      drainAhead(happening, plan, seeming);
      for (const loss of plans(undefined)) follow(loss, happening, (LEAD + loss.at) * intervalMs);
      await happening.clock.sleep(LEAD * intervalMs);
    },
    onEvent: (event, happening) => {
      if (event.name !== "hostStatus" || told.has(event.data.status)) return;
      // Hosts that are kept serve before anything has begun.
      if (event.data.status === "serving" && momentIn(happening) === "before") return;
      told.add(event.data.status);
      for (const loss of plans(event.data.status)) follow(loss, happening, loss.at * intervalMs);
    },
    after: (happening) => happening.clock.sleep(takeBackMs(plan, { losses, seeming })),
  });
  // Requests of the same lengths, from the first one on.
  const twin = await untouched(seemingly(optionsOf(plan), plan, seeming), happened, world.clock.now(), (happening) =>
    drainAhead(happening, plan, seeming),
  );
  return { world, receipt, struck, lost: lostIn(world), twin: lostIn(twin), known: isKnown(plan, losses, seeming) };
}

/** A loss, and when it came to pass. */
interface Happened {
  readonly loss: LossPlan;
  readonly atMs: number;
}

const lostIn = ({ failures, lost }: SimWorld): number => failures.length + lost;
/** The same fleet, clients and losses, and nobody who rolls anything out. */
async function untouched(
  options: RunOptions,
  losses: readonly Happened[],
  untilMs: number,
  before: (world: SimWorld) => void,
): Promise<SimWorld> {
  const world = newWorld(options);
  await world.run(async () => {
    before(world);
    for (const { loss, atMs } of losses) world.clock.after(atMs - world.clock.now(), () => lose(world, options, loss));
    await world.clock.sleep(untilMs - world.clock.now());
  }, LIMIT_SECONDS);
  return world;
}

function lose(world: SimWorld, { manifest }: RunOptions, loss: LossPlan): void {
  const host = manifest.hosts[loss.host % manifest.hosts.length];
  if (host) world.lose(world.machine(host.name), loss);
}
