/** One fault at one phase: a fleet under load, a rollout that it befalls, what the hosts end as, and the run after it. */
import { setTimeout as sleep } from "node:timers/promises";
import { environmentNames } from "../../contract/manifest.js";
import type { FleetConfig } from "../../constructs/index.js";
import { withCheck } from "../check.js";
import { embedded } from "../embedded/site.js";
import { startLoad, type Load, type LoadReport } from "../load/load.js";
import { margin } from "../load/margin.js";
import { real } from "../real/site.js";
import { deploy } from "../rehearsal.js";
import type { OpenSite } from "../site.js";
import type { SiteName } from "../site-names.js";
import type { RolloutEvent } from "../../scripts/rollout/core/events.js";
import type { TroubledDroplet, TroubledSite, TroubledWorld } from "../trouble.js";
import { Stacks } from "../stacks.js";
import { startWorld } from "../world.js";
import { Controller, type Order } from "./controller.js";
import type { Fault, FaultStrategy, Scene } from "./fault.js";
import { problemsOf, type Expected, type FaultRow, type HostEnd } from "./figures.js";
import { Hold } from "./hold.js";
import { isStep, Phases, type Phase } from "./phase.js";

export const faultSettings = {
  droplets: 2,
  ratePerSecond: 100,
  slowShare: 0.05,
  slowMs: 800,
  leaseSeconds: 10,
} as const;

/** DigitalOcean starts at 3 seconds; none of this is about the clock. */
const CHECK = { checkIntervalSeconds: 1, responseTimeoutSeconds: 1, unhealthyThreshold: 2, healthyThreshold: 2 };
/** Longest until the hosts have come to rest: a lease, what a steward then does, and a boot. */
const REST_SECONDS = 90;
/** Where nothing but the controller is gone: the lease, a stop and a start, and the balancer's probes. */
const LEASE_REST_SECONDS = faultSettings.leaseSeconds + 20;
/** A fault that has not ended so long after the rollout never will. */
const STRIKE_MS = 60_000;
/** A steward that stands still goes on so long after the fault has begun, if that has not ended by then. */
const HELD_MS = 500;
/** Requests that broke so soon after a process was ended were inside it. */
const AFTER_KILL_MS = 2000;
const LOOK_MS = 250;
/** A droplet is away for longer than the balancer needs to see it. */
const BOOT = { sshDelayMs: 3000, cloudInitDelayMs: 1000 };

interface Place {
  readonly open: OpenSite<TroubledSite>;
  /** Longest that a new container needs where nothing is wrong with it. */
  readonly readyTimeoutSeconds: number;
}
const places: Readonly<Record<SiteName, Place>> = {
  embedded: { open: embedded(BOOT), readyTimeoutSeconds: 5 },
  // A real container starts in a second or two, and several at once on one machine.
  real: { open: real(), readyTimeoutSeconds: 15 },
};
/** Until the balancer has seen a process that is back. */
const BALANCER_MS = 3000;
/** Seconds that the run after it waits for a lease to end. */
const WAIT = "60";

/** What hosts may rest on. */
const USUAL: Expected["releases"] = ["before", "target"];
/** Of two names for one image. */
const SAME: Expected["releases"] = ["before"];
const ANOTHER: Expected["releases"] = ["other"];

/** The fleet that a fault befalls. */
export const fleetOf = (
  { fleet }: Fault,
  { site = "embedded", strategy = "drain" }: Partial<Pick<Ground, "site" | "strategy">> = {},
): FleetConfig => ({
  dropletCount: faultSettings.droplets,
  ...fleet,
  rollout: {
    strategy,
    leaseSeconds: faultSettings.leaseSeconds,
    readyTimeoutSeconds: places[site].readyTimeoutSeconds,
    minReadySeconds: 1,
    ...fleet?.rollout,
  },
});

/** Stacks of the suite, which faults share. @param folder where they lie */
export const faultStacks = (folder: string): Stacks => new Stacks("lab/faults/fleet.config.ts", "FAULTS_FLEET", folder);

