/** What the bench claims, and when its figures do not bear it out. */
import { describe, expect, it } from "@jest/globals";
import { withAborted, withPair, type BenchFigures, type Side } from "../../../lab/bench/figures.js";
import { unproven, unprovenAnywhere } from "../../../lab/bench/verdict.js";
import { exampleAttempt, exampleHost, examplePair, exampleSide, noFigures } from "./examples.js";

const measured = (
  interval: number,
  [article, evenkeel]: readonly [number, number],
  side: Partial<Side> = {},
  hostSeconds = 11,
): BenchFigures =>
  withPair(
    noFigures,
    { droplets: 3, interval },
    { ...examplePair(article, evenkeel), evenkeel: exampleSide(evenkeel, side) },
    [exampleHost("api-1", { seconds: hostSeconds })],
  );

describe("the claims", () => {
  it("hold for 0.60 of the article's time at 10 s, no failed request, and a host one interval above its floor", () =>
    expect(unproven(measured(10, [100, 60], {}, 20))).toEqual([]));

  it.each<[string, BenchFigures, RegExp]>([
    ["more of the article's time at 10 s", measured(10, [100, 61]), /^3 droplets at 10 s: Evenkeel took 0\.61 of/],
    ["a failed request", measured(3, [100, 50], { failed: 1 }), /^3 droplets at 3 s: 1 request failed$/],
    [
      "a load that was not sent whole",
      measured(3, [100, 50], { notMeasured: 4 }),
      /^3 droplets at 3 s: not measured: 4 requests were due and not sent/,
    ],
    [
      "a failure that only the second tool saw",
      measured(3, [100, 50], { secondTool: { sent: 9, failed: 2 } }),
      /2 requests failed$/,
    ],
    ["a host further above its floor", measured(3, [100, 50], {}, 13.5), /1\.17 intervals longer than its floor/],
    [
      "a load that paused for longer than an interval",
      measured(3, [100, 50], { generator: { stalledMs: 4000, longestStallMs: 3500 } }),
      /the load paused for 3500 ms/,
    ],
  ])("do not hold after %s", (_name, figures, problem) =>
    expect(unproven(figures)).toEqual([expect.stringMatching(problem)]),
  );

  it("that hold on any machine are those of failed requests, not those of time", () => {
    expect(unprovenAnywhere(measured(10, [100, 90], {}, 50))).toEqual([]);
    expect(unprovenAnywhere(measured(3, [100, 50], { failed: 1 }))).toEqual(["3 droplets at 3 s: 1 request failed"]);
    expect(unprovenAnywhere(measured(3, [100, 50], { notMeasured: 1 }))).toEqual([
      expect.stringContaining("not measured: 1 request was due and not sent"),
    ]);
    expect(unprovenAnywhere(withAborted(noFigures, exampleAttempt))).toEqual(["2 droplets at 3 s: exit code 5"]);
  });

  it("say nothing of the article's time at other intervals", () =>
    expect(unproven(measured(3, [100, 90]))).toEqual([]));

  it("do not hold after an attempt that did not come to its end", () => {
    expect(unproven(withAborted(measured(10, [100, 50]), exampleAttempt))).toEqual(["2 droplets at 3 s: exit code 5"]);
  });
});
