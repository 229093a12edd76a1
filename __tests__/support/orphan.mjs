/**
 * Ends this process when the one that started it is gone: a worker of a runner that was killed would go on with its test, and with
 * all that the test holds of the lab. Its reaper cleans up then. Linux only, as the real lab is.
 */
import { readFileSync } from "node:fs";
import { setInterval } from "node:timers";

const LOOK_MS = 500;

// Not process.ppid, which jest hands to a test as it was at first.
const parent = () => / [A-Za-z] (\d+) /.exec(readFileSync("/proc/self/stat", "utf8").replace(/^.*\)/, ""))?.[1];
const first = parent();
setInterval(() => {
  if (parent() !== first) process.kill(process.pid, "SIGKILL");
}, LOOK_MS).unref();
