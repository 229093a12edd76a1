/** A scenario on real droplets: real sshd, dockerd, HAProxy and registry, each in namespaces of its own. */
import { expect } from "@jest/globals";
import type { BalancerOptions } from "../../lab/balancer-options.js";
import { articleSteps, pullSteps, runStep, type Waits } from "../../lab/bench/article.js";
import { inRotation } from "../../lab/bench/fleet.js";
import { withLogin } from "../../lab/bench/login.js";
import { allAtOnce, oneByOne } from "../../lab/bench/remote.js";
import type { LoadReport, LoadSettings } from "../../lab/load/load.js";
import type { Deployment } from "../../lab/rehearsal.js";
import type { RealDroplet } from "../../lab/real/droplet.js";
import { real, type RealOptions, type RealSite, type RealWorld } from "../../lab/real/site.js";
import type { FleetConfig } from "../../constructs/index.js";
import { naiveSteps } from "../../lab/bench/naive.js";
import { stopsOf } from "../../lab/bench/rollout-figures.js";
import { FAST_CHECK, Scenario, type ScenarioOptions, type UnderLoad } from "./scenario.js";

export type RealScenario = Scenario<RealWorld>;

/** Longest time for one test on a busy machine; nothing is concluded from the time that one takes. */
export const LIMIT_MS = 900_000;

/** 300 requests a second, a tenth of them slow. */
export const LOAD: Partial<LoadSettings> = { ratePerSecond: 300, slowShare: 0.1, slowMs: 1500 };

/** 2 % of the requests take 20 s: longer than anything else in a replacement. */
export const LONG_LOAD: Partial<LoadSettings> = { ...LOAD, verySlowShare: 0.02, verySlowMs: 20_000, timeoutMs: 60_000 };

/** Nodes let a host go after four seconds: what holds a machine up that several droplets share is no fault of a droplet. */
const PATIENT_CHECK = { ...FAST_CHECK, unhealthyThreshold: 4 } as const;

/** DigitalOcean's fastest check. */
export const THREE_SECONDS = {
  checkIntervalSeconds: 3,
  responseTimeoutSeconds: 3,
  unhealthyThreshold: 2,
  healthyThreshold: 2,
} as const;

/** Deadlines for a machine on which several droplets start at once. */
const patient = {
  readyTimeoutSeconds: 60,
  bootTimeoutSeconds: 120,
  progressDeadlineSeconds: 300,
  drainTimeoutSeconds: 60,
};

/** Three droplets and a balancer without retries, unless said. */
export function startReal(options: ScenarioOptions & { readonly site?: RealOptions } = {}): Promise<RealScenario> {
  const { fleet = {}, world = {}, site, check = PATIENT_CHECK, ...others } = options;
  const wanted: FleetConfig = { dropletCount: 3, ...fleet, rollout: { ...patient, ...fleet.rollout } };
  const balancer = { retries: 0, ...world.balancer };
  return Scenario.start<RealDroplet, RealSite>({
    ...others,
    check,
    fleet: wanted,
    world: { balancer },
    site: real(site),
  });
}

/** Two droplets behind a balancer that does otherwise than manifest and API say. */
export const startOtherwise = (otherwise: BalancerOptions): Promise<RealScenario> =>
  startReal({
    fleet: { dropletCount: 2 },
    check: THREE_SECONDS,
    world: { balancer: { ...otherwise, reportDeclared: true } },
  });

export interface Unnoticed {
  readonly result: Deployment;
  readonly seen: LoadReport;
}

/** Rolls version 2 out under load and insists that nobody noticed. */
export async function expectUnnoticed(scenario: RealScenario, load: Partial<LoadSettings> = LOAD): Promise<Unnoticed> {
  const image = await scenario.world.pushReference("v2");
  const { result, seen } = await scenario.under(() => scenario.deploy(image), load);
  expect({ exitCode: result.exitCode, stderr: result.stderr }).toEqual({ exitCode: 0, stderr: result.stderr });
  expect(seen.failures).toEqual([]);
  expectWholeLoad(seen, load.ratePerSecond ?? 0);
  expectLetGoFirst(scenario, result);
  const count = scenario.world.droplets.length;
  expect(await scenario.running()).toEqual(Array.from({ length: count }, () => image));
  expect(result.receipt?.hosts.map((host) => host.action)).toEqual(Array.from({ length: count }, () => "replaced"));
  return { result, seen };
}

