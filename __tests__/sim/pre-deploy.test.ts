import { describe, expect, it } from "@jest/globals";
import type { Release } from "../../contract/release.js";
import type { SimTask } from "../../lab/sim/machine.js";
import { RolloutError } from "../../scripts/rollout/core/errors.js";
import type { RolloutEvent } from "../../scripts/rollout/core/events.js";
import { standardParts } from "../../scripts/rollout/run.js";
import { testImage, testManifest, testRelease } from "../support/fleet.js";
import { healthy, simulate, type RunOptions, type SimRun } from "../support/sim.js";

const preDeploy = { command: ["npm", "run", "migrate"], timeoutSeconds: 60 };
const manifest = testManifest({ rollout: { readyTimeoutSeconds: 20, preDeploy } });
const passes = (): SimTask => ({ seconds: 5, exitCode: 0 });
const [old, next] = [testRelease(manifest, 1).id, testRelease(manifest, 2).id];

/** Releases that the command was begun for, on any host. */
const begun = ({ world }: SimRun): string[] => manifest.hosts.flatMap((host) => world.machine(host.name).tasks);
const running = ({ world }: SimRun) => manifest.hosts.map((host) => world.machine(host.name).state("current")?.release);
const named = (run: SimRun, name: RolloutEvent["name"]): number =>
  run.world.events.filter((event) => event.name === name).length;

const run = (options: Omit<RunOptions, "manifest"> = {}): Promise<SimRun> =>
  simulate({ manifest, preDeploy: passes, ...options });

/** Nobody has noticed. */
function expectUntouched(ended: SimRun): void {
  expect(running(ended)).toEqual([old, old]);
  expect(ended.receipt.hosts.map(({ action }) => action)).toEqual(["untouched", "untouched"]);
  expect(ended.world.failures).toEqual([]);
}

