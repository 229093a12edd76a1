/** Random schedules for the simulation: a fleet, its balancer, its clients and how much of all that the rollout sees. */
import fc from "fast-check";
import type { Manifest } from "../../contract/manifest.js";
import type { Release } from "../../contract/release.js";
import { evenly } from "../support/draws.js";
import { testManifest, testRelease } from "../support/fleet.js";
import type { Survey } from "../../scripts/rollout/ports.js";
import type { RunOptions } from "../support/sim.js";

/** Everything about one schedule, in small numbers that shrink well. */
export const schedule = fc
  .record({
    hosts: fc.integer({ min: 1, max: 10 }),
    interval: fc.constantFrom(1, 3, 5, 10),
    unhealthy: fc.integer({ min: 1, max: 4 }),
    healthy: fc.integer({ min: 1, max: 4 }),
    /** Whether the API tells the balancer's real threshold, or what the manifest says. */
    candid: fc.boolean(),
    liveUnhealthy: fc.integer({ min: 1, max: 4 }),
    phases: fc.array(evenly(0, 0.999, 999), { minLength: 1, maxLength: 3 }),
    unavailable: fc.integer({ min: 1, max: 4 }),
    parallel: fc.integer({ min: 1, max: 4 }),
    rate: fc.constantFrom(1, 5, 20),
    /** Whether clients ask in an even rhythm. */
    even: fc.boolean(),
    longestRequestMs: fc.constantFrom(10, 800, 4000),
    startMs: fc.constantFrom(0, 300, 4000),
    latencyMs: fc.constantFrom(5, 40, 200),
    empty: fc.nat(2),
    superseded: fc.constantFrom(0, 0, 1, 2),
    minReady: fc.constantFrom(0, 5),
    /** What can be seen: everything, or no answer of the balancer; or hosts are handed over, and none has to leave, or every other one has. */
    view: fc.constantFrom("full", "full", "full", "no witness", "handoff", "auto"),
    /** Milliseconds after which the rollout is told to stop; null: never. */
    stopMs: fc.option(fc.integer({ min: 0, max: 60_000 }), { nil: null, freq: 3 }),
    seed: fc.nat(),
  })
  .map((raw) => ({
    ...raw,
    empty: Math.min(raw.empty, raw.hosts - 1),
    unavailable: Math.max(1, Math.min(raw.unavailable, raw.hosts - 1)),
    // Where nothing but time is left to go by, the thresholds must be known.
    candid: raw.candid || raw.view !== "full",
  }));

export type Schedule = typeof schedule extends fc.Arbitrary<infer Value> ? Value : never;

/** A small generator of its own, so that a schedule's seed alone decides about lengths and latencies. */
function chance(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9;
    return (state >>> 0) / 2 ** 32;
  };
}

/** The fleet of a schedule. */
const manifestOf = (plan: Schedule, leaseSeconds: number): Manifest =>
  testManifest({
    hosts: plan.hosts,
    healthCheck: {
      checkIntervalSeconds: plan.interval,
      responseTimeoutSeconds: 1,
      unhealthyThreshold: plan.unhealthy,
      healthyThreshold: plan.healthy,
    },
    // Shorter than many requests: one that is stopped under them loses them.
    service: { stopTimeoutSeconds: 1 },
    rollout: {
      maxUnavailable: plan.unavailable,
      maxParallel: plan.parallel,
      leaseSeconds,
      minReadySeconds: plan.minReady,
      strategy: plan.view === "handoff" || plan.view === "auto" ? plan.view : "drain",
    },
  });

/** Its memory holds no second container. */
const everyOtherIsSmall = (survey: Survey, host: string): Survey =>
  Number(host.at(-1)) % 2 === 0 ? survey : { ...survey, freeMemoryMb: 90 };

/** The same schedule always gives the same run. @param leaseSeconds 5 to 3600; the default is the policy's */
export function optionsOf(plan: Schedule, leaseSeconds = 120): RunOptions {
  const random = chance(plan.seed);
  const gap = chance(~plan.seed);
  const manifest = manifestOf(plan, leaseSeconds);
  const serving = testRelease(manifest, 1);
  const seeds = new Map<string, Release | null>(
    manifest.hosts.map((host, index) => [host.name, index < plan.empty ? null : serving]),
  );
  return {
    manifest,
    seeds,
    superseded: Array.from({ length: plan.superseded }, (_, index) => ({
      host: {
        name: `old-${index}`,
        id: String(index + 1),
        address: `198.51.100.${index}`,
        privateAddress: `10.111.0.${index}`,
      },
      release: serving,
    })),
    witnessReachable: plan.view !== "no witness",
    ...(plan.view === "auto" ? { seen: everyOtherIsSmall } : {}),
    ...(plan.candid ? {} : { reportedCheck: manifest.healthCheck }),
    liveCheck: { ...manifest.healthCheck, unhealthyThreshold: plan.liveUnhealthy },
    phasesMs: plan.phases.map((phase) => phase * plan.interval * 1000),
    ratePerSecond: plan.rate,
    ...(plan.even ? {} : { gapShare: () => 0.5 + gap() }),
    requestMs: () => random() * plan.longestRequestMs,
    latencyMs: () => random() * plan.latencyMs,
    behaviourOf: () => ({ startMs: plan.startMs, kind: "healthy" }),
  };
}