/** Where a fault befalls a fleet. */
export interface Ground {
  /** @default "embedded" */
  readonly site?: SiteName;
  /** @default "drain" */
  readonly strategy?: FaultStrategy;
  readonly stacks: Stacks;
  readonly signal: AbortSignal;
}

/** What was seen, and why it must not be. */
export type Outcome = Omit<FaultRow, "commit">;

export async function befall(
  fault: Fault,
  phase: Phase,
  { site = "embedded", strategy = "drain", stacks, signal }: Ground,
): Promise<Outcome> {
  const fleet = fleetOf(fault, { site, strategy });
  const stack = await stacks.of(fleet);
  const world = await startWorld<TroubledDroplet, TroubledSite>({
    stackJson: withCheck(stack.json, CHECK),
    site: places[site].open,
    // What is not tried elsewhere shows whatever is stopped under clients. Where the fault itself takes a host away, a connection to it goes
    // elsewhere: what is lost is what was inside.
    options: { balancer: { retries: fault.kills ? 1 : 0, ...fault.balancer } },
  });
  const resize = async (dropletCount: number): Promise<void> => {
    const { json } = await stacks.of({ ...fleet, dropletCount });
    await world.redeclare(withCheck(json, CHECK));
    for (const droplet of world.superseded) await world.remove(droplet);
  };
  try {
    signal.throwIfAborted();
    await world.booted();
    return await observed(fault, phase, { site, strategy, world, stackFolder: stack.folder, resize });
  } finally {
    await world.stop();
  }
}

/** A fleet that a fault befalls. */
interface Stage extends Pick<Scene, "world" | "stackFolder" | "resize"> {
  readonly site: SiteName;
  readonly strategy: FaultStrategy;
}

async function observed(fault: Fault, phase: Phase, stage: Stage): Promise<Outcome> {
  const { world, stackFolder } = stage;
  const served = await (fault.serving ?? (async (on) => [await on.pushReference("v1")]))(world);
  for (const image of served) {
    const { exitCode, stderr } = await deploy(world, { image, stackFolder });
    if (exitCode !== 0) throw new Error(`a deploy before the fault ended with ${exitCode}:\n${stderr}`);
  }
  const [before = "", earlier = ""] = [...served].reverse();
  const { release = (on: TroubledWorld) => on.pushReference("v2") } = fault;
  const image = release === null ? earlier : await release(world, before);
  const { ratePerSecond, slowShare, slowMs } = faultSettings;
  const load = await startLoad({ url: world.balancer.url(), ratePerSecond, slowShare, slowMs });
  try {
    return await underLoad(fault, phase, stage, { load, before, image });
  } finally {
    await load.stop();
  }
}

/** What is deployed, and who asks meanwhile. */
interface Course {
  readonly load: Load;
  readonly before: string;
  readonly image: string;
}

async function underLoad(fault: Fault, phase: Phase, stage: Stage, { load, before, image }: Course): Promise<Outcome> {
  const { site, strategy, world, stackFolder } = stage;
  const { release, restsOn = "usual" } = fault;
  const { ratePerSecond } = faultSettings;
  await margin(load, ratePerSecond);
  const ordered = release === null ? null : image;
  const struck = await strikeAt({ ...stage, image, droplet: firstOf(world), controller: null }, ordered, fault, phase);
  await fault.mend?.(struck.scene);
  const ended = Date.now();
  const killed = fault.exitCodes.every((code) => code === null);
  const restSeconds = killed ? LEASE_REST_SECONDS : REST_SECONDS;
  const { hosts, restedAt } = await atRest(world, { before, target: image, fault });
  const target = fault.again === "before" ? before : image;
  const again = await deploy(world, { image: target, stackFolder, environment: { [environmentNames.wait]: WAIT } });
  await margin(load, ratePerSecond);
  const report = await load.stop();
  const exchanges =
    world.droplets.length > 1 || strategy === "handoff"
      ? []
      : [exchangeOf(struck.events, restedAt ?? Date.now()), exchangeOf(again.events, Date.now())];
  const ends = await Promise.all(world.droplets.map((droplet) => endOf(world, droplet, { before, target })));
  const seen = {
    ...{
      site,
      strategy,
      fault: fault.name,
      phase,
      sent: report.sent,
      failed: report.failed,
      notMeasured: report.notMeasured,
      hosts,
    },
    restedSeconds: restedAt === null ? null : Math.round((restedAt - ended) / 1000),
    allowedFailed: Math.min(struck.inside, during(report, [struck.killed])) + during(report, exchanges),
    ...{ exitCode: struck.exitCode, rerunExitCode: again.exitCode },
    onTarget: ends.every(({ release: now }) => now === (target === before ? "before" : "target")),
  };
  const exempt = fault.unrested?.(struck.scene).name ?? null;
  const same = image === before;
  const releases = restsOn === "another" ? ANOTHER : same ? SAME : USUAL;
  const expected = { exitCodes: fault.exitCodes, exempt, releases, restSeconds };
  const problems = [...struck.problems, ...problemsOf(seen, expected)];
  if (problems.length > 0) problems.push(...errorsIn("it", struck.said), ...errorsIn("the run after it", again.stderr));
  return { ...seen, problems };
}

