import { jest } from "@jest/globals";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { until } from "../support/until.js";

/** For a machine that is slow or busy; nothing is concluded from the time it takes. */
jest.setTimeout(60_000);

const OWNER = fileURLToPath(new URL("../support/owner.ts", import.meta.url));

interface Owned {
  readonly id: string;
  readonly folder: string;
  readonly pid: number;
}

async function startOwner(argument: string) {
  const owner = spawn(process.execPath, ["--import", "tsx", OWNER, argument], { stdio: ["ignore", "pipe", "ignore"] });
  const exit = once(owner, "exit");
  const [line] = (await once(owner.stdout, "data")) as [Buffer];
  return { owner, exit, world: JSON.parse(line.toString()) as Owned };
}

/** Processes that belong to a world, by the mark in their environment. */
function processesOf(id: string): string[] {
  const script =
    process.platform === "linux"
      ? `grep -ls 'LAB_WORLD=${id}' /proc/[0-9]*/environ || :`
      : `ps axeww -o pid=,command= | grep '[L]AB_WORLD=${id}' || :`;
  return execFileSync("/bin/sh", ["-c", script], { encoding: "utf8" }).split("\n").filter(Boolean);
}

const nothingLeft = ({ id, folder }: Owned) =>
  until("no process and no folder is left", () => processesOf(id).length === 0 && !existsSync(folder));

test.each(["SIGINT", "SIGTERM", "SIGKILL"] as const)(
  "no process of a world is left after its owner got %s",
  async (signal) => {
    const { owner, exit, world } = await startOwner("wait");
    expect(world.pid).toBeGreaterThan(0);
    // The container, and what a command left in the background.
    expect(processesOf(world.id).length).toBeGreaterThanOrEqual(2);
    owner.kill(signal);
    await exit;
    await nothingLeft(world);
  },
);

test("no process of a world is left after its owner failed", async () => {
  const { exit, world } = await startOwner("throw");
  await exit;
  await nothingLeft(world);
});
