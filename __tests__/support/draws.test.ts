import { expect, it } from "@jest/globals";
import fc from "fast-check";
import { schedule } from "../schedules/schedule.js";
import { evenly } from "./draws.js";

/** Values in each tenth of the range from 0 to 1. */
const tenths = (values: readonly number[]): number[] =>
  Array.from(
    { length: 10 },
    (_, tenth) => values.filter((value) => Math.min(9, Math.floor(value * 10)) === tenth).length,
  );

it("draws from every tenth of a range about as often", () => {
  const values = fc.sample(evenly(0, 1), { numRuns: 2000, seed: 1 });
  for (const count of tenths(values)) expect(count).toBeGreaterThan(120);
  expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...values)).toBeLessThanOrEqual(1);
});

it("draws the phases of a schedule's nodes from every tenth of the interval about as often", () => {
  const phases = fc.sample(schedule, { numRuns: 1000, seed: 1 }).flatMap((plan) => plan.phases);
  for (const count of tenths(phases)) expect(count).toBeGreaterThan(phases.length / 20);
});
