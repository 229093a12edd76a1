/** The builder of images ends with its owner and leaves nothing but what it built. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, it, jest } from "@jest/globals";
import { Builder } from "../../lab/real/builder.js";
import { codeOf } from "../../lab/real/error-code.js";
import { until } from "../lab/support/until.js";

/** For a machine that is slow or busy; nothing is concluded from the time it takes. */
jest.setTimeout(120_000);

const OWNER = fileURLToPath(new URL("support/building.ts", import.meta.url));

let folder: string;
/** On a real file system: Docker's own cannot lie over another overlay. */
beforeEach(() => {
  folder = mkdtempSync("/var/lib/evenkeel-builder-");
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Command lines of its processes. */
function processes(): string[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.map(commandLine).filter((line) => line.includes(folder) && !line.includes(OWNER));
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes(codeOf(error))) return "";
    throw error;
  }
}

const groups = (owner: number | undefined): string[] =>
  readdirSync("/sys/fs/cgroup", { recursive: true, encoding: "utf8" }).filter(
    (name) => path.basename(name) === `evenkeel-builder-${owner ?? 0}`,
  );

it("is a Docker daemon of its own, and leaves no process behind", async () => {
  const builder = await Builder.start(folder);
  expect(await builder.docker(["image", "ls", "--quiet"])).toBe("");
  expect(processes().join("\n")).toContain("dockerd");
  await builder.stop();
  expect(processes()).toEqual([]);
  expect(groups(process.pid)).toEqual([]);
});

it("lets another one wait until it has ended", async () => {
  const order: string[] = [];
  const first = await Builder.start(folder);
  const second = Builder.start(folder).then((builder) => {
    order.push("second is up");
    return builder;
  });
  await until("the second one waits", () => processes().filter((line) => line.startsWith("flock")).length === 2);
  order.push("first ends");
  await first.stop();
  await (await second).stop();
  expect(order).toEqual(["first ends", "second is up"]);
});

it("ends after its owner was killed", async () => {
  const owner = spawn(process.execPath, ["--import", "tsx", OWNER, folder], { stdio: ["ignore", "pipe", "inherit"] });
  await once(owner.stdout, "data");
  expect(processes().join("\n")).toContain("dockerd");
  const exit = once(owner, "exit");
  owner.kill("SIGKILL");
  await exit;
  await until("no process is left", () => processes().length === 0);
  expect(groups(owner.pid)).toEqual([]);
});

it("fails with its last words when it cannot come up", async () => {
  // Not a folder: Docker cannot keep anything there.
  writeFileSync(path.join(folder, "data"), "");
  await expect(Builder.start(folder)).rejects.toThrow(/^the builder of images ended by itself:\n/);
});
