import { afterEach, expect, test } from "@jest/globals";
import { RealClock } from "../../../lab/scale/clock.js";

const clock = new RealClock();
afterEach(() => clock.stop());

test("nobody is woken early", async () => {
  for (const milliseconds of [0.4, 3.7, 20]) {
    const began = clock.now();
    await clock.sleep(milliseconds);
    expect(clock.now() - began).toBeGreaterThanOrEqual(milliseconds);
  }
});

test("a signal wakes the sleeper, also one that was given before", async () => {
  const stop = new AbortController();
  const asleep = clock.sleep(3_600_000, stop.signal);
  stop.abort();
  await asleep;
  await clock.sleep(3_600_000, stop.signal);
});

test("what was to happen does not, once the clock was stopped", async () => {
  const happened: string[] = [];
  clock.after(1, () => happened.push("before"));
  clock.stop();
  clock.after(5, () => happened.push("after"));
  await clock.sleep(10);
  expect(happened).toEqual(["after"]);
});