/** What a rollout said of why it failed. */
const errorsIn = (which: string, stderr: string): string[] =>
  stderr.split("\n").flatMap((line) => {
    const [, error] = / error: (.*)$/.exec(line) ?? [];
    return error === undefined ? [] : [`${which} said: ${error}`];
  });

/** A stretch of time, by `Date.now()`; null: it did not come to pass. */
type Stretch = { readonly from: number; readonly to: number } | null;

/** Failed requests of which a part lies in one of the stretches. */
const during = ({ failures, startedAtMs }: LoadReport, stretches: readonly Stretch[]): number =>
  failures.filter(({ atMs, ms }) =>
    stretches.some((one) => one && startedAtMs + atMs <= one.to && startedAtMs + atMs + ms >= one.from),
  ).length;

/** While the only process of a fleet of one is exchanged: from the order to stop it until the balancer sends to one again. */
function exchangeOf(events: readonly RolloutEvent[], atLatest: number): Stretch {
  const from = events.find(
    ({ name, data }) => name === "hostStatus" && (data as { status: string }).status === "starting",
  );
  if (!from) return null;
  const later = events.slice(events.indexOf(from) + 1);
  const back = later.find(
    ({ name, data }) =>
      name === "readmitted" || (name === "hostStatus" && (data as { status: string }).status === "restored"),
  );
  return { from: Date.parse(from.time), to: back ? Date.parse(back.time) + BALANCER_MS : atLatest };
}

function firstOf({ droplets: [one] }: TroubledWorld): TroubledDroplet {
  if (!one) throw new Error("the fleet has no droplet");
  return one;
}

interface Struck {
  readonly scene: Scene;
  readonly exitCode: number | null;
  /** Requests inside the process that the fault ended. */
  readonly inside: number;
  /** When it ended it. */
  readonly killed: Stretch;
  /** What it wrote to stderr. */
  readonly said: string;
  /** What the rollout told. */
  readonly events: readonly RolloutEvent[];
  /** What went wrong with the fault itself. */
  readonly problems: readonly string[];
}

/**
 * @param image what is rolled out; null: it goes back
 * @throws Error when the rollout never comes so far
 */
