/** Random schedules in which something befalls the rollout. A failing one is printed with its seed and replays with it. */
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { faultKinds, faultPhases } from "../../lab/sim/faults.js";
import { optionsOf, schedule } from "../support/schedules.js";
import { simulateFault } from "../support/sim-faults.js";

/** Fewer where every run is one of many, as in `npm run test:mutation`. */
const RUNS = Number(process.env["EVENKEEL_SCHEDULES"] ?? 100);
const LIMIT_MS = 600_000;
const LEASE_SECONDS = 10;
/** Of so many schedules each fault is to begin in each phase so often, or there is less to them than their number says. */
const WHOLE = 2000;
const LEAST = 20;

const fault = fc.record({
  kind: fc.constantFrom(...faultKinds),
  phase: fc.constantFrom(...faultPhases),
  call: fc.oneof(fc.nat(3), fc.nat(40)),
  lastsMs: fc.constantFrom(1000, 20_000, 3 * LEASE_SECONDS * 1000),
});

describe(`${RUNS} random schedules in which the controller is killed or stands still, SSH breaks, or the API fails`, () => {
  it(
    "no request fails, a lease later every host serves that served before, and one run more brings all onto the release",
    async () => {
      const struck = new Map<string, number>();
      await fc.assert(
        fc.asyncProperty(schedule, fault, async (plan, what) => {
          const { world, faults, receipt, down, rerun } = await simulateFault(optionsOf(plan, LEASE_SECONDS), what);
          const where = `${what.kind} at ${what.phase}`;
          if (faults.struck !== null) struck.set(where, (struck.get(where) ?? 0) + 1);
          expect(world.broken).toEqual([]);
          if (plan.hosts > 1) expect(world.failures).toEqual([]);
          expect(down).toEqual([]);
          if (receipt) expect([0, 3, 5, 6]).toContain(receipt.exitCode);
          expect(rerun.error).toBeNull();
          for (const { name } of rerun.hosts.filter(({ action }) => action !== "retired" && action !== "skipped")) {
            const machine = world.machine(name);
            expect(machine.state("current")?.release).toBe(rerun.release?.id);
            expect(machine.serving?.state).toBe("serving");
            expect(machine.restartPolicy("current")).toBe("always");
          }
        }),
        { numRuns: RUNS },
      );
      expect(new Set([...struck.keys()].map((where) => where.split(" at ")[0]))).toEqual(new Set(faultKinds));
      for (const kind of faultKinds)
        for (const phase of faultPhases) {
          const where = `${kind} at ${phase}`;
          if (RUNS >= WHOLE)
            expect({ where, enough: (struck.get(where) ?? 0) >= LEAST }).toEqual({ where, enough: true });
        }
    },
    LIMIT_MS,
  );
});
