import { describe, expect, it } from "@jest/globals";
import {
  areAsBefore,
  baselineRequests,
  betterBaseline,
  clientsFailing,
  counted,
  isBlind,
  MOST_REASONS,
  NO_ANSWER,
  pooled,
  PROBE_EVERY_MS,
  untilNextMs,
  usualRounds,
  WINDOW_MS,
  windowFrom,
  windowMs,
  type Probed,
  type Round,
  type Share,
} from "../../../scripts/rollout/core/prober.js";

const NOW = 60_000;
const clean = { sent: 10, failed: 0, slowestMs: 10 };

/** Requests every 200 ms up to now, oldest first: "." was answered, anything else failed with 503, "r" with a reset. */
const window = (outcomes: string) =>
  Array.from(outcomes, (outcome, index) => {
    const atMs = NOW - (outcomes.length - 1 - index) * PROBE_EVERY_MS;
    return { sentMs: atMs, atMs, failure: outcome === "." ? null : outcome === "r" ? "ECONNRESET" : "503" };
  });
const failing = (outcomes: string, baseline = clean): boolean =>
  clientsFailing(window(outcomes), baseline, NOW) !== null;

describe("the prober's window", () => {
  it("holds about ten requests", () => expect(WINDOW_MS / PROBE_EVERY_MS).toBe(10));

  it.each<[string, string, boolean]>([
    ["nothing was asked", "", false],
    ["all were answered", "..........", false],
    ["two failed, whatever share that is", "xx", false],
    ["three of ten failed", ".......xxx", true],
    ["three of fifteen requests failed, two of them in the window", "..x...........xx", false],
    ["all failed", "xxxxxxxxxx", true],
    ["three failed before it", "xxx..........", false],
  ])("tells whether clients fail: %s", (_name, outcomes, fail) => expect(failing(outcomes)).toBe(fail));

  it("wants more than a fifth", () => {
    const many = Array.from({ length: 15 }, (_, index) => ({
      ...{ sentMs: NOW - index, atMs: NOW - index, failure: index < 3 ? "503" : null },
    }));
    expect(clientsFailing(many, clean, NOW)).toBeNull();
    expect(clientsFailing(many.slice(0, 14), clean, NOW)).not.toBeNull();
  });

  it("counts only what fails beyond the baseline", () => {
    expect(failing("x.x.x.x.x.", { ...clean, failed: 5 })).toBe(false);
    expect(failing("xxxxxxxxxx", { ...clean, failed: 5 })).toBe(true);
    expect(failing("xxxxxxxxxx", { ...clean, failed: 10 })).toBe(false);
  });

  it("takes no more than three deviations from a baseline with failures for chance", () => {
    expect(failing("xxx.xx.xx.", { ...clean, failed: 3 })).toBe(false);
    expect(failing("xxxxxx.xx.", { ...clean, failed: 3 })).toBe(true);
  });

  it("says how many of how many failed, when and why", () =>
    expect(clientsFailing(window(".....xxrx."), clean, NOW)).toEqual({
      failed: 4,
      sent: 10,
      fromMs: NOW - 800,
      toMs: NOW - 200,
      reasons: { "503": 3, ECONNRESET: 1 },
    }));
});