async function strikeAt(before: Scene, image: string | null, fault: Fault, phase: Phase): Promise<Struck> {
  const { world, stackFolder, droplet: first } = before;
  let scene = before;
  const problems: string[] = [];
  let inside = 0;
  let killed: Stretch = null;
  const strikes: Promise<void>[] = [];
  const strike = (): void => {
    // Nothing may come between the count and the end of the process.
    const counting = world.balancer.inFlight();
    const victim = fault.kills?.(scene).id;
    const from = Date.now();
    strikes.push(
      Promise.all([counting, (async () => fault.strike?.(scene))()]).then(
        ([counts]) => {
          if (victim === undefined) return;
          inside = counts[victim] ?? 0;
          killed = { from, to: Date.now() + AFTER_KILL_MS };
        },
        (error: unknown) => void problems.push(String(error)),
      ),
    );
  };
  if (phase === "before") strike();
  await Promise.all(strikes);
  const found = new Phases(world.droplets.length);
  const hold = isStep(phase) ? await Hold.at(phase, world.droplets) : null;
  const over = new AbortController();
  const events: RolloutEvent[] = [];
  const order: Order = { stackFolder, ...(image === null ? {} : { image }) };
  const controller: Controller = new Controller(world, order, (event) => {
    events.push(event);
    const begun = found.begun(event);
    if (strikes.length > 0 || begun?.phase !== phase) return;
    scene = { ...scene, controller, droplet: begun.host === null ? first : world.droplet(begun.host) };
    strike();
  });
  const held = (async () => {
    const droplet = await hold?.first(over.signal);
    if (droplet) {
      scene = { ...scene, controller, droplet };
      strike();
      await Promise.race([Promise.all(strikes), sleep(HELD_MS)]);
    }
    await hold?.end();
  })();
  const exitCode = await controller.ended;
  over.abort();
  await held;
  if (phase === "after") strike();
  if (strikes.length === 0)
    throw new Error(`the rollout ended with ${exitCode} before it was ${phase}:\n${controller.said}`);
  const struck = await Promise.race([Promise.all(strikes), sleep(STRIKE_MS, null)]);
  if (struck === null) problems.push(`the fault has not ended ${STRIKE_MS / 1000} s after the rollout`);
  problems.push(...(fault.missed?.(scene) ?? []));
  const errors = events.flatMap((event) => (event.name === "failed" ? event.data.code : []));
  if (fault.error && !errors.includes(fault.error))
    problems.push(`it failed with ${errors.join(", ") || "nothing"}, not ${fault.error}`);
  if (fault.tells && !events.some(({ name }) => name === fault.tells)) problems.push(`it did not tell ${fault.tells}`);
  return { scene, exitCode, inside, killed, said: controller.said, events, problems };
}

/** What served before the rollout, and what it was to bring. */
interface Images {
  readonly before: string;
  readonly target: string;
}

/** The hosts once each serves something, and since when; or after the longest time that it may take, and null. */
async function atRest(
  world: TroubledWorld,
  { fault, ...images }: Images & { readonly fault: Fault },
): Promise<{ readonly hosts: HostEnd[]; readonly restedAt: number | null }> {
  const deadline = Date.now() + (fault.unrested ? 1.5 * faultSettings.leaseSeconds : REST_SECONDS) * 1000;
  for (;;) {
    const hosts = await Promise.all(world.droplets.map((droplet) => endOf(world, droplet, images, fault.leavesOld)));
    if (hosts.every(isRested)) return { hosts, restedAt: Date.now() };
    if (Date.now() > deadline) return { hosts, restedAt: null };
    await sleep(LOOK_MS);
  }
}

const isRested = ({ release, inRotation, comesBack, unfinished }: HostEnd): boolean =>
  release !== null && inRotation && comesBack && !unfinished;

async function endOf(
  { balancer }: TroubledWorld,
  droplet: TroubledDroplet,
  { before, target }: Images,
  mayRunOn = false,
): Promise<HostEnd> {
  const { name, id } = droplet;
  const inRotation = balancer.nodesUp(id).length === balancer.settings.nodes;
  if (droplet.boot !== "done") return { name, release: null, inRotation, comesBack: false, unfinished: true };
  const containers = await droplet.containers();
  const current = containers.find((container) => container.name === "api" && container.status === "running");
  const names: Readonly<Record<string, "before" | "target">> = { [target]: "target", [before]: "before" };
  return {
    ...{ name, inRotation },
    release: current ? (names[current.image] ?? "other") : null,
    comesBack: containers.every((container) =>
      container.name === "api"
        ? container.restart === "always"
        : container.restart === "no" && (mayRunOn || container.status !== "running"),
    ),
    unfinished: (await droplet.shell("test -e .evenkeel/api/recover.sh")).exitCode === 0,
  };
}
