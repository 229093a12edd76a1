/** What the bench claims, and when its figures do not bear it out. */
import { describe, expect, it } from "@jest/globals";
import { withAborted, type BenchFigures, type Place } from "../../../lab/bench/figures.js";
import { unproven, unprovenAnywhere } from "../../../lab/bench/verdict.js";
import { exampleAttempt, exampleHanded, exampleRound, exampleSide, noFigures, withCell } from "./examples.js";

/** Its drain has a floor of 30 s: 34.5 s are claimed. */
const three: Place = { droplets: 3, interval: 10 };
const quick: Place = { droplets: 3, interval: 3 };

const measured = (place: Place, ...round: Parameters<typeof exampleRound>): BenchFigures =>
  withCell(noFigures, place, exampleRound(...round));

const lost = (name: "article" | "drain" | "handoff" | "control", side: Partial<ReturnType<typeof exampleSide>>) =>
  measured(quick, [100, 34, 14], { [name]: side });

const hosts = (...seconds: readonly (readonly [from: number, seconds: number])[]) => ({
  handoff: { hosts: seconds.map(([from, one], index) => exampleHanded(`api-${index + 1}`, from, one)) },
});

describe("the claims", () => {
  it("hold at their ends: 12 s and an interval, a tenth of the article, 4 s for each other host, 1.05 of the floor and 3 s", () => {
    expect(unproven(measured(three, [220, 34.5, 22], hosts([2, 12], [14, 4], [18, 4])))).toEqual([]);
    expect(unproven(measured(quick, [96, 34.5, 15], hosts([2, 5], [7, 4], [11, 4])))).toEqual([]);
  });

  it.each<[string, BenchFigures, RegExp]>([
    [
      "a handoff that takes longer",
      measured(quick, [300, 34, 15.2]),
      /^3 droplets at 3 s, handoff: it took 15\.2 s, more than 15\.0 s$/,
    ],
    [
      "more of the article's time at 10 s",
      measured(three, [200, 34, 20.4]),
      /^3 droplets at 10 s, handoff: it took 0\.102 of the article's time, more than 0\.1$/,
    ],
    [
      "another host that takes longer",
      measured(quick, [100, 34, 14], hosts([2, 9], [5, 3], [8, 4.2])),
      /^3 droplets at 3 s, handoff: a host after the first one took 4\.2 s, more than 4\.0 s$/,
    ],
    [
      "a drain further above its floor",
      measured(quick, [100, 34.7, 14]),
      /^3 droplets at 3 s, drain: it took 34\.7 s, more than 34\.5 s$/,
    ],
    ["a request that a drain lost", lost("drain", { failed: 1 }), /^3 droplets at 3 s, drain: 1 request failed$/],
    ["a request that a handoff lost", lost("handoff", { failed: 2 }), /s, handoff: 2 requests failed$/],
    ["a request that failed without any rollout", lost("control", { failed: 1 }), /s, control: 1 request failed$/],
    [
      "a failure that only the second tool saw",
      lost("handoff", { secondTool: { sent: 9, failed: 2 } }),
      /handoff: 2 requests failed$/,
    ],
    [
      "a load that was not sent whole",
      lost("article", { notMeasured: 4 }),
      /^3 droplets at 3 s: not measured: 4 requests were due and not sent/,
    ],
    [
      "a load that paused for longer than an interval",
      lost("control", { generator: { stalledMs: 4000, longestStallMs: 3500 } }),
      /the load paused for 3500 ms/,
    ],
  ])("do not hold after %s", (_name, figures, problem) =>
    expect(unproven(figures)).toEqual([expect.stringMatching(problem)]),
  );

  it("are of each round: a good one does not make up for a bad one", () => {
    const rounds = [14, 15.5, 14].map((seconds) => exampleRound([100, 34, seconds]));
    expect(unproven(withCell(noFigures, quick, ...rounds))).toEqual([
      expect.stringContaining("handoff: it took 15.5 s"),
    ]);
  });

  it("are of the other hosts together where these are handed over at once", () => {
    const atOnce = (...round: Parameters<typeof exampleRound>): BenchFigures => ({
      ...measured(quick, ...round),
      settings: { ...noFigures.settings, atOnce: true },
    });
    expect(unproven(atOnce([100, 34, 14], hosts([2, 5], [7, 7.5], [7.5, 7.5])))).toEqual([]);
    expect(unproven(atOnce([100, 34, 14], hosts([2, 5], [7, 5], [11.5, 4])))).toEqual([
      "3 droplets at 3 s, handoff: the hosts after the first one took 8.5 s, more than 8.0 s",
    ]);
  });

  it("say nothing of the whole handoff for fleets of other sizes, nor of the article's time at other intervals", () => {
    expect(unproven(measured({ droplets: 5, interval: 10 }, [60, 34, 40]))).toEqual([]);
    expect(unproven(measured(quick, [60, 34, 14]))).toEqual([]);
  });

  it("say nothing of what the article loses", () => {
    expect(unproven(lost("article", { failed: 7 }))).toEqual([]);
  });

  it("that hold on any machine are those of failed requests, not those of time", () => {
    expect(unprovenAnywhere(measured(three, [100, 90, 80], hosts([2, 50], [52, 20])))).toEqual([]);
    expect(unprovenAnywhere(lost("handoff", { failed: 1 }))).toEqual(["3 droplets at 3 s, handoff: 1 request failed"]);
    expect(unprovenAnywhere(lost("drain", { notMeasured: 1 }))).toEqual([
      expect.stringContaining("not measured: 1 request was due and not sent"),
    ]);
    expect(unprovenAnywhere(withAborted(noFigures, exampleAttempt))).toEqual(["2 droplets at 3 s: exit code 5"]);
  });

  it("do not hold after an attempt that did not come to its end", () => {
    expect(unproven(withAborted(measured(quick, [100, 34, 14]), exampleAttempt))).toEqual([
      "2 droplets at 3 s: exit code 5",
    ]);
  });
});
