import { describe, expect, it } from "@jest/globals";
import { faultKinds, faultPhases } from "../../lab/sim/faults.js";
import { added, cells, LEAST, named, thin } from "./coverage.js";
import { lossKinds, seemingKinds } from "./losses.js";
import { lossMoments, stages } from "./moments.js";

const full = Object.fromEntries(named.map((cell) => [cell, LEAST]));

describe("coverage of the schedules", () => {
  it("sums what several workers counted", () => {
    expect(added({ a: 1, b: 2 }, { b: 3, c: 4 })).toEqual({ a: 1, b: 5, c: 4 });
  });

  it("names every fault and phase that began too seldom, also one that never did", () => {
    const { "paused at done": never, ...rest } = full;
    expect(never).toBe(LEAST);
    expect(thin({ ...rest, "api at ejected": LEAST - 1 })).toEqual([
      `paused at done: 0 times, not ${LEAST}`,
      `api at ejected: ${LEAST - 1} times, not ${LEAST}`,
    ]);
  });

  it("has nothing to say where each began often enough", () => {
    expect(thin(full)).toEqual([]);
    const losses = lossKinds.length * lossMoments.length + seemingKinds.length * stages.length;
    expect(cells(full)).toHaveLength(faultKinds.length * faultPhases.length + losses);
  });
});
