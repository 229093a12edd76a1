/** Random schedules of the ordinary path. A failing one is printed with its seed and replays with it. */
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { optionsOf, schedule } from "../support/schedules.js";
import { simulate } from "../support/sim.js";

/** Fewer where every run is one of many, as in `npm run test:mutation`. */
const RUNS = Number(process.env["EVENKEEL_SCHEDULES"] ?? 1000);
/** For a machine that is slow or busy; nothing is concluded from the time it takes. */
const LIMIT_MS = 600_000;

describe(`${RUNS} random schedules of the ordinary path, a quarter of them told to stop`, () => {
  it(
    "SAFETY and LIVENESS: no failed request, no broken invariant, every host on the release in the end, no probe wasted",
    async () => {
      await fc.assert(
        fc.asyncProperty(schedule, async (plan) => {
          const { world, receipt, receipts } = await simulate({
            ...optionsOf(plan),
            reruns: plan.stopMs === null ? 0 : 1,
            stopAt: (event) => (event.name === "started" && plan.stopMs !== null ? plan.stopMs : false),
          });
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
