/** A world for bench and soak: the declared fleet, booted, behind a balancer that does not retry. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { BalancerOptions } from "../balancer-options.js";
import { withCheck } from "../check.js";
import { synthesize } from "../rehearsal.js";
import { startWorld, type World } from "../world.js";
import { unlessAborted } from "./interrupt.js";
import { BALANCER_RETRIES } from "./settings.js";
import type { RolloutPolicy } from "../../contract/policy.js";
import type { SiteName } from "../site-names.js";
import { sites } from "../sites.js";

export interface FleetWanted {
  readonly site: SiteName;
  readonly droplets: number;
  /** Of the balancer's checks. DigitalOcean starts at 3 s, the lab below. */
  readonly intervalSeconds: number;
  /** How hosts get another release. @default "drain" */
  readonly strategy?: RolloutPolicy["strategy"];
  /** Hosts after the first one that are handed over at once. @default 1 */
  readonly maxParallel?: number;
  /** How the balancer is otherwise. */
  readonly balancer?: BalancerOptions;
}

export interface BenchFleet {
  readonly world: World;
  /** Holds the stack's JSON and assets. */
  readonly stackFolder: string;
}

/** Longest time until the balancer has seen what was done to the droplets. */
const ROTATION_LIMIT_MS = 300_000;
const LOOK_MS = 100;

/** Does something with a fleet; nothing of it is left, however that ends. */
export async function withFleet(
  wanted: FleetWanted,
  signal: AbortSignal,
  work: (fleet: BenchFleet) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), "evenkeel-bench-"));
  let world: World | undefined;
  try {
    const stack = await synthesize("lab/bench/fleet.config.ts", folder, {
      ...{ BENCH_DROPLETS: String(wanted.droplets), BENCH_STRATEGY: wanted.strategy ?? "drain" },
      BENCH_MAX_PARALLEL: String(wanted.maxParallel ?? 1),
    });
    const stackJson = withCheck(stack.json, { checkIntervalSeconds: wanted.intervalSeconds });
    world = await startWorld({
      stackJson,
      site: sites[wanted.site].open(),
      options: { balancer: { ...wanted.balancer, retries: BALANCER_RETRIES } },
    });
    await unlessAborted(signal, world.booted());
    await work({ world, stackFolder: stack.folder });
  } finally {
    try {
      await world?.stop();
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
}

/** Resolves once every node of the balancer sends requests to every droplet. @throws Error when that does not come */
export const inRotation = (world: World, signal: AbortSignal): Promise<void> =>
  untilNodesUp(world, world.balancer.settings.nodes, signal);

/** Resolves once no node sends requests to any. @throws Error when that does not come */
export const outOfRotation = (world: World, signal: AbortSignal): Promise<void> => untilNodesUp(world, 0, signal);

async function untilNodesUp({ balancer, droplets }: World, nodes: number, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + ROTATION_LIMIT_MS;
  const others = () => droplets.filter(({ id }) => balancer.nodesUp(id).length !== nodes).map(({ name }) => name);
  while (others().length > 0) {
    if (Date.now() > deadline)
      throw new Error(`after ${ROTATION_LIMIT_MS / 1000} s still not ${nodes} nodes send to ${others().join(", ")}`);
    await sleep(LOOK_MS, undefined, { signal });
  }
}