describe("a request without an answer", () => {
  const baselineOf = (slowestMs: number) => ({ ...clean, slowestMs });
  const sentAgo = (ms: number, rest: Partial<Probed> = {}): Probed => ({
    ...{ sentMs: NOW - ms, atMs: null, failure: null },
    ...rest,
  });
  const three = (ms: number): Probed[] => [sentAgo(ms), sentAgo(ms), sentAgo(ms)];

  it("counts as failed once it took 2 s longer than the slowest one", () => {
    expect(clientsFailing(three(2009), clean, NOW)).toBeNull();
    expect(clientsFailing(three(2500), clean, NOW)).toEqual({
      ...{ failed: 3, sent: 3, reasons: { [NO_ANSWER]: 3 } },
      // Known since it was overdue.
      ...{ fromMs: NOW - 490, toMs: NOW - 490 },
    });
  });

  it("is waited for longer where the app takes its time, as the baseline or the window shows", () => {
    expect(clientsFailing(three(6999), baselineOf(5000), NOW)).toBeNull();
    expect(clientsFailing(three(7000), baselineOf(5000), NOW)).not.toBeNull();
    const slow = sentAgo(5500, { atMs: NOW - 500 });
    expect(clientsFailing([slow, ...three(4000)], clean, NOW)).toBeNull();
    expect(clientsFailing([{ ...slow, failure: "503" }, ...three(4000)], clean, NOW)).not.toBeNull();
  });

  it("counts once: not for as long as it is under way, nor again when it fails", () => {
    expect(clientsFailing(three(4500), clean, NOW)).toBeNull();
    const timedOut = sentAgo(10_000, { atMs: NOW - 10, failure: "UND_ERR_HEADERS_TIMEOUT" });
    expect(clientsFailing([timedOut, timedOut, timedOut], clean, NOW)).toBeNull();
  });
});

describe("time in which nothing was asked", () => {
  it.each<[string, number, [number, number][]]>([
    ["none", NOW - 2000, []],
    ["it lasts", NOW - 7000, [[NOW - 5000, Infinity]]],
    ["it ended before the window", NOW - 2000, [[NOW - 9000, NOW - 2000]]],
    ["it ended within the window", NOW - 10_000, [[NOW - 9000, NOW - 1000]]],
    [
      "two of them",
      NOW - 2700,
      [
        [NOW - 2200, NOW - 1800],
        [NOW - 800, NOW - 500],
      ],
    ],
  ])("is left out of the window: %s", (_name, fromMs, holds) =>
    expect(
      windowFrom(
        NOW,
        holds.map(([from, to]) => ({ fromMs: from, toMs: to })),
      ),
    ).toBe(fromMs),
  );
});

describe("the time to the next request", () => {
  const waits = Array.from({ length: 1000 }, (_, index) => untilNextMs(index + 1));

  it("is 200 ms on average, and twice that at most", () => {
    expect(waits.reduce((sum, wait) => sum + wait, 0) / waits.length / PROBE_EVERY_MS).toBeCloseTo(1, 1);
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...waits)).toBeLessThan(2 * PROBE_EVERY_MS);
  });

  it.each([0, 0.25, 0.5, 0.75])("leads to either of two hosts, though clients ask in turn with it (%s)", (phase) => {
    // Round robin over its own requests and those that clients have sent by then, one every 200 ms.
    let turns = phase;
    const hosts = waits.map((wait, index) => (index + Math.floor((turns += wait / PROBE_EVERY_MS))) % 2);
    const windows = Array.from({ length: hosts.length / 20 }, (_, index) => hosts.slice(20 * index, 20 * (index + 1)));
    for (const window of windows) expect(new Set(window).size).toBe(2);
  });
});

describe("reasons of failed requests", () => {
  it("are told apart with how often each came", () =>
    expect(counted(["503", "ECONNRESET", "503"])).toEqual({ "503": 2, ECONNRESET: 1 }));

  it("are few however many a balancer makes up: those that came most often, and how many are left", () => {
    const made = Array.from({ length: 400 }, (_, index) => String(500 + index));
    const told = counted([...made, ...made.slice(300)]);
    expect(Object.keys(told)).toHaveLength(MOST_REASONS + 1);
    expect(told).toMatchObject({ "800": 2, "809": 2, others: 500 - 2 * MOST_REASONS });
  });
});

