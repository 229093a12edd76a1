/** The choice of a rate, from measurements as data. */
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { chooseRate, KEEPS_UP_MS, QUIET_MS, RATES, type RateMeasured } from "../../../lab/load/rate.js";

/** Two seconds at a rate that the machine keeps up with. */
const good = (ratePerSecond: number): RateMeasured => {
  const sent = ratePerSecond * 2;
  return { ratePerSecond, sent, ok: sent, failed: 0, notMeasured: 0, durationMs: 2000, p99Ms: 40 };
};

describe("the choice of a rate", () => {
  it("begins with the highest, and takes it when the machine keeps up", () => {
    expect(chooseRate([])).toEqual({ do: "measure", ratePerSecond: 250 });
    expect(chooseRate([good(250)])).toEqual({ do: "take", ratePerSecond: 250 });
  });

  it.each<[string, Partial<RateMeasured>]>([
    ["a request was not sent", { notMeasured: 1 }],
    ["a request was sent and lost", { failed: 1 }],
    ["answers came late", { p99Ms: KEEPS_UP_MS + 1 }],
    ["no ordinary request was answered", { p99Ms: null }],
  ])("goes on with a lower one when %s", (_why, bad) => {
    expect(chooseRate([{ ...good(250), ...bad }])).toEqual({ do: "measure", ratePerSecond: 180 });
  });

  it("goes on with the highest one that the machine has answered", () => {
    const answered = { ...good(250), p99Ms: 900, ok: 180, durationMs: 2000 };
    expect(chooseRate([answered])).toEqual({ do: "measure", ratePerSecond: 80 });
    expect(chooseRate([answered, good(80)])).toEqual({ do: "take", ratePerSecond: 80 });
  });

  it("takes half of what a machine with other work keeps up with: the rollout needs the rest", () => {
    const busy = { p99Ms: QUIET_MS + 1 };
    expect(chooseRate([{ ...good(250), ...busy }])).toEqual({ do: "take", ratePerSecond: 120 });
    expect(chooseRate([{ ...good(80), ...busy }])).toEqual({ do: "take", ratePerSecond: 30 });
    expect(chooseRate([{ ...good(20), ...busy }])).toEqual({ do: "take", ratePerSecond: 20 });
  });

  it("tries the least one before it says that the machine is too busy", () => {
    const hopeless = { ...good(250), ok: 4, p99Ms: 2000 };
    expect(chooseRate([hopeless])).toEqual({ do: "measure", ratePerSecond: 20 });
    const least = { ...hopeless, ratePerSecond: 20 };
    expect(chooseRate([hopeless, { ...least, notMeasured: 1 }])).toEqual({ do: "too-busy" });
    expect(chooseRate([hopeless, { ...least, failed: 1 }])).toEqual({ do: "too-busy" });
    // Answered late is answered.
    expect(chooseRate([hopeless, least])).toEqual({ do: "take", ratePerSecond: 20 });
  });

  it("comes to an end, and takes only a rate that the machine kept up with", () => {
    const count = fc.nat({ max: 600 });
    const result = fc.record({ ok: count, failed: count, notMeasured: count, p99Ms: fc.option(count) });
    fc.assert(
      fc.property(fc.array(result, { minLength: RATES.length, maxLength: RATES.length }), (results) => {
        const measured: RateMeasured[] = [];
        for (const one of results) {
          const choice = chooseRate(measured);
          if (choice.do !== "measure") break;
          const { ratePerSecond } = choice;
          measured.push({ ...one, ratePerSecond, sent: one.ok + one.failed, durationMs: 2000 });
        }
        const choice = chooseRate(measured);
        expect(choice.do).not.toBe("measure");
        const last = measured.at(-1);
        if (choice.do === "take") {
          expect(last).toMatchObject({ failed: 0, notMeasured: 0 });
          expect(choice.ratePerSecond).toBeLessThanOrEqual(last?.ratePerSecond ?? 0);
        }
      }),
    );
  });
});