/** Clients sent at their rate all the time, and had answers of either release. */
function expectWholeLoad(seen: LoadReport, ratePerSecond: number): void {
  const wholeSeconds = seen.perSecond.slice(0, -1);
  const sent = wholeSeconds.reduce((sum, second) => sum + second.sent, 0);
  const seconds = (wholeSeconds.at(-1)?.second ?? 0) + 1;
  expect(seen.endedEarly).toBe(false);
  expect(seen.notMeasuredBy).toEqual({});
  expect(Math.abs(sent - seconds * ratePerSecond)).toBeLessThanOrEqual(1 + 0.01 * seconds * ratePerSecond);
  expect(Object.keys(seen.byRelease)).toHaveLength(2);
}

/** In the balancer's own view: each of its nodes held a host for down when its old container was told to stop. */
function expectLetGoFirst({ world }: RealScenario, { events }: Deployment): void {
  const { changes, settings } = world.balancer;
  const stops = stopsOf(events, (name) => world.droplet(name).id);
  expect(stops).toHaveLength(world.droplets.length);
  for (const { dropletId, atMs } of stops) {
    for (let node = 0; node < settings.nodes; node += 1) {
      const before = changes.filter((one) => one.node === node && one.dropletId === dropletId && one.atMs <= atMs);
      expect({ dropletId, node, up: before.at(-1)?.up }).toEqual({ dropletId, node, up: false });
    }
  }
}

/** Others' procedures cost requests: broken ones and errors of the balancer, none of them before the procedure began. */
export function expectLost({ seen, failedBefore }: UnderLoad<unknown>): void {
  expect(failedBefore).toBe(0);
  expect(seen.failed).toBeGreaterThan(0);
  const others = seen.failures.filter(
    ({ kind, status }) => kind !== "reset" && !(kind === "status" && [502, 503, 504].includes(status ?? 0)),
  );
  expect(others).toEqual([]);
}

/** Each host was let go and taken back with as few probes as the balancer allows, or one more. */
export function expectFewestProbes({ result }: Unnoticed): void {
  for (const host of result.receipt?.hosts ?? [])
    for (const count of [host.drain, host.readmission]) {
      expect(count).not.toBeNull();
      expect(count?.taken).toBeLessThanOrEqual((count?.floor ?? 0) + 1);
    }
}

/** Nobody knew that the balancer does otherwise, and each host was yet let go before it was stopped. */
export function expectProbesAwaited({ result }: Unnoticed, { unhealthyThreshold }: BalancerOptions): void {
  const floor = unhealthyThreshold ?? THREE_SECONDS.unhealthyThreshold;
  expect(result.events.some(({ name }) => name === "balancerDiffers")).toBe(false);
  for (const host of result.receipt?.hosts ?? []) expect(host.drain?.taken).toBeGreaterThanOrEqual(floor);
}

/** The article's app, as its workflow starts it on every droplet. */
export async function beginAsArticle({ world }: RealScenario, environment: Record<string, string> = {}): Promise<void> {
  const image = await articleImage(world, "v1", environment);
  const release = await withLogin(world, image);
  await world.booted();
  const { signal } = new AbortController();
  await allAtOnce(world, [...pullSteps(release), runStep(release)], { signal });
  await inRotation(world, signal);
}

/** The article's own procedure to its version 2, with the given waits. */
export async function rollOutAsArticle(
  { world }: RealScenario,
  waits: Waits,
  environment: Record<string, string> = {},
): Promise<void> {
  const release = await withLogin(world, await articleImage(world, "v2", environment));
  await oneByOne(world, articleSteps(release, waits), { signal: new AbortController().signal });
}

/** Stop, remove, run. */
export async function rollOutNaively({ world }: RealScenario, image: string): Promise<void> {
  await oneByOne(world, naiveSteps(await withLogin(world, image)), { signal: new AbortController().signal });
}

/** The article's app listens on the port that its workflow publishes. */
const articleImage = (world: RealWorld, version: string, environment: Record<string, string>): Promise<string> =>
  world.site.pushReference(version, {
    contract: "article",
    environment: { ...environment, PORT: "80", SLOW_ROUTE: "on" },
  });
