/** Time and chance of the machine. */
import { randomBytes } from "node:crypto";
import { setMaxListeners } from "node:events";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { Clock, Random } from "../ports.js";

export const systemClock: Clock = {
  now: () => performance.now(),
  date: () => new Date(),
  async sleep(milliseconds, signal) {
    // Every host of a large fleet may wait at once; Node takes more than ten listeners for a leak, and says so to the user.
    if (signal) setMaxListeners(0, signal);
    try {
      await sleep(milliseconds, undefined, signal ? { signal } : {});
    } catch (error) {
      if (!signal?.aborted) throw error;
    }
  },
};

export const systemRandom: Random = { id: () => randomBytes(5).toString("hex") };
