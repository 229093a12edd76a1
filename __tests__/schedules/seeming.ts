/** Fleets with hosts that are not what they seem. */
import type { SimWorld } from "../../lab/sim/world.js";
import type { Release } from "../../contract/release.js";
import { testRelease } from "../support/fleet.js";
import type { RunOptions } from "../support/sim.js";
import type { Seeming } from "./losses.js";
import { stageIn } from "./moments.js";
import type { Schedule } from "./schedule.js";

/** Intervals for which clients send before the rollout begins. */
export const LEAD = 12;
/** Release of the hosts that redirect. */
const REDIRECTING = 3;

/** Name of the host that such a one is; undefined where too few have a container. */
const nameOf = ({ hosts, empty }: Schedule, index: number): string | undefined =>
  empty + index < hosts ? `api-${empty + index + 1}` : undefined;

export function seemingly(options: RunOptions, plan: Schedule, seeming: readonly Seeming[]): RunOptions {
  const { manifest, seeds = new Map<string, Release | null>() } = options;
  const redirecting = testRelease(manifest, REDIRECTING);
  const redirects = seeming.flatMap(({ kind }, index) => {
    const name = nameOf(plan, index);
    return kind === "redirects" && name !== undefined ? [[name, redirecting] as const] : [];
  });
  return {
    ...options,
    seeds: new Map<string, Release | null>([...seeds, ...redirects]),
    behaviourOf: ({ id }) => ({ startMs: plan.startMs, kind: id === redirecting.id ? "redirects" : "healthy" }),
  };
}

/** From {@link LEAD} intervals before the rollout on. */
export function drainAhead(world: SimWorld, plan: Schedule, seeming: readonly Seeming[]): void {
  for (const [index, { kind, at }] of seeming.entries()) {
    const name = nameOf(plan, index);
    if (kind !== "draining" || name === undefined) continue;
    world.clock.after((LEAD + at) * plan.interval * 1000, () => world.leaveDraining(world.machine(name)));
  }
}

/** Which kinds of them are at work at this moment, and how far they have come. */
export const seemingAtWork = (world: SimWorld, plan: Schedule, seeming: readonly Seeming[]): string[] =>
  seeming.flatMap(({ kind }, index) => {
    const stage = stageIn(world, nameOf(plan, index) ?? "");
    return stage === null ? [] : [`${kind} at ${stage}`];
  });
