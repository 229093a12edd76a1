/** Random schedules of the ordinary path. A failing one is printed with its seed and replays with it. */
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { Release } from "../../contract/release.js";
import { testManifest, testRelease } from "../support/fleet.js";
import { simulate, type SimRun } from "../support/sim.js";

/** Fewer where every run is one of many, as in `npm run test:mutation`. */
const RUNS = Number(process.env["EVENKEEL_SCHEDULES"] ?? 1000);
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
    superseded: fc.constantFrom(0, 0, 1, 2),
    smoke: fc.boolean(),
    minReady: fc.constantFrom(0, 5),
    /** What can be seen: everything, no answer of the balancer, no control port either. */
    view: fc.constantFrom("full", "full", "full", "no witness", "fixed-wait"),
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
    // Shorter than many requests: one that is stopped under them loses them.
    service: { stopTimeoutSeconds: 1 },
    rollout: {
      maxUnavailable: plan.unavailable,
      smokeBoot: plan.smoke,
      minReadySeconds: plan.minReady,
      gate: plan.view === "fixed-wait" ? "fixed-wait" : "evidence",
    },
  });
  const serving = testRelease(manifest, 1);
  const seeds = new Map<string, Release | null>(
    manifest.hosts.map((host, index) => [host.name, index < plan.empty ? null : serving]),
  );
  return simulate({
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
    // A client would see both releases for a moment; the rollout ends on the new one.
    reruns: plan.stopMs === null ? 0 : 1,
    stopAt: (event) => (event.name === "started" && plan.stopMs !== null ? plan.stopMs : false),
    ...(plan.candid ? {} : { reportedCheck: manifest.healthCheck }),
    liveCheck: { ...manifest.healthCheck, unhealthyThreshold: plan.liveUnhealthy },
    phasesMs: plan.phases.map((phase) => phase * plan.interval * 1000),
    ratePerSecond: plan.rate,
    requestMs: () => random() * plan.longestRequestMs,
    latencyMs: () => random() * plan.latencyMs,
    behaviourOf: () => ({ startMs: plan.startMs, kind: "healthy" }),
  });
}

describe(`${RUNS} random schedules of the ordinary path, a quarter of them told to stop`, () => {
  it(
    "SAFETY and LIVENESS: no failed request, no broken invariant, every host on the release in the end, no probe wasted",
    async () => {
      await fc.assert(
        fc.asyncProperty(schedule, async (plan) => {
          const { world, receipt, receipts } = await play(plan);
          const last = receipts.at(-1);
          expect(last?.error).toBeNull();
          if (plan.stopMs !== null) expect([0, 130]).toContain(receipt.exitCode);
          expect(world.broken).toEqual([]);
          if (plan.hosts > 1) expect(world.failures).toEqual([]);
          for (const host of last?.hosts ?? []) {
            if (host.action === "retired") continue;
            const machine = world.machine(host.name);
            expect(machine.state("current")?.release).toBe(last?.release?.id);
            expect(machine.serving?.state).toBe("serving");
            expect(machine.restartPolicy("current")).toBe("always");
            if (host.action === "replaced") {
              expect(machine.state("previous")).toMatchObject({ running: false });
              expect(machine.restartPolicy("previous")).toBe("no");
            }
          }
          for (let id = 1; id <= plan.superseded; id += 1) {
            expect(world.machine(String(id)).retired).toBe(true);
            expect(world.machine(String(id)).isRunning("current")).toBe(false);
          }
          // A threshold that nobody was told costs the probes that it takes, and so does a view of time alone.
          if (!plan.candid || plan.view !== "full") return;
          for (const { drain, readmission } of receipts.flatMap(({ hosts }) => hosts))
            for (const count of [drain, readmission])
              if (count) expect(count.taken).toBeLessThanOrEqual(count.floor + 1);
        }),
        { numRuns: RUNS },
      );
    },
    LIMIT_MS,
  );
});
