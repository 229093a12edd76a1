/** What is compared: each side from a fleet that serves a release of its kind to a release that no droplet has yet. */
import type { Receipt } from "../../scripts/rollout/core/receipt.js";
import type { Deployment } from "../rehearsal.js";
import type { World } from "../world.js";
import { articleSteps, articleWaits, pullSteps, type ImageAndLogin } from "./article.js";
import { emptyFleet, startByHand } from "./baseline.js";
import type { SideName, Sides } from "./figures.js";
import { inRotation, type BenchFleet } from "./fleet.js";
import { withLogin } from "./login.js";
import { manifestOf } from "./manifest.js";
import { underLoad, type Measured } from "./measure.js";
import { phasesOf, turnsOf } from "./phases.js";
import { allAtOnce, oneByOne, secondsOf, type BegunStep } from "./remote.js";
import { drainedHosts, handedHosts, stopSecondsOf, stopsOf } from "./rollout-figures.js";
import { onTarget, rollOut } from "./rollout.js";
import { sideFigures, type Stops } from "./side-figures.js";
import { unrelatedSteps } from "./unrelated.js";

/** What a side is measured for and under. */
export interface Ground {
  readonly fleet: BenchFleet;
  /** Of the round, from 1. */
  readonly number: number;
  readonly ratePerSecond: number;
  readonly signal: AbortSignal;
}

type SideRun<Figures> = (ground: Ground) => Promise<Figures>;

export const sides: { readonly [Name in SideName]: SideRun<Sides[Name]> } = { article, drain, handoff, control };

async function article(ground: Ground): Promise<Sides["article"]> {
  const { number, signal } = ground;
  const { world } = ground.fleet;
  await startByHand(world, await articleRelease(world, 2 * number - 1), signal);
  const steps = articleSteps(await articleRelease(world, 2 * number), articleWaits(manifestOf(world).healthCheck));
  const begun: BegunStep[] = [];
  const measured = await loaded(ground, () => oneByOne(world, steps, { signal, onStep: (step) => begun.push(step) }));
  const stops = begun.filter(({ step }) => step === "stop");
  return figuresOf(world, measured, {
    each: stops.map(({ droplet, atMs }) => ({ dropletId: world.droplet(droplet).id, atMs })),
    seconds: secondsOf(begun, "stop"),
  });
}

/** The article's app listens on the port that its workflow publishes. */
const articleRelease = async (world: World, version: number): Promise<ImageAndLogin> =>
  withLogin(
    world,
    await world.pushReference(`v${version}`, { contract: "article", environment: { PORT: "80", SLOW_ROUTE: "on" } }),
  );

async function drain(ground: Ground): Promise<Sides["drain"]> {
  const { world } = ground.fleet;
  const { measured, receipt } = await evenkeel(ground, "drain");
  const { events } = measured.result;
  const side = figuresOf(world, measured, {
    each: stopsOf(events, (name) => world.droplet(name).id),
    seconds: stopSecondsOf(events),
  });
  const hosts = drainedHosts(receipt, events, (name) =>
    world.balancer.changes.filter(({ droplet }) => droplet === name),
  );
  return { ...side, phases: phasesOf(events, turnsOf(receipt, events), side.seconds), hosts };
}

async function handoff(ground: Ground): Promise<Sides["handoff"]> {
  const { measured, receipt } = await evenkeel(ground, "handoff");
  const { events } = measured.result;
  // The old containers stop when nothing is open there, whatever the rollout does by then.
  const side = figuresOf(ground.fleet.world, measured, null);
  const phases = phasesOf(events, turnsOf(receipt, events), side.seconds);
  return { ...side, phases, hosts: handedHosts(receipt, events) };
}

interface RolledOut {
  readonly measured: Measured<Deployment>;
  readonly receipt: Receipt;
}

async function evenkeel(ground: Ground, strategy: "drain" | "handoff"): Promise<RolledOut> {
  const { fleet, number, signal } = ground;
  await startByRollout(ground, `${strategy}-${2 * number - 1}`);
  const image = await fleet.world.pushReference(`${strategy}-${2 * number}`);
  const measured = await loaded(ground, () => rollOut(fleet, image, signal, strategy));
  return { measured, receipt: onTarget(measured.result) };
}

/** No droplet has a container at first, so no strategy counts yet. */
async function startByRollout({ fleet, signal }: Ground, version: string): Promise<void> {
  const { world } = fleet;
  await emptyFleet(world, signal);
  onTarget(await rollOut(fleet, await world.pushReference(version), signal));
  await inRotation(world, signal);
}

/** The fleet that a handoff would begin with, and no rollout: the image of the unrelated container is there before. */
async function control(ground: Ground): Promise<Sides["control"]> {
  const { number, signal } = ground;
  const { world } = ground.fleet;
  await startByRollout(ground, `control-${number}`);
  const release = await articleRelease(world, 2 * number);
  await allAtOnce(world, pullSteps(release), { signal });
  const measured = await loaded(ground, () => oneByOne(world, unrelatedSteps(release.image), { signal }));
  return figuresOf(world, measured, null);
}

const loaded = <Result>(
  { fleet, ratePerSecond, signal }: Ground,
  work: () => Promise<Result>,
): Promise<Measured<Result>> => underLoad(fleet.world, signal, work, { ratePerSecond });

const figuresOf = (world: World, measured: Measured<unknown>, stops: Stops | null) =>
  sideFigures(
    measured,
    { changes: world.balancer.changes, pairs: world.droplets.length * world.balancer.settings.nodes },
    stops,
  );
