import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { percentile, Recorder } from "../../../lab/load/report.js";
import { dueBy, planned, type Pace } from "../../../lab/load/schedule.js";
import { evenly } from "../../support/draws.js";

const times = { startedAtMs: 1, durationMs: 2, cpuMs: 3, endedEarly: false };
const good = { path: "/", slow: false, release: "v1", failure: null };

describe("a report", () => {
  test("counts what was sent, what went well and what failed, second by second", () => {
    const recorder = new Recorder();
    for (const dueMs of [0, 500, 1500]) recorder.sent(dueMs);
    recorder.finished({ ...good, dueMs: 0, ms: 10 });
    recorder.finished({ ...good, dueMs: 500, ms: 2000, slow: true, release: null });
    recorder.finished({ ...good, dueMs: 1500, ms: 7, failure: { kind: "status", status: 503 } });
    expect(recorder.report(times)).toEqual({
      ...times,
      ...{ sent: 3, ok: 2, failed: 1, failedByKind: { status: 1 } },
      ...{ notMeasured: 0, notMeasuredBy: {} },
      failures: [{ atMs: 1500, kind: "status", status: 503, path: "/", ms: 7 }],
      byRelease: { v1: 1 },
      perSecond: [
        { second: 0, sent: 2, failed: 0, notMeasured: 0, p50: 10, p99: 10 },
        { second: 1, sent: 1, failed: 1, notMeasured: 0, p50: null, p99: null },
      ],
      ...{ p50Ms: 10, p99Ms: 10, p999Ms: 10, worstMs: 10 },
      ...{ stalledMs: 0, longestStallMs: 0 },
    });
  });

  test("tells a request that was due and not sent apart from one that was sent and lost", () => {
    const recorder = new Recorder();
    recorder.sent(1400);
    recorder.finished({ ...good, dueMs: 1400, ms: 7, failure: { kind: "status", status: 503 } });
    recorder.notSent(1500, "crowded");
    recorder.notSent(1600, "late");
    recorder.notSent(2100, "late");
    expect(recorder.progress()).toMatchObject({ sent: 1, ok: 0, failed: 1, notMeasured: 3 });
    expect(recorder.report(times)).toMatchObject({
      failedByKind: { status: 1 },
      failures: [{ atMs: 1400 }],
      notMeasuredBy: { crowded: 1, late: 2 },
      perSecond: [
        { second: 1, sent: 1, failed: 1, notMeasured: 2 },
        { second: 2, sent: 0, failed: 0, notMeasured: 1, p50: null, p99: null },
      ],
    });
  });

  test("lists the first failures and counts them all", () => {
    const recorder = new Recorder();
    for (let dueMs = 0; dueMs < 1200; dueMs += 1) {
      recorder.finished({ ...good, dueMs, ms: 1, failure: { kind: "reset", status: null } });
    }
    const report = recorder.report(times);
    expect([report.failed, report.failures.length]).toEqual([1200, 1000]);
    expect(report.failedByKind).toEqual({ reset: 1200 });
  });

  test("takes its latencies from all seconds together, slow requests and failures left out", () => {
    const recorder = new Recorder();
    for (let index = 1; index <= 2000; index += 1) recorder.finished({ ...good, dueMs: index * 5, ms: 2001 - index });
    recorder.finished({ ...good, dueMs: 1, ms: 20_000, slow: true });
    recorder.finished({ ...good, dueMs: 2, ms: 30_000, failure: { kind: "timeout", status: null } });
    expect(recorder.report(times)).toMatchObject({ p50Ms: 1000, p99Ms: 1980, p999Ms: 1998, worstMs: 2000 });
    expect(new Recorder().report(times)).toMatchObject({ p50Ms: null, p99Ms: null, p999Ms: null, worstMs: 0 });
  });

  test("percentiles are of the nearest rank", () => {
    const hundred = Array.from({ length: 100 }, (_, index) => index + 1);
    expect([percentile(hundred, 0.5), percentile(hundred, 0.99), percentile([4], 0.99), percentile([], 0.5)]).toEqual([
      50,
      99,
      4,
      null,
    ]);
  });
});

describe("a schedule", () => {
  const mix = { ratePerSecond: 200, slowShare: 0.1, verySlowShare: 0, keepAliveShare: 0.5 };
  const of = (pace: Pace, count: number, shares: Partial<typeof mix>) =>
    Array.from({ length: count }, (_, number) => planned(number, { ...mix, ...shares })).filter(
      (one) => one.pace === pace,
    );

  test("is due at its rate, whatever became of the requests before", () => {
    expect(planned(0, mix).dueMs).toBe(0);
    expect(planned(200, mix).dueMs).toBe(1000);
    expect([dueBy(0, 200), dueBy(4.9, 200), dueBy(5, 200), dueBy(1000, 200)]).toEqual([1, 1, 2, 201]);
  });

  test("holds its shares", () => {
    const share = evenly(0, 0.5);
    fc.assert(
      fc.property(share, share, fc.integer({ min: 1, max: 3000 }), (slowShare, verySlowShare, count) => {
        const shares = { slowShare, verySlowShare };
        expect(Math.abs(of("slow", count, shares).length - count * slowShare)).toBeLessThanOrEqual(2);
        expect(Math.abs(of("verySlow", count, shares).length - count * verySlowShare)).toBeLessThanOrEqual(2);
      }),
    );
  });

  test("holds the share of kept connections among ordinary, slow and very slow requests alike", () => {
    const share = evenly(0, 0.5);
    fc.assert(
      fc.property(
        ...([share, share, evenly(0, 1), fc.integer({ min: 1, max: 3000 })] as const),
        (slowShare, verySlowShare, keepAliveShare, count) => {
          for (const pace of ["ordinary", "slow", "verySlow"] as const) {
            const sent = of(pace, count, { slowShare, verySlowShare, keepAliveShare });
            const kept = sent.filter(({ keepAlive }) => keepAlive).length;
            expect(kept).toBe(Math.floor(sent.length * keepAliveShare));
          }
        },
      ),
    );
  });
});
