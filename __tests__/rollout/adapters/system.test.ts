import { spawnSync } from "node:child_process";
import { expect, it } from "@jest/globals";

it("lets every host of a large fleet wait for the same signal without a warning on stderr", () => {
  const program = `
    import { systemClock } from "./scripts/rollout/adapters/system.ts";
    const stop = new AbortController();
    const waits = Array.from({ length: 50 }, () => systemClock.sleep(60_000, stop.signal));
    stop.abort();
    await Promise.all(waits);
    console.log("all waits ended");
  `;
  const argv = ["--import", "tsx", "--input-type=module", "--eval", program];
  const { stdout, stderr } = spawnSync(process.execPath, argv, { encoding: "utf8" });
  expect({ stdout, stderr }).toEqual({ stdout: "all waits ended\n", stderr: "" });
});
