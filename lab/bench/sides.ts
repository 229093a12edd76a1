/** The two that are compared, each from a fleet that serves a release of its kind to a release that no droplet has yet. */
import type { World } from "../world.js";
import { articleSteps, articleWaits, type ImageAndLogin } from "./article.js";
import { emptyFleet, startByHand } from "./baseline.js";
import type { HostOfRollout } from "./figures.js";
import { inRotation, type BenchFleet } from "./fleet.js";
import type { Stop } from "./in-flight.js";
import { withLogin } from "./login.js";
import { manifestOf } from "./manifest.js";
import { underLoad, type Measured } from "./measure.js";
import { oneByOne, secondsOf, type BegunStep } from "./remote.js";
import { hostFigures, stopSecondsOf, stopsOf } from "./rollout-figures.js";
import { onTarget, rollOut } from "./rollout.js";

/** One side, measured. */
export interface Outcome extends Omit<Measured<unknown>, "result"> {
  readonly stops: readonly Stop[];
  /** What all stops took together. */
  readonly stopSeconds: number;
  /** What Evenkeel's receipt says of each; the article keeps no record. */
  readonly hosts: readonly HostOfRollout[];
}

/** @param number of the pair, from 1 */
type SideRun = (fleet: BenchFleet, number: number, signal: AbortSignal) => Promise<Outcome>;

export type SideName = "article" | "evenkeel";

export const sides: Readonly<Record<SideName, SideRun>> = { article, evenkeel };

async function article({ world }: BenchFleet, number: number, signal: AbortSignal): Promise<Outcome> {
  await startByHand(world, await articleRelease(world, 2 * number - 1), signal);
  const steps = articleSteps(await articleRelease(world, 2 * number), articleWaits(manifestOf(world).healthCheck));
  const begun: BegunStep[] = [];
  const measured = await underLoad(world, signal, () =>
    oneByOne(world, steps, { signal, onStep: (step) => begun.push(step) }),
  );
  const stops = begun.filter(({ step }) => step === "stop");
  return {
    ...measured,
    stops: stops.map(({ droplet, atMs }) => ({ dropletId: world.droplet(droplet).id, atMs })),
    stopSeconds: secondsOf(begun, "stop"),
    hosts: [],
  };
}

/** The article's app listens on the port that its workflow publishes. */
const articleRelease = async (world: World, version: number): Promise<ImageAndLogin> =>
  withLogin(
    world,
    await world.pushReference(`v${version}`, { contract: "article", environment: { PORT: "80", SLOW_ROUTE: "on" } }),
  );

async function evenkeel(fleet: BenchFleet, number: number, signal: AbortSignal): Promise<Outcome> {
  const { world } = fleet;
  await emptyFleet(world, signal);
  onTarget(await rollOut(fleet, await world.pushReference(`v${2 * number - 1}`), signal));
  await inRotation(world, signal);
  const image = await world.pushReference(`v${2 * number}`);
  const { result, ...measured } = await underLoad(world, signal, () => rollOut(fleet, image, signal));
  return {
    ...measured,
    stops: stopsOf(result.events, (name) => world.droplet(name).id),
    stopSeconds: stopSecondsOf(result.events),
    hosts: hostFigures(onTarget(result), result.events, (name) =>
      world.balancer.changes.filter(({ droplet }) => droplet === name),
    ),
  };
}
