import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { bundleInto } from "../../../lab/embedded/bundle.js";
import { processesIn } from "../../../lab/scale/proc.js";
import { measuredRun } from "../../../lab/scale/run.js";
import { until } from "../support/until.js";
import { quickSettings } from "./support.js";

/** For a machine that is slow or busy; nothing is concluded from the time it takes. */
jest.setTimeout(90_000);

const OWNER = fileURLToPath(new URL("owner.ts", import.meta.url));
const onLinux = process.platform === "linux" ? describe : describe.skip;
const why = process.platform === "linux" ? "" : " (skipped: what processes use is read from /proc)";

onLinux(`a measured rollout${why}`, () => {
  let folder: string;
  let bundle: string;
  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), "ekt-"));
    bundle = await bundleInto(folder, "scripts/rollout.ts");
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const left = () => readdirSync(folder).filter((name) => name.startsWith("eks-"));
  const stateFolders = () => left().map((name) => path.join(folder, name, "state"));
  /** Controllers and their ssh processes: each run's work in its state folder. */
  const working = (folders = stateFolders()) => folders.flatMap((state) => processesIn(state));
  const sockets = () => working().flatMap(({ command }) => /^ssh: (\S+)\/\d+ \[mux\]$/.exec(command)?.[1] ?? []);

  test("tells what the controller and its ssh processes used", async () => {
    const { signal } = new AbortController();
    const run = await measuredRun({ hosts: 2, settings: quickSettings, bundle, signal, under: folder });
    expect(run).toMatchObject({ hosts: 2, exitCode: 0, error: null, connections: 2, connectionsToOneHost: 1 });
    expect(run.commands).toMatchObject({ steward: 2, pull: 2, prune: 2, logs: 0 });
    for (const used of [run.cpu.controller, run.cpu.clients, run.witnessRequests, run.lockedSeconds])
      expect(used).toBeGreaterThan(0);
    expect(run.sshProcesses).toBeGreaterThanOrEqual(2);
    expect(run.openFiles).toBeGreaterThan(10);
    expect(run.controllerMb).toBeGreaterThan(run.connectionsMb);
    expect([working(), left()]).toEqual([[], []]);
  });

  test("that is told to stop ends as one that was interrupted", async () => {
    const stop = new AbortController();
    const measured = measuredRun({ hosts: 2, settings: quickSettings, bundle, signal: stop.signal, under: folder });
    await until("the rollout has begun", () => stateFolders().some((state) => existsSync(path.join(state, "runs"))));
    stop.abort();
    expect(await measured).toMatchObject({ exitCode: 130, error: "Interrupted: the rollout was told to stop" });
    expect(working()).toEqual([]);
  });

  test("leaves no process and no folder when its owner is killed", async () => {
    const owner = spawn(process.execPath, ["--import", "tsx", OWNER, bundle, folder], { stdio: "ignore" });
    const exit = once(owner, "exit");
    await until("a connection is open", () => sockets().length > 0);
    // A controller that is killed leaves the folder of its sockets.
    const [ofSockets = ""] = sockets();
    // So Linux names a folder that is gone.
    const places = stateFolders().flatMap((state) => [state, `${state} (deleted)`]);
    owner.kill("SIGKILL");
    await exit;
    await until("nothing is left", () => working(places).length + left().length === 0);
    rmSync(ofSockets, { recursive: true });
  });
});
