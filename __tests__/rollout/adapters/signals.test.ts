import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, describe, expect, it } from "@jest/globals";
import { projectFile } from "../../support/stacks.js";

const SCRIPT = `import { stopSignal } from ${JSON.stringify(projectFile("scripts/rollout/adapters/signals.ts"))};
const { signal } = stopSignal();
signal.addEventListener("abort", () => { console.log("stops"); process.exit(0); });
setInterval(() => undefined, 1000);
console.log("begins " + process.pid);`;

/** As Terraform runs it: in a shell that does not become node. */
const start = () =>
  spawn("/bin/sh", ["-c", '"$NODE" --import tsx --input-type=module -e "$SCRIPT"; exit $?'], {
    env: { ...process.env, NODE: process.execPath, SCRIPT },
    stdio: ["ignore", "pipe", "ignore"],
  });

describe("an order to stop", () => {
  let left = 0;
  afterEach(() => {
    try {
      if (left > 0) process.kill(left, "SIGKILL");
    } catch {
      // It has ended, as it should.
    }
  });

  it.each(["SIGINT", "SIGTERM", "SIGHUP", "the end of the shell in between"])("is %s", async (order) => {
    const shell = start();
    const lines = shell.stdout.setEncoding("utf8");
    left = Number(/begins (\d+)/.exec(String((await once(lines, "data"))[0]))?.[1]);
    if (order.startsWith("SIG")) process.kill(left, order);
    else shell.kill("SIGKILL");
    expect(String((await once(lines, "data"))[0])).toBe("stops\n");
  });
});
