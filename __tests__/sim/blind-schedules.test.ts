/** Random fleets in which some hosts get no answer from their own private address, although clients are served there. */
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { optionsOf, schedule, type Schedule } from "../schedules/schedule.js";
import { simulate } from "../support/sim.js";

/** Fewer or more where every run is one of many, as in `npm run test:mutation`. */
const RUNS = Math.ceil(Number(process.env["EVENKEEL_SCHEDULES"] ?? 100) / 2);
/** For a machine that is slow or busy; nothing is concluded from the time it takes. */
const LIMIT_MS = 600_000;

/** At least one of those that serve: the last ones do. @param counted whether somebody can count connections there */
const blindFleet = fc
  .record({
    plan: schedule,
    view: fc.constantFrom<Schedule["view"][]>("full", "no witness"),
    // Where their fronts do not tell, least shows that they serve.
    told: fc.constantFrom(true, false, false),
    blind: fc.integer({ min: 1, max: 10 }),
    counted: fc.boolean(),
  })
  .map(({ plan, view, ...rest }) => ({ ...rest, plan: { ...plan, view, candid: plan.candid || view !== "full" } }));

/** Every property that does not hold, in words. */
async function brokenBy(plan: Schedule, blind: number, told: boolean, counted: boolean): Promise<readonly string[]> {
  const options = optionsOf(plan);
  const names = options.manifest.hosts.slice(-blind).map(({ name }) => name);
  const heard = <Seen>(seen: Seen, host: string): Seen =>
    told || !names.includes(host) ? seen : { ...seen, traffic: null };
  const { world, receipt } = await simulate({
    ...options,
    blind: new Set(names),
    seen: (survey, host) => heard({ ...survey, ...(counted ? {} : { connections: null }) }, host),
    heard,
  });
  const { exitCode, hosts } = receipt;
  const allowed = told ? [3] : [3, 5, 6];
  const untouched = hosts.every(({ action }) => action === "untouched" || action === "kept");
  return [
    ...world.broken,
    ...(allowed.includes(exitCode) ? [] : [`exit code ${exitCode} (${receipt.error?.message ?? "no error"})`]),
    ...(exitCode === 3 && !untouched ? ["exit code 3, and a host was changed"] : []),
    ...(exitCode === 3 ? world.failures.map(({ reason }) => `refused, and a request failed: ${reason}`) : []),
  ];
}

describe(`${RUNS} random fleets with hosts whose own look at their private address fails`, () => {
  it(
    "SAFETY: never more than maxUnavailable running containers are stopped at once, and none that something shows to serve",
    async () => {
      await fc.assert(
        fc.asyncProperty(blindFleet, async ({ plan, blind, told, counted }) =>
          expect(await brokenBy(plan, blind, told, counted)).toEqual([]),
        ),
        { numRuns: RUNS },
      );
    },
    LIMIT_MS,
  );
});
