/** One fault at one phase: a fleet under load, a rollout that it befalls, what the hosts end as, and the run after it. */
import { existsSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { environmentNames } from "../../contract/manifest.js";
import type { FleetConfig } from "../../constructs/index.js";
import { withCheck } from "../check.js";
import { embedded, type EmbeddedSite, type EmbeddedWorld } from "../embedded/site.js";
import type { EmbeddedDroplet } from "../embedded/droplet.js";
import { startLoad } from "../load/load.js";
import { margin } from "../load/margin.js";
import { deploy, synthesize } from "../rehearsal.js";
import { startWorld } from "../world.js";
import { Controller, type Order } from "./controller.js";
import type { Fault, Scene } from "./fault.js";
import { problemsOf, type Expected, type FaultRow, type HostEnd } from "./figures.js";
import { Phases, type Phase } from "./phase.js";

export const faultSettings = {
  world: "embedded",
  droplets: 2,
  ratePerSecond: 100,
  slowShare: 0.05,
  slowMs: 800,
  leaseSeconds: 10,
} as const;

/** DigitalOcean starts at 3 seconds; none of this is about the clock. */
const CHECK = { checkIntervalSeconds: 1, responseTimeoutSeconds: 1, unhealthyThreshold: 2, healthyThreshold: 2 };
/** Longest until the hosts have come to rest: a lease, what a steward then does, and a boot. */
const REST_MS = 90_000;
const LOOK_MS = 100;
/** A droplet is away for longer than the balancer needs to see it. */
const BOOT = { sshDelayMs: 3000, cloudInitDelayMs: 1000 };
/** Seconds that the run after it waits for a lease to end. */
const WAIT = "60";

/** What hosts may rest on. */
const USUAL: Expected["releases"] = ["before", "target"];
const NEWER: Expected["releases"] = ["other"];

/** The fleet that a fault befalls. */
export const fleetOf = ({ fleet }: Fault): FleetConfig => ({
  dropletCount: faultSettings.droplets,
  ...fleet,
  rollout: {
    ...{ leaseSeconds: faultSettings.leaseSeconds, readyTimeoutSeconds: 5, minReadySeconds: 1 },
    ...fleet?.rollout,
  },
});

/** @param folder for the synthesized stack; new for every fleet */
export async function befall(fault: Fault, phase: Phase, folder: string, signal: AbortSignal): Promise<FaultRow> {
  const stack = await synthesize("lab/faults/fleet.config.ts", folder, {
    FAULTS_FLEET: JSON.stringify(fleetOf(fault)),
  });
  const world = await startWorld<EmbeddedDroplet, EmbeddedSite>({
    stackJson: withCheck(stack.json, CHECK),
    site: embedded(BOOT),
    // What is not tried elsewhere shows whatever is stopped under clients. Where the fault itself takes a host away, a connection to it goes
    // elsewhere: what is lost is what was inside.
    options: { balancer: { retries: fault.kills ? 1 : 0, ...fault.balancer } },
  });
  try {
    signal.throwIfAborted();
    return await observed(world, stack.folder, fault, phase);
  } finally {
    await world.stop();
  }
}

async function observed(world: EmbeddedWorld, stackFolder: string, fault: Fault, phase: Phase): Promise<FaultRow> {
  const served = await (fault.serving ?? (async (on) => [await on.pushReference("v1")]))(world);
  for (const image of served) {
    const { exitCode, stderr } = await deploy(world, { image, stackFolder });
    if (exitCode !== 0) throw new Error(`a deploy before the fault ended with ${exitCode}:\n${stderr}`);
  }
  const [before = "", earlier = ""] = [...served].reverse();
  const { release = (on: EmbeddedWorld) => on.pushReference("v2"), rests = "all" } = fault;
  const image = release === null ? earlier : await release(world, before);
  const { ratePerSecond, slowShare, slowMs } = faultSettings;
  const load = await startLoad({ url: world.balancer.url(), ratePerSecond, slowShare, slowMs });
  await margin(load, ratePerSecond);
  const order = { stackFolder, ...(release === null ? {} : { image }) };
  const struck = await strikeAt(world, order, image, fault, phase);
  await fault.mend?.(struck.scene);
  const hosts = await atRest(world, before, image, rests === "others");
  const target = fault.again === "before" ? before : image;
  const again = await deploy(world, { image: target, stackFolder, environment: { [environmentNames.wait]: WAIT } });
  await margin(load, ratePerSecond);
  const { sent, failed } = await load.stop();
  const ends = await Promise.all(world.droplets.map((droplet) => endOf(world, droplet, before, target)));
  const seen = {
    ...{ fault: fault.name, phase, sent, failed, allowedFailed: struck.inside, hosts },
    ...{ exitCode: struck.exitCode, rerunExitCode: again.exitCode },
    onTarget: ends.every(({ release: now }) => now === (target === before ? "before" : "target")),
  };
  const exempt = rests === "others" ? struck.scene.droplet.name : null;
  const expected = { exitCodes: fault.exitCodes, exempt, releases: rests === "newer" ? NEWER : USUAL };
  return { ...seen, problems: [...struck.problems, ...problemsOf(seen, expected)] };
}

interface Struck {
  readonly scene: Scene;
  readonly exitCode: number | null;
  /** Requests inside the process that the fault ended. */
  readonly inside: number;
  /** What went wrong with the fault itself. */
  readonly problems: readonly string[];
}

/** @throws Error when the rollout never comes so far */
async function strikeAt(
  world: EmbeddedWorld,
  order: Order,
  image: string,
  fault: Fault,
  phase: Phase,
): Promise<Struck> {
  const [one] = world.droplets;
  if (!one) throw new Error("the fleet has no droplet");
  let scene: Scene = { world, image, stackFolder: order.stackFolder, droplet: one, controller: null };
  const problems: string[] = [];
  let inside = 0;
  const strikes: Promise<void>[] = [];
  const strike = (): void => {
    // Nothing may come between the count and the end of the process.
    const counting = world.balancer.inFlight();
    const killed = fault.kills?.(scene).id;
    strikes.push(
      Promise.all([counting, (async () => fault.strike?.(scene))()]).then(
        ([counts]) => {
          inside = killed === undefined ? 0 : (counts[killed] ?? 0);
        },
        (error: unknown) => void problems.push(String(error)),
      ),
    );
  };
  if (phase === "before") strike();
  await Promise.all(strikes);
  const found = new Phases(world.droplets.length);
  const told = new Set<string>();
  const errors: string[] = [];
  const controller: Controller = new Controller(world, order, (event) => {
    told.add(event.name);
    if (event.name === "failed") errors.push(event.data.code);
    const begun = found.begun(event);
    if (strikes.length > 0 || begun?.phase !== phase) return;
    scene = { ...scene, controller, droplet: begun.host === null ? one : world.droplet(begun.host) };
    strike();
  });
  const exitCode = await controller.ended;
  if (strikes.length === 0)
    throw new Error(`the rollout ended with ${exitCode} before it was ${phase}:\n${controller.said}`);
  await Promise.all(strikes);
  problems.push(...(fault.missed?.(scene) ?? []));
  if (fault.error && !errors.includes(fault.error))
    problems.push(`it failed with ${errors.join(", ") || "nothing"}, not ${fault.error}`);
  if (fault.tells && !told.has(fault.tells)) problems.push(`it did not tell ${fault.tells}`);
  return { scene, exitCode, inside, problems };
}

/** The hosts once each serves something, or after the longest time that it may take. */
async function atRest(world: EmbeddedWorld, before: string, target: string, soon: boolean): Promise<HostEnd[]> {
  const deadline = Date.now() + (soon ? 1.5 * faultSettings.leaseSeconds * 1000 : REST_MS);
  for (;;) {
    const ends = await Promise.all(world.droplets.map((droplet) => endOf(world, droplet, before, target)));
    if (ends.every(isRested) || Date.now() > deadline) return ends;
    await sleep(LOOK_MS);
  }
}

const isRested = ({ release, inRotation, comesBack, unfinished }: HostEnd): boolean =>
  release !== null && inRotation && comesBack && !unfinished;

async function endOf(
  { balancer }: EmbeddedWorld,
  droplet: EmbeddedDroplet,
  before: string,
  target: string,
): Promise<HostEnd> {
  const containers = await droplet.containers();
  const current = containers.find(({ name, status }) => name === "api" && status === "running");
  const names: Readonly<Record<string, "before" | "target">> = { [target]: "target", [before]: "before" };
  return {
    name: droplet.name,
    release: current ? (names[current.image] ?? "other") : null,
    inRotation: balancer.nodesUp(droplet.id).length === balancer.settings.nodes,
    comesBack: containers.every(({ name, restart, status }) =>
      name === "api" ? restart === "always" : restart === "no" && status !== "running",
    ),
    unfinished: existsSync(path.join(droplet.home, ".evenkeel/api/recover.sh")),
  };
}
