import fc from "fast-check";
import { percentile, Recorder } from "../../../lab/load/report.js";
import { dueBy, planned } from "../../../lab/load/schedule.js";

const good = { path: "/", slow: false, release: "v1", failure: null };

describe("a report", () => {
  test("counts what was sent, what went well and what failed, second by second", () => {
    const recorder = new Recorder();
    for (const dueMs of [0, 500, 1500]) recorder.sent(dueMs);
    recorder.finished({ ...good, dueMs: 0, ms: 10 });
    recorder.finished({ ...good, dueMs: 500, ms: 2000, slow: true, release: null });
    recorder.finished({ ...good, dueMs: 1500, ms: 7, failure: { kind: "status", status: 503 } });
    expect(recorder.report({ startedAtMs: 1, durationMs: 2, cpuMs: 3 })).toEqual({
      ...{ startedAtMs: 1, durationMs: 2, cpuMs: 3, sent: 3, ok: 2, failed: 1 },
      failures: [{ atMs: 1500, kind: "status", status: 503, path: "/", ms: 7 }],
      byRelease: { v1: 1 },
      perSecond: [
        { second: 0, sent: 2, failed: 0, p50: 10, p99: 10 },
        { second: 1, sent: 1, failed: 1, p50: null, p99: null },
      ],
      ...{ worstMs: 10, stalledMs: 0, longestStallMs: 0, skipped: 0 },
    });
  });

  test("lists the first failures and counts them all", () => {
    const recorder = new Recorder();
    for (let dueMs = 0; dueMs < 1200; dueMs += 1) {
      recorder.finished({ ...good, dueMs, ms: 1, failure: { kind: "reset", status: null } });
    }
    const report = recorder.report({ startedAtMs: 0, durationMs: 0, cpuMs: 0 });
    expect([report.failed, report.failures.length]).toEqual([1200, 1000]);
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
  const mix = { ratePerSecond: 200, slowShare: 0.1, keepAliveShare: 0.5 };

  test("is due at its rate, whatever became of the requests before", () => {
    expect(planned(0, mix).dueMs).toBe(0);
    expect(planned(200, mix).dueMs).toBe(1000);
    expect([dueBy(0, 200), dueBy(4.9, 200), dueBy(5, 200), dueBy(1000, 200)]).toEqual([1, 1, 2, 201]);
  });

  test("holds its shares", () => {
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(share, fc.integer({ min: 1, max: 3000 }), (slowShare, count) => {
        const all = Array.from({ length: count }, (_, number) => planned(number, { ...mix, slowShare }));
        expect(Math.abs(all.filter(({ slow }) => slow).length - count * slowShare)).toBeLessThanOrEqual(1);
      }),
    );
  });

  test("slow requests use both kinds of connection", () => {
    const slow = Array.from({ length: 400 }, (_, number) => planned(number, mix)).filter((one) => one.slow);
    const kept = slow.filter(({ keepAlive }) => keepAlive).length;
    expect(kept).toBeGreaterThan(10);
    expect(kept).toBeLessThan(30);
  });
});
