/** What the demo says of its loads: what was not sent is never called lost. */
import { describe, expect, it } from "@jest/globals";
import { baselineLines, loadLines, uptimeLine } from "../../../lab/demo/told.js";
import type { LoadReport } from "../../../lab/load/load.js";

const measured = { ratePerSecond: 250, sent: 750, ok: 740, failed: 0, notMeasured: 10, durationMs: 3000, p99Ms: 812.4 };
const at = (ratePerSecond: number) => ({ ...measured, ratePerSecond, ok: 750, notMeasured: 0, p99Ms: 20 });
const report: LoadReport = {
  ...{ startedAtMs: 0, durationMs: 9000, sent: 1400, ok: 1400, failed: 0, failures: [], failedByKind: {} },
  ...{
    notMeasured: 0,
    notMeasuredBy: {},
    byRelease: { a: 1000, b: 400 },
    perSecond: [],
    p50Ms: 2,
    p99Ms: 9,
    p999Ms: 60,
  },
  ...{ worstMs: 81.2, stalledMs: 0, longestStallMs: 0, endedEarly: false, cpuMs: 1 },
};

describe("the baseline in words", () => {
  it("is the rate, where the machine manages the first", () => {
    expect(baselineLines({ ratePerSecond: 250, measured: [at(250)] })).toEqual([
      "rate     250 requests a second: this machine sends and answers as many now",
    ]);
  });

  it("says why higher rates were too many, and what is left for the rollout", () => {
    expect(baselineLines({ ratePerSecond: 50, measured: [measured, at(120)] })).toEqual([
      "         250 a second are too many now: of 760 requests 0 failed, 10 not sent, 99 of 100 answered within 812 ms",
      "rate     50 requests a second: this machine has other work; it keeps up with 120, and the rollout needs a part of that",
    ]);
  });

  it("is all that was tried, where the machine is too busy for any", () => {
    expect(baselineLines({ ratePerSecond: null, measured: [{ ...measured, p99Ms: null }] })).toEqual([
      "         250 a second are too many now: of 760 requests 0 failed, 10 not sent, none was answered",
    ]);
  });
});

describe("the load in words", () => {
  it("is what was sent, lost and answered", () => {
    expect(loadLines(report)).toEqual([
      "load     1,400 requests sent, 0 lost; slowest ordinary one 81 ms",
      "answers  1,000 of release a, 400 of release b",
    ]);
  });

  it("tells what was not measured apart from what was lost", () => {
    const more = { notMeasured: 76, notMeasuredBy: { late: 2, crowded: 74 } };
    expect(loadLines({ ...report, ...more }).slice(0, 2)).toEqual([
      "load     1,400 requests sent, 0 lost; slowest ordinary one 81 ms",
      "         76 more not measured: this machine did not send them, 2 as the generator itself was kept waiting, 74 as too many were under way",
    ]);
    expect(uptimeLine({ ...report, sent: 40, ...more })).toBe(
      "uptime   40 checks of the health path through the balancer, 0 failed, 76 more not sent",
    );
  });
});
