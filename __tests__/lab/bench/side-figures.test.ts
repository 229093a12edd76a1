/** A side's figures, from what load, second tool and balancer saw. */
import { describe, expect, it } from "@jest/globals";
import { sideFigures } from "../../../lab/bench/side-figures.js";
import type { LoadReport } from "../../../lab/load/load.js";

const load: LoadReport = {
  ...{ startedAtMs: 8000, durationMs: 64_000, sent: 19_200, ok: 19_199, failed: 1, failures: [] },
  ...{
    failedByKind: { reset: 1 },
    notMeasured: 2,
    notMeasuredBy: { late: 2 },
    byRelease: {},
    perSecond: [],
    p50Ms: 2,
    p99Ms: 9.5,
    p999Ms: 40.2,
    worstMs: 80.1,
  },
  ...{ stalledMs: 120, longestStallMs: 60, endedEarly: false, cpuMs: 4000 },
};

const up = { node: 0, droplet: "api-1", dropletId: "1", up: true };
const changes = [
  { ...up, atMs: 0 },
  { ...up, up: false, atMs: 20_000 },
  { ...up, atMs: 30_500 },
  { ...up, up: false, atMs: 71_000 },
];
const measured = {
  ...{ load, span: { fromMs: 10_000, toMs: 70_126 }, secondTool: { sent: 600, failed: 0 } },
  samples: [{ atMs: 9000, inFlight: { "1": 4 } }],
};
const view = { changes, pairs: 1 };

describe("a side's figures", () => {
  it("time the work alone, and look at the fleet until the load has ended", () => {
    expect(sideFigures(measured, view, null)).toEqual({
      ...{ seconds: 60.13, sent: 19_200, failed: 1, notMeasured: 2 },
      ...{ p50Ms: 2, p99Ms: 9.5, p999Ms: 40.2, worstMs: 80.1 },
      ...{ secondsBelowFull: 11.5, secondTool: { sent: 600, failed: 0 }, stops: null },
      generator: { stalledMs: 120, longestStallMs: 60 },
    });
  });

  it("tell how the old containers were stopped, where they were", () => {
    const stops = { each: [{ dropletId: "1", atMs: 21_000 }], seconds: 20.126 };
    expect(sideFigures(measured, view, stops)).toMatchObject({ stops: { seconds: 20.13, inFlight: 4 } });
  });
});
