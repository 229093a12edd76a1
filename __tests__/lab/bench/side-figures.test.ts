/** A side's figures, from what load, second tool and balancer saw. */
import { expect, it } from "@jest/globals";
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
    worstMs: 80.1,
  },
  ...{ stalledMs: 120, longestStallMs: 60, endedEarly: false, cpuMs: 4000 },
};

it("times the work alone, and looks at the fleet until the load has ended", () => {
  const up = { node: 0, droplet: "api-1", dropletId: "1", up: true };
  const changes = [
    { ...up, atMs: 0 },
    { ...up, up: false, atMs: 20_000 },
    { ...up, atMs: 30_500 },
    { ...up, up: false, atMs: 71_000 },
  ];
  const outcome = {
    ...{ load, span: { fromMs: 10_000, toMs: 70_126 }, secondTool: { sent: 600, failed: 0 }, hosts: [] },
    samples: [{ atMs: 9000, inFlight: { "1": 4 } }],
    stops: [{ dropletId: "1", atMs: 21_000 }],
    stopSeconds: 20.126,
  };
  expect(sideFigures(outcome, { changes, pairs: 1 })).toEqual({
    ...{ seconds: 60.13, sent: 19_200, failed: 1, notMeasured: 2, p99Ms: 9.5, worstMs: 80.1 },
    ...{ inFlightWhenStopped: 4, secondsBelowFull: 11.5, secondTool: { sent: 600, failed: 0 } },
    generator: { stalledMs: 120, longestStallMs: 60 },
    stopSeconds: 20.13,
  });
});