describe("the pre-deploy command", () => {
  it("runs once, under the locks, after the pull and before any host changes", async () => {
    const ended = await run();
    expect(ended.receipt.exitCode).toBe(0);
    expect(begun(ended)).toEqual([next]);
    const told = ended.world.events.map(({ name }) => name);
    const order = ["locked", "pulled", "preDeployStarted", "preDeployPassed", "planned"] as const;
    expect(order.map((name) => told.indexOf(name))).toEqual(
      [...order.map((name) => told.indexOf(name))].sort((a, b) => a - b),
    );
    expect(order.filter((name) => !told.includes(name))).toEqual([]);
    expect(ended.world.failures).toEqual([]);
  });

  it("stops everything when it fails: an exit code of its own, its last lines, and no host is touched", async () => {
    const ended = await run({ preDeploy: () => ({ seconds: 5, exitCode: 3 }) });
    expect(ended.receipt).toMatchObject({ exitCode: 7, error: { code: "PreDeployFailed" } });
    expect(ended.receipt.error?.message).toContain("exit code 3");
    expect(named(ended, "failedLog")).toBe(1);
    expectUntouched(ended);
  });

  it("stops everything when it cannot be started, with the same exit code", async () => {
    const ended = await run({
      preDeploy: () => {
        throw new RolloutError("HostCommandFailed", "api-1: docker: no such command");
      },
    });
    expect(ended.receipt).toMatchObject({ exitCode: 7, error: { code: "PreDeployFailed" } });
    expect(ended.receipt.error?.message).toContain("no such command");
    expectUntouched(ended);
  });

  it("is stopped when it does not end, and fails; it does not count as done, and is run again", async () => {
    const seconds = [10_000, 1];
    const ended = await run({ preDeploy: () => ({ seconds: seconds.shift() ?? 1, exitCode: 0 }), reruns: 1 });
    expect(ended.receipts.map(({ exitCode }) => exitCode)).toEqual([7, 0]);
    expect(ended.receipt.error?.code).toBe("PreDeployFailed");
    expect(ended.receipt.hosts.map(({ action }) => action)).toEqual(["untouched", "untouched"]);
    expect(begun(ended)).toEqual([next, next]);
    expect(ended.world.failures).toEqual([]);
  });

  it("is run again after it failed", async () => {
    const outcomes = [1, 0];
    const ended = await run({ preDeploy: () => ({ seconds: 1, exitCode: outcomes.shift() ?? 9 }), reruns: 1 });
    expect(ended.receipts.map(({ exitCode }) => exitCode)).toEqual([7, 0]);
    expect(begun(ended)).toEqual([next, next]);
  });

  it("is not run again when what follows failed: once for each release", async () => {
    let sick = true;
    const ended = await run({
      reruns: 1,
      behaviourOf: ({ image }: Release) => (image === testImage(2) && sick ? { startMs: 500, kind: "sick" } : healthy),
      onEvent: ({ name }) => (sick &&= name !== "finished"),
    });
    expect(ended.receipts.map(({ exitCode }) => exitCode)).toEqual([5, 0]);
    expect(begun(ended)).toEqual([next]);
    expect(named(ended, "preDeploySkipped")).toBe(1);
  });

  it("is run again, and that is told, when the host it ended on was started anew since: the shutdown may have ended it", async () => {
    let sick = true;
    const ended = await run({
      reruns: 1,
      behaviourOf: ({ image }: Release) => (image === testImage(2) && sick ? { startMs: 500, kind: "sick" } : healthy),
      onEvent: ({ name }, world) => {
        if (name !== "finished" || !sick) return;
        sick = false;
        const host = manifest.hosts.map((info) => world.machine(info.name)).find(({ tasks }) => tasks.length > 0);
        host?.powerOff();
        host?.powerOn();
      },
    });
    expect(ended.receipts.map(({ exitCode }) => exitCode)).toEqual([5, 0]);
    expect(begun(ended)).toEqual([next, next]);
    expect([named(ended, "preDeployDoubtful"), named(ended, "preDeploySkipped")]).toEqual([1, 0]);
  });

  it("is not run for a release that a host has already, nor when nothing changes", async () => {
    const ended = await run({
      seeds: new Map([
        ["api-1", testRelease(manifest, 2)],
        ["api-2", testRelease(manifest, 1)],
      ]),
    });
    expect(ended.receipt.exitCode).toBe(0);
    expect(running(ended)).toEqual([next, next]);
    expect(begun(ended)).toEqual([]);
    const kept = await run({ wanted: { do: "deploy", image: "" } });
    expect(kept.receipt.exitCode).toBe(0);
    expect(begun(kept)).toEqual([]);
  });

  it("is left out when that is asked for, as for an older image that is deployed again", async () => {
    const ended = await run({ skipPreDeploy: () => true });
    expect(ended.receipt.exitCode).toBe(0);
    expect(running(ended)).toEqual([next, next]);
    expect(begun(ended)).toEqual([]);
    expect(named(ended, "preDeploySkipped")).toBe(1);
  });

  it("is never run on the way back", async () => {
    const ended = await run({ next: [{ do: "rollback" }] });
    expect(ended.receipts.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
    expect(running(ended)).toEqual([old, old]);
    expect(begun(ended)).toEqual([next]);
  });

  it("is not run on the way back by onFailure", async () => {
    const policy = { ...manifest.rollout, onFailure: "rollback" } as const;
    const ended = await simulate({
      manifest: { ...manifest, rollout: policy },
      preDeploy: passes,
      parts: { ...standardParts, turn: (hosts) => [...hosts] },
      behaviourOf: (() => {
        let starts = 0;
        return ({ image }: Release) =>
          image === testImage(2) && (starts += 1) > 1 ? { startMs: 500, kind: "sick" } : healthy;
      })(),
    });
    expect(ended.receipt.exitCode).toBe(5);
    expect(running(ended)).toEqual([old, old]);
    expect(begun(ended)).toEqual([next]);
  });

  it("goes on when the rollout is told to stop, and the next rollout waits for it and runs no second one", async () => {
    const ended = await run({
      preDeploy: () => ({ seconds: 30, exitCode: 0 }),
      stopAt: ({ name }) => name === "preDeployStarted",
      reruns: 1,
    });
    expect(ended.receipts.map(({ exitCode }) => exitCode)).toEqual([130, 0]);
    expect(begun(ended)).toEqual([next]);
    expect(named(ended, "preDeployAwaited")).toBe(1);
    expect(ended.world.events.find(({ name }) => name === "preDeployAwaited")?.data).toMatchObject({
      image: testImage(2),
    });
    expect(running(ended)).toEqual([next, next]);
    expect(ended.world.failures).toEqual([]);
  });

  it("goes on as well when the rollout loses its lock meanwhile, which changes no host; the next one waits for it", async () => {
    let silentUntilMs = 0;
    const leased = { ...manifest, rollout: { ...manifest.rollout, leaseSeconds: 10 } };
    const ended = await simulate({
      manifest: leased,
      preDeploy: () => ({ seconds: 50, exitCode: 0 }),
      onEvent: ({ name }, { clock }) => {
        if (name === "preDeployStarted") silentUntilMs ||= clock.now() + 30_000;
      },
      beforeLook: (_host, _order, clock) => clock.sleep(Math.max(0, silentUntilMs - clock.now())),
      reruns: 1,
    });
    expect(ended.receipt).toMatchObject({ exitCode: 3, error: { code: "StewardLost" } });
    expect(ended.receipt.hosts.map(({ action }) => action)).toEqual(["untouched", "untouched"]);
    expect(ended.receipts[1]?.exitCode).toBe(0);
    expect(begun(ended)).toEqual([next]);
    expect(named(ended, "preDeployAwaited")).toBe(1);
    expect(ended.world.failures).toEqual([]);
  });

  it("is waited for also by a rollout that leaves its own out", async () => {
    const ended = await run({
      preDeploy: () => ({ seconds: 30, exitCode: 0 }),
      stopAt: ({ name }) => name === "preDeployStarted",
      next: [{ do: "deploy", image: testImage(3) }],
      skipPreDeploy: (turn) => turn > 0,
    });
    expect(ended.receipts.map(({ exitCode }) => exitCode)).toEqual([130, 0]);
    expect([named(ended, "preDeployAwaited"), named(ended, "preDeploySkipped")]).toEqual([1, 1]);
    expect(begun(ended)).toEqual([next]);
  });

  it("is waited for also by a rollout that changes no host: its droplet may be about to be deleted", async () => {
    const ended = await run({
      preDeploy: () => ({ seconds: 30, exitCode: 0 }),
      stopAt: ({ name }) => name === "preDeployStarted",
      next: [{ do: "deploy", image: "" }],
    });
    expect(ended.receipts.map(({ exitCode }) => exitCode)).toEqual([130, 0]);
    expect(ended.receipts[1]?.hosts.map(({ action }) => action)).toEqual(["kept", "kept"]);
    expect(named(ended, "preDeployAwaited")).toBe(1);
  });

  it("of an earlier release ends before that of another begins", async () => {
    const ended = await run({
      preDeploy: ({ image }) => ({ seconds: image === testImage(2) ? 30 : 5, exitCode: 0 }),
      stopAt: ({ name }) => name === "preDeployStarted",
      next: [{ do: "deploy", image: testImage(3) }],
    });
    expect(ended.receipts.map(({ exitCode }) => exitCode)).toEqual([130, 0]);
    expect(begun(ended)).toEqual([next, testRelease(manifest, 3).id]);
  });
});
