/** Some random schedules in every run; `npm run test:schedules` takes thousands. A failing one is printed with its seed and replays with it. */
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { draw, outcomeOf } from "../schedules/property.js";

/** Fewer or more where every run is one of many, as in `npm run test:mutation`. */
const RUNS = Number(process.env["EVENKEEL_SCHEDULES"] ?? 100);
/** For a machine that is slow or busy; nothing is concluded from the time it takes. */
const LIMIT_MS = 600_000;

describe(`${RUNS} random schedules: ordinary, told to stop, with a fault of the controller, of SSH or of the API, or with hosts that the balancer loses`, () => {
  it(
    "SAFETY and LIVENESS: a lost host costs one take-back at most, nothing else a request; no invariant breaks, and every host ends on the release, or serves",
    async () => {
      await fc.assert(
        fc.asyncProperty(draw, async (drawn) => expect((await outcomeOf(drawn)).broken).toEqual([])),
        { numRuns: RUNS },
      );
    },
    LIMIT_MS,
  );
});