describe("a baseline", () => {
  const baseline = (failed: number, slowestMs = 10) => ({ sent: 10, failed, slowestMs });

  const of = (share: string) => {
    const [failed = 0, sent = 0] = share.split("/").map(Number);
    return { sent, failed, slowestMs: 10 };
  };
  const told = ({ sent, failed }: Share): string => `${failed}/${sent}`;
  const roundOf = (share: string): Round => {
    const { sent, failed, slowestMs } = of(share);
    return { sent, failures: Array.from({ length: failed }, () => "503"), slowestMs };
  };

  it("asks each host twice, and ten requests at least", () => {
    expect(baselineRequests(2)).toBe(10);
    expect(baselineRequests(30)).toBe(60);
  });

  it.each([
    ["10/10", "0/10", "0/10"],
    ["45/90", "0/10", "0/10"],
    ["10/10", "5/10", "15/20"],
    ["3/10", "1/10", "4/20"],
    ["1/10", "0/10", "1/20"],
    ["4/20", "0/20", "4/40"],
    ["4/20", "4/20", "8/40"],
    ["0/10", "10/10", "0/10"],
    ["5/10", "6/10", "5/10"],
  ])("of %s and one of %s once hosts have left come to %s", (kept, anew, both) =>
    expect(told(betterBaseline(of(kept), of(anew)))).toBe(both),
  );

  it.each([
    ["0/10", "0/10"],
    ["3/10 0/10", "3/20"],
    ["1/10 0/10 2/10 0/10", "3/40"],
    ["5/10 10/10", "15/20"],
    ["5/10 10/10 10/10", "20/20"],
    ["10/10 0/10", "0/10"],
    ["3/10 3/10 0/10 0/10", "6/40"],
    ["3/10 3/10 0/10 0/10 0/10", "0/30"],
    ["0/10 10/10 0/10 0/10", "0/20"],
  ])("of the rounds %s before any leaves is %s", (rounds, usual) => {
    const { sent, failures } = pooled(usualRounds(rounds.split(" ").map(roundOf)));
    expect(`${failures.length}/${sent}`).toBe(usual);
  });

  it("knows the slowest answer of all", () => {
    expect(betterBaseline(baseline(0, 500), baseline(0, 5000)).slowestMs).toBe(5000);
    expect(betterBaseline(baseline(9, 500), baseline(0, 10)).slowestMs).toBe(500);
  });

  it("of which nothing was answered says nothing: no window exceeds it", () => {
    const many = [0, 5, 6, 8, 9, 10];
    expect(many.filter((failed) => isBlind(baseline(failed)))).toEqual([10]);
    const unanswered = "x".repeat(100);
    expect(many.filter((failed) => !failing(unanswered, baseline(failed)))).toEqual([10]);
  });

  it.each([
    [0, 3, 2000],
    [4, 7, 2459],
    [5, 10, 3265],
    [6, 14, 4297],
    [7, 22, 6277],
    [8, 37, 9834],
    [9, 82, 20_023],
  ])("of %s failures is held against so many that an outage is beyond chance: %s in %s ms", (failed, least, ms) => {
    expect(windowMs(baseline(failed))).toBe(ms);
    expect(failing("x".repeat(least), baseline(failed))).toBe(true);
    expect(failing("x".repeat(least - 1), baseline(failed))).toBe(false);
  });

  it("of which nothing was answered is held against the shortest window", () =>
    expect(windowMs(baseline(10))).toBe(WINDOW_MS));

  it.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])(
    "of %s failures shows an outage at every look, uneven as requests are",
    (failed) => {
      let nowMs = 0;
      const outage = Array.from({ length: 3000 }, (_, index): Probed => {
        nowMs += untilNextMs(index + 1);
        return { sentMs: nowMs, atMs: nowMs, failure: "503" };
      });
      const lengthMs = windowMs(baseline(failed));
      const looks = Array.from({ length: 2000 }, (_, index) => lengthMs + index * 250);
      const unseen = looks.filter((atMs) => {
        const near = outage.filter(({ sentMs }) => sentMs <= atMs && sentMs > atMs - lengthMs);
        return clientsFailing(near, baseline(failed), atMs) === null;
      });
      expect(unseen).toEqual([]);
    },
  );

  it("is met again when no more fail than before", () => {
    const asBefore = (outcomes: string, failed: number): boolean =>
      areAsBefore(window(outcomes), baseline(failed), NOW, NOW - WINDOW_MS);
    expect(asBefore("..........", 0)).toBe(true);
    expect(asBefore(".........x", 0)).toBe(false);
    expect(asBefore("x...x...x.", 3)).toBe(true);
    expect(asBefore("x...x...xx", 3)).toBe(false);
  });
});
