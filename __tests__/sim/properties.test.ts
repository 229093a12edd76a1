/** Random schedules of the ordinary path. A failing one is printed with its seed and replays with it. */
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { Release } from "../../contract/release.js";
import { testManifest, testRelease } from "../support/fleet.js";
import { simulate, type SimRun } from "../support/sim.js";

const RUNS = 1000;
/** For a machine that is slow or busy; nothing is concluded from the time it takes. */
const LIMIT_MS = 600_000;

/** Everything about one schedule, in small numbers that shrink well. */
const schedule = fc
  .record({
    hosts: fc.integer({ min: 1, max: 12 }),
    interval: fc.constantFrom(1, 3, 5, 10),
    unhealthy: fc.integer({ min: 1, max: 4 }),
    healthy: fc.integer({ min: 1, max: 4 }),
    /** Whether the API tells the balancer's real threshold, or what the manifest says. */
    candid: fc.boolean(),
    liveUnhealthy: fc.integer({ min: 1, max: 4 }),
    phases: fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 1, maxLength: 3 }),
    unavailable: fc.integer({ min: 1, max: 4 }),
    rate: fc.constantFrom(1, 5, 20),
    longestRequestMs: fc.constantFrom(10, 800, 4000),
    startMs: fc.constantFrom(0, 300, 4000),
    latencyMs: fc.constantFrom(5, 40, 200),
    empty: fc.nat(2),
    smoke: fc.boolean(),
    minReady: fc.constantFrom(0, 5),
    seed: fc.nat(),
  })
  .map((raw) => ({
    ...raw,
    empty: Math.min(raw.empty, raw.hosts - 1),
    unavailable: Math.max(1, Math.min(raw.unavailable, raw.hosts - 1)),
  }));

type Schedule = typeof schedule extends fc.Arbitrary<infer Value> ? Value : never;

/** A small generator of its own, so that a schedule's seed alone decides about lengths and latencies. */
function chance(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9;
    return (state >>> 0) / 2 ** 32;
  };
}

async function play(plan: Schedule): Promise<SimRun> {
  const random = chance(plan.seed);
  const manifest = testManifest({
    hosts: plan.hosts,
    healthCheck: {
      checkIntervalSeconds: plan.interval,
      responseTimeoutSeconds: 1,
      unhealthyThreshold: plan.unhealthy,
      healthyThreshold: plan.healthy,
    },
    rollout: { maxUnavailable: plan.unavailable, smokeBoot: plan.smoke, minReadySeconds: plan.minReady },
  });
  const serving = testRelease(manifest, 1);
  const seeds = new Map<string, Release | null>(
    manifest.hosts.map((host, index) => [host.name, index < plan.empty ? null : serving]),
  );
  return simulate({
    manifest,
    seeds,
    ...(plan.candid ? {} : { reportedCheck: manifest.healthCheck }),
    liveCheck: { ...manifest.healthCheck, unhealthyThreshold: plan.liveUnhealthy },
    phasesMs: plan.phases.map((phase) => phase * plan.interval * 1000),
    ratePerSecond: plan.rate,
    requestMs: () => random() * plan.longestRequestMs,
    latencyMs: () => random() * plan.latencyMs,
    behaviourOf: () => ({ startMs: plan.startMs, kind: "healthy" }),
  });
}

describe(`${RUNS} random schedules of the ordinary path`, () => {
  it(
    "SAFETY and LIVENESS: no failed request, no broken invariant, every host on the release, no probe wasted",
    async () => {
      await fc.assert(
        fc.asyncProperty(schedule, async (plan) => {
          const { world, receipt } = await play(plan);
          expect(receipt.error).toBeNull();
          expect(world.broken).toEqual([]);
          if (plan.hosts > 1) expect(world.failures).toEqual([]);
          const target = receipt.release?.id;
          for (const host of receipt.hosts) {
            const machine = world.machine(host.name);
            expect(machine.state("current")?.release).toBe(target);
            expect(machine.serving?.lifecycle()?.state).toBe("serving");
            expect(machine.restartPolicy("current")).toBe("always");
            if (host.action === "replaced") {
              expect(machine.state("previous")).toMatchObject({ running: false });
              expect(machine.restartPolicy("previous")).toBe("no");
            }
            // A threshold that nobody was told costs the probes that it takes.
            if (!plan.candid) continue;
            for (const count of [host.drain, host.readmission])
              if (count) expect(count.taken).toBeLessThanOrEqual(count.floor + 1);
          }
        }),
        { numRuns: RUNS },
      );
    },
    LIMIT_MS,
  );
});
