/** Requests of the rollout's own on a virtual clock. */
import { beforeEach, describe, expect, it } from "@jest/globals";
import { VirtualClock } from "../../lab/sim/clock.js";
import { NO_ANSWER, WINDOW_MS, type Failing } from "../../scripts/rollout/core/prober.js";
import { Prober } from "../../scripts/rollout/prober.js";

/** What the balancer does with each request from now on. */
interface Course {
  readonly afterMs: number;
  readonly failure: string | null;
}
const answers: Course = { afterMs: 10, failure: null };
const slow: Course = { afterMs: 5000, failure: null };
const hangs: Course = { afterMs: 10_000, failure: "UND_ERR_HEADERS_TIMEOUT" };
const fails: Course = { afterMs: 10, failure: "503" };

let clock: VirtualClock;
let course: Course;
let sentMs: number[];
let prober: Prober;

async function send(count: number) {
  const { afterMs, failure } = course;
  sentMs.push(...Array.from({ length: count }, () => clock.now()));
  await clock.sleep(afterMs);
  const failures = failure === null ? [] : Array.from({ length: count }, () => failure);
  return { sent: count, answered: count - failures.length, failures, slowestMs: failure === null ? afterMs : 0 };
}

beforeEach(() => {
  clock = new VirtualClock();
  course = answers;
  sentMs = [];
  prober = new Prober(clock, send);
});

/** Takes a baseline and watches clients meanwhile. */
const watching = (work: () => Promise<void>): Promise<void> => {
  const both = async (): Promise<void> => {
    await prober.takeBaseline(10);
    const end = new AbortController();
    const watched = prober.watch(end.signal);
    await work();
    end.abort();
    await watched;
  };
  return clock.run(both(), 3_600_000);
};

/** What was seen at looks every 100 ms. */
async function lookFor(ms: number): Promise<(Failing | null)[]> {
  const seen: (Failing | null)[] = [];
  for (const until = clock.now() + ms; clock.now() < until;) {
    seen.push(prober.failing());
    await clock.sleep(100);
  }
  return seen;
}
const cries = async (ms: number): Promise<boolean> => (await lookFor(ms)).some((failing) => failing !== null);

describe("a balancer that hangs", () => {
  it("is told long before a request is given up", () =>
    watching(async () => {
      expect(await cries(5000)).toBe(false);
      course = hangs;
      expect(await cries(1900)).toBe(false);
      await clock.sleep(1100);
      expect(prober.failing()?.reasons).toEqual({ [NO_ANSWER]: expect.any(Number) });
    }));

  it("is told for as long as it hangs, and for a window more", () =>
    watching(async () => {
      course = hangs;
      await clock.sleep(3000);
      expect(await lookFor(20_000)).not.toContain(null);
      course = answers;
      await clock.sleep(4100);
      expect(await cries(20_000)).toBe(false);
    }));
});

describe("an app that takes 5 s for every answer", () => {
  it("is no outage", async () => {
    course = slow;
    await watching(async () => expect(await cries(60_000)).toBe(false));
  });

  it("is none either when it took no time before: not once its answers have come", () =>
    watching(async () => {
      await clock.sleep(5000);
      course = slow;
      await clock.sleep(5200);
      expect(await cries(60_000)).toBe(false);
    }));
});

describe("a baseline", () => {
  it("that is worse counts only when the one before is forgotten", () =>
    watching(async () => {
      course = fails;
      await prober.renewBaseline(10);
      expect(prober.baseline?.failed).toBe(0);
      prober.forgetBaseline();
      await prober.takeBaseline(10);
      expect(prober.baseline?.failed).toBe(10);
      await clock.sleep(2000);
      expect(prober.failing()).toBeNull();
    }));
});

describe("requests of which each is to be answered", () => {
  it("are held against the baseline where there is one", () =>
    watching(async () => {
      course = fails;
      prober.forgetBaseline();
      await prober.takeBaseline(10);
      await prober.expectAnswers(10);
      expect(prober.baseline).toMatchObject({ sent: 10, failed: 10 });
      expect(prober.failing()).toBeNull();
    }));

  it("are known at once, and for no longer than a window", () =>
    watching(async () => {
      const sinceMs = clock.now();
      expect(prober.known(sinceMs)).toBe(0);
      await prober.expectAnswers(20);
      expect(prober.known(sinceMs)).toBeGreaterThanOrEqual(20);
      await clock.sleep(WINDOW_MS + 1000);
      expect(prober.known(sinceMs)).toBeLessThan(20);
      expect(prober.known(clock.now())).toBe(0);
    }));

  it("are a baseline without failures, and count themselves for a window", () =>
    watching(async () => {
      course = fails;
      prober.forgetBaseline();
      await prober.expectAnswers(10);
      expect(prober.baseline?.failed).toBe(0);
      expect(prober.failing()).toMatchObject({ reasons: { "503": prober.failing()?.failed } });
      expect(prober.areAsBefore(-Infinity)).toBe(false);
      course = answers;
      await clock.sleep(WINDOW_MS + 1000);
      expect(prober.failing()).toBeNull();
      expect(prober.areAsBefore(-Infinity)).toBe(true);
    }));
});

describe("work that counts requests", () => {
  it("begins when all others are settled, and none is sent before it ends", () =>
    watching(async () => {
      course = hangs;
      await clock.sleep(1000);
      const askedMs = clock.now();
      await prober.holding(async () => {
        expect(clock.now() - askedMs).toBeLessThanOrEqual(10_000);
        const before = sentMs.length;
        await clock.sleep(5000);
        expect(sentMs).toHaveLength(before);
      });
    }));

  it("is left alone until the last of several ends", () =>
    watching(async () => {
      const short = prober.holding(() => clock.sleep(1000));
      const long = prober.holding(() => clock.sleep(5000));
      await short;
      const before = sentMs.length;
      await long;
      expect(sentMs).toHaveLength(before);
    }));

  it("makes nobody forget what clients saw, however long it takes", () =>
    watching(async () => {
      await clock.sleep(2000);
      course = fails;
      await clock.sleep(2000);
      const held = prober.holding(() => clock.sleep(60_000));
      expect(await lookFor(60_000)).not.toContain(null);
      await held;
      expect(prober.failing()).not.toBeNull();
    }));

  it("does not make that count for longer than a window of requests afterwards", () =>
    watching(async () => {
      course = fails;
      await clock.sleep(2000);
      course = answers;
      await prober.holding(() => clock.sleep(60_000));
      await clock.sleep(2000);
      expect(await cries(10_000)).toBe(false);
    }));
});
