import fc from "fast-check";
import { isPass, newTarget, nextProbeAt, phaseOf, pick, probed } from "../../../lab/model/balancer.js";
import { evenly } from "../../support/draws.js";

const after = (results: readonly boolean[], thresholds: { fall: number; rise: number }, up = false) =>
  results.reduce((target, passed) => probed(target, passed, thresholds), { ...newTarget(), up });

describe("a target", () => {
  test("starts down and is up after as many passed probes as it takes to rise", () => {
    expect(newTarget().up).toBe(false);
    expect(after([true, true], { fall: 2, rise: 3 }).up).toBe(false);
    expect(after([true, true, true], { fall: 2, rise: 3 }).up).toBe(true);
  });

  test("is down after as many failed probes in a row as it takes to fall", () => {
    expect(after([false, true, false], { fall: 2, rise: 3 }, true).up).toBe(true);
    expect(after([false, false], { fall: 2, rise: 3 }, true).up).toBe(false);
  });

  test("counts anew after every probe that confirms its state", () => {
    expect(after([true, true, false, true, true], { fall: 2, rise: 3 }).up).toBe(false);
  });

  const thresholds = fc.record({ fall: fc.integer({ min: 1, max: 10 }), rise: fc.integer({ min: 1, max: 10 }) });

  test("SAFETY: changes only after a whole run of contrary probes", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 60 }), thresholds, (results, limits) => {
        let target = newTarget();
        results.forEach((passed, index) => {
          const next = probed(target, passed, limits);
          if (next.up !== target.up) {
            const run = results.slice(index + 1 - (next.up ? limits.rise : limits.fall), index + 1);
            expect(run).toEqual(run.map(() => next.up));
            expect(run).toHaveLength(next.up ? limits.rise : limits.fall);
          }
          target = next;
        });
      }),
    );
  });

  test("LIVENESS: follows the app after at most one whole run of equal probes", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean()), thresholds, fc.boolean(), (results, limits, end) => {
        const tail = Array.from({ length: end ? limits.rise : limits.fall }, () => end);
        expect(after([...results, ...tail], limits).up).toBe(end);
      }),
    );
  });
});

test.each([
  [199, false],
  [200, true],
  [399, true],
  [400, false],
  [503, false],
])("a probe answered with %i counts as passed: %p", (status, passed) => {
  expect(isPass(status)).toBe(passed);
});

describe("round robin", () => {
  const order = ["a", "b", "c"];

  test("takes the next one that is up", () => {
    expect(pick(order, () => true, null)).toBe("a");
    expect(pick(order, () => true, "a")).toBe("b");
    expect(pick(order, (id) => id !== "b", "a")).toBe("c");
    expect(pick(order, () => true, "c")).toBe("a");
  });

  test("gives the only one that is up every time, and nobody when none is", () => {
    expect(pick(order, (id) => id === "b", "b")).toBe("b");
    expect(pick(order, () => false, "b")).toBeNull();
    expect(pick([], () => true, null)).toBeNull();
  });

  test("starts at the front when the last one is gone", () => {
    expect(pick(order, () => true, "gone")).toBe("a");
  });

  test("SAFETY: never gives one that is down, and spreads requests evenly", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer(), { minLength: 1, maxLength: 12 }), fc.nat(), (ids, seed) => {
        const isUp = (id: number): boolean => ((id ^ seed) & 1) === 0;
        const up = ids.filter(isUp);
        let last: number | null = null;
        const picked = ids.map(() => (last = pick(ids, isUp, last)));
        expect(picked.every((id) => (id === null ? up.length === 0 : isUp(id)))).toBe(true);
        const counts = up.map((id) => picked.filter((one) => one === id).length);
        expect(Math.max(0, ...counts) - Math.min(...counts, ...(up.length ? [] : [0]))).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe("probes", () => {
  test("happen once an interval, from the phase on", () => {
    expect(nextProbeAt({ intervalMs: 1000, phaseMs: 250 }, 0)).toBe(250);
    expect(nextProbeAt({ intervalMs: 1000, phaseMs: 250 }, 250)).toBe(1250);
    expect(nextProbeAt({ intervalMs: 1000, phaseMs: 5250 }, 100)).toBe(250);
  });

  test("are always ahead, by one interval at most", () => {
    // Doubles of any bits, as sums of them may be rounded down.
    const positive = fc.double({ min: 1, max: 1e6, noNaN: true });
    const moment = fc.oneof(evenly(0, 1e9), fc.double({ min: 0, max: 1e9, noNaN: true }));
    fc.assert(
      fc.property(positive, positive, moment, (intervalMs, phaseMs, now) => {
        const next = nextProbeAt({ intervalMs, phaseMs }, now);
        expect(next).toBeGreaterThan(now);
        expect(next - now).toBeLessThanOrEqual(intervalMs * (1 + 1e-6));
      }),
    );
  });

  test("are spread over nodes, unless phases are given, and over targets", () => {
    const [first, second] = [
      { index: 0, count: 2 },
      { index: 1, count: 2 },
    ];
    expect(phaseOf(first, first, 1000)).toBe(0);
    expect(phaseOf(second, first, 1000)).toBe(500);
    expect(phaseOf({ ...second, phaseMs: 100 }, first, 1000)).toBe(100);
    expect(phaseOf(first, second, 1000)).toBe(500);
  });
});
