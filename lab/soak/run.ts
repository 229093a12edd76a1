/** Rollouts back and forth between two releases under one load, until one of them is not as it has to be. */
import { setTimeout as sleep } from "node:timers/promises";
import { rounded } from "../bench/figures.js";
import { inRotation, type BenchFleet } from "../bench/fleet.js";
import { underLoad, type Measured } from "../bench/measure.js";
import { onTarget, rollOut } from "../bench/rollout.js";
import type { Progress } from "../load/load.js";
import type { Deployment } from "../rehearsal.js";
import { between, isGood, type SoakRollout } from "./figures.js";
import type { Shape } from "./shapes.js";

export interface SoakOptions {
  /** Most rollouts. */
  readonly rollouts: number;
  readonly shape: Shape;
  readonly ratePerSecond: number;
  readonly signal: AbortSignal;
  readonly onRollout: (number: number, rollout: SoakRollout) => void;
}

export interface Rollouts {
  readonly rollouts: readonly SoakRollout[];
  /** The last one, the failed one if any. */
  readonly last: Deployment | null;
}

/** @throws the signal's reason when it aborts */
export async function soak(fleet: BenchFleet, options: SoakOptions): Promise<Measured<Rollouts>> {
  const { world } = fleet;
  const { signal, shape } = options;
  const push = shape.push ?? ((_world, version) => world.pushReference(version));
  const [serving, other] = [await push(world, "v1"), await push(world, "v2")];
  await shape.before?.(world);
  onTarget(await rollOut(fleet, serving, signal));
  await inRotation(world, signal);
  return underLoad(
    world,
    signal,
    (load) =>
      backAndForth({
        ...options,
        rollOut: (number) => rollOut(fleet, number % 2 === 1 ? other : serving, signal),
        progress: () => load.progress(),
      }),
    sentIn(options),
  );
}

const sentIn = ({ shape, ratePerSecond }: Pick<SoakOptions, "shape" | "ratePerSecond">) => ({
  ...shape.load,
  ratePerSecond,
});

/** The same load for as long, with no rollout at all: what fails here is no rollout's doing. */
export const control = (
  { world }: BenchFleet,
  options: Pick<SoakOptions, "shape" | "ratePerSecond" | "signal">,
  seconds: number,
): Promise<Measured<unknown>> =>
  underLoad(world, options.signal, () => sleep(seconds * 1000, undefined, { signal: options.signal }), sentIn(options));

export interface Series extends Pick<SoakOptions, "rollouts" | "onRollout"> {
  /** @param number from 1 */
  readonly rollOut: (number: number) => Promise<Deployment>;
  /** What the load has counted so far. */
  readonly progress: () => Progress;
}

/** One rollout after the other, until one has failed, lost a request, or was not measured whole. */
export async function backAndForth({ rollouts: most, rollOut, progress, onRollout }: Series): Promise<Rollouts> {
  const rollouts: SoakRollout[] = [];
  let last: Deployment | null = null;
  let before = progress();
  while (rollouts.length < most && rollouts.every(isGood)) {
    const number = rollouts.length + 1;
    const began = Date.now();
    last = await rollOut(number);
    const after = progress();
    const seconds = rounded((Date.now() - began) / 1000);
    const rollout = { seconds, ...between(before, after), exitCode: last.exitCode };
    rollouts.push(rollout);
    onRollout(number, rollout);
    before = after;
  }
  return { rollouts, last };
}
