/** A steward that goes back to a container which still runs: nothing is started, and whoever was to stop that container leaves it alone. */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import type { OrderName } from "../../../scripts/rollout/host-steps.js";
import { testManifest } from "../../support/fleet.js";
import { installed, OLD_ADDRESS, StewardHost } from "./steward-host.js";

const LIMIT_MS = 120_000;
/** Far more than passes on the host while a busy machine comes to look: a second passes there at each look of the test's. */
const LONG = 3600;
const rollout = {
  ...{ strategy: "handoff", drainTimeoutSeconds: LONG, leaseSeconds: LONG },
  progressDeadlineSeconds: LONG,
} as const;
const manifest = testManifest({ rollout });
const NEXT_ADDRESS = "172.31.255.243";
const steps = (...names: string[]): string[] => names.map((name) => `step ${name}`);
const replaced = steps(
  ...["failed-dismiss", "failed-clear", "front-back", "old-on", "old-failed", "warm-off", "warm-back"],
  ...["dismissal-ended", "new-ready", "front-lead"],
);
const committed = steps("restart-on", "front-led", "older-remove", "front-keep", "old-stay-down", "previous-aside");

describe.each(["dash", "bash"])("going back to what still runs, under %s", (shell) => {
  const program = installed(shell);
  if (!program) {
    it.skip(`is not tested: ${shell} is not installed`, () => undefined);
    return;
  }

  let host: StewardHost;
  beforeEach(() => {
    host = new StewardHost({ shell: program, manifest });
    host.occupy();
  });
  afterEach(() => host.dispose(), LIMIT_MS);

  /** Sockets that the kernel shows for the process of each container that runs. */
  const open = (count: number): void => writeFileSync(path.join(host.home, "open"), `${count}\n`);
  const order = (name: OrderName, runId: string): Promise<string[]> => host.orderInTime(name, "", runId);
  /** Of a run nobody is left. */
  const ended = (runId: string): boolean => host.processes().every(({ args }) => !args.includes(`/runs/${runId}/`));
  const seconds = async (count: number): Promise<void> => {
    for (let second = 0; second < count; second += 1) await host.whileTimePasses(() => true, "a second");
  };

  /** Hands over, and leaves while something is open to the old container. */
  async function handedOver(keepWarmSeconds = 0): Promise<void> {
    await host.hold("run1", LONG);
    host.prepare({ policy: testManifest({ rollout: { ...rollout, keepWarmSeconds } }).rollout });
    await order("replace", "run1");
    await order("commit", "run1");
    open(1);
    await order("leave", "run1");
    await host.until(() => host.life().at(-1) === "left run1", "the steward to leave");
    expect(host.containers()).toEqual(["api new serving always", "api-previous old serving no"]);
  }

  /** Hands over, and whoever waits has told Docker to stop the old container, which has not ended yet. */
  async function beginToStop(): Promise<void> {
    await handedOver();
    open(0);
    host.break("hang-stop");
    await host.whileTimePasses(
      () => readFileSync(path.join(host.home, "calls"), "utf8").includes("docker stop"),
      "the stop",
    );
  }

  async function goingBack(runId = "run2"): Promise<void> {
    await host.hold(runId, LONG);
    host.prepare({ release: host.old, goesBack: true, isWarm: true }, runId);
  }

  it(
    "gives it its name and the ports, and ends the other one once nothing is open there",
    async () => {
      await handedOver();
      await goingBack();
      host.calls();
      expect(await order("replace", "run2")).toEqual([...replaced, "done replace"]);
      expect(host.containers()).toEqual(["api old serving no", "api-failed new serving always"]);
      expect(host.front()).toEqual({ now: `${OLD_ADDRESS} 80`, kept: `${NEXT_ADDRESS} 80`, state: "open" });
      expect(await order("commit", "run2")).toEqual([...committed, "done commit"]);
      expect(host.front().kept).toBe(`${OLD_ADDRESS} 80`);
      expect(host.calls().filter((call) => call.startsWith("docker run"))).toEqual([]);
      await order("leave", "run2");
      open(0);
      await host.whileTimePasses(
        () => host.containers().includes("api-failed new stopped no"),
        "the end of the container that was left",
      );
      await host.whileTimePasses(() => ended("run1"), "the end of whoever was to stop the other one");
      expect(host.containers()).toEqual(["api old serving always", "api-failed new stopped no"]);
    },
    LIMIT_MS,
  );

  it(
    "is taken back to what served before it",
    async () => {
      await handedOver();
      await goingBack();
      await order("replace", "run2");
      expect(await order("undo", "run2")).toEqual(["undone all", "done undo"]);
      expect(host.containers()).toEqual(["api new serving always", "api-previous old serving no"]);
      expect(host.front()).toEqual({ now: `${NEXT_ADDRESS} 80`, kept: `${NEXT_ADDRESS} 80`, state: "open" });
    },
    LIMIT_MS,
  );

  it(
    "leaves one container alone for a boot to bring back, also where it is taken back half way through its commit",
    async () => {
      await handedOver();
      await goingBack();
      await order("replace", "run2");
      host.break("keep");
      expect((await order("commit", "run2")).at(-1)).toMatch(/^failed/);
      host.mend("keep");
      await order("undo", "run2");
      expect(host.containers()).toEqual(["api new serving always", "api-previous old serving no"]);
      expect(host.front()).toEqual({ now: `${NEXT_ADDRESS} 80`, kept: `${NEXT_ADDRESS} 80`, state: "open" });
    },
    LIMIT_MS,
  );

  it(
    "is no concern of a rollout that begins while it is stopped: that waits for its end, whoever brings it about",
    async () => {
      await handedOver();
      await host.hold("run2", LONG);
      host.prepare({ release: host.old }, "run2");
      const told = order("replace", "run2");
      await host.until(() => host.journal("run2").some(({ detail }) => detail === "old-dismiss"), "the wait");
      host.sh(
        'rm -rf "$HOME"/.evenkeel/api/dismissal.* "$HOME"/.evenkeel/api/stopping.* && printf false >"$HOME/containers/api-previous/running"',
      );
      expect((await told).at(-1)).toBe("done replace");
    },
    LIMIT_MS,
  );

  it(
    "is kept once more by a second try, which leaves alone what somebody still gets answers from",
    async () => {
      await handedOver();
      await goingBack();
      for (const name of ["replace", "commit", "leave"] as const) await order(name, "run2");
      await host.hold("run3", LONG);
      host.prepare({ release: host.old, goesBack: true, isWarm: false }, "run3");
      expect((await order("commit", "run3")).at(-1)).toBe("done commit");
      expect(host.containers()).toEqual(["api old serving always", "api-failed new serving no"]);
    },
    LIMIT_MS,
  );

  it.each<[string, readonly OrderName[], string[], string]>([
    ["before it is kept", ["replace"], ["api new serving always", "api-previous old stopped no"], NEXT_ADDRESS],
    ["after it is kept", ["replace", "commit"], ["api old serving always", "api-failed new stopped no"], OLD_ADDRESS],
  ])(
    "is where it was kept when the machine starts again %s",
    async (_when, orders, containers, address) => {
      await handedOver();
      await goingBack();
      for (const name of orders) await order(name, "run2");
      await host.powerCycle();
      await host.whileTimePasses(() => !host.lives("run2"), "the recovery");
      expect(host.containers()).toEqual(containers);
      expect(host.front()).toEqual({ now: `${address} 80`, kept: `${address} 80`, state: "open" });
    },
    LIMIT_MS,
  );

  it(
    "does not happen to a container that is being stopped, although it still answers",
    async () => {
      await beginToStop();
      // Another run that ends meanwhile makes nobody believe that it is only to be stopped.
      await host.hold("run2", LONG);
      host.prepare({}, "run2");
      await order("leave", "run2");
      await seconds(20);
      await goingBack("run3");
      expect((await order("replace", "run3")).at(-1)).toBe("failed it is being stopped");
      expect(host.front().now).toBe(`${NEXT_ADDRESS} 80`);
      expect(host.containers()).toContain("api new serving always");
      host.mend("hang-stop");
    },
    LIMIT_MS,
  );

  it(
    "does not happen either where another waiter gives up meanwhile, as that container has its name no more",
    async () => {
      await beginToStop();
      // Who looks whether a name is still that container's waits in front of a gate of that name.
      const docker = path.join(host.home, "bin", "docker");
      const gates = `case $* in
  *'--format {{.Id}} '*)
    gate=$HOME/gate.\${6}
    while [ -e "$gate" ]; do : >"$gate-reached"; sleep 0.1; done
    ;;
esac`;
      writeFileSync(docker, readFileSync(docker, "utf8").replace("set -u\n", `set -u\n${gates}\n`), { mode: 0o755 });
      const gate = (name: string): string => path.join(host.home, `gate.${name}`);
      for (const name of ["api-previous", "api"]) writeFileSync(gate(name), "");
      const reached = (name: string): Promise<void> =>
        host.whileTimePasses(() => existsSync(`${gate(name)}-reached`), `a look at ${name}`);
      await host.hold("run2", LONG);
      host.prepare({}, "run2");
      await order("leave", "run2");
      await reached("api-previous");
      await goingBack("run3");
      const told = order("replace", "run3");
      await reached("api");
      rmSync(gate("api-previous"));
      await host.until(() => ended("run2"), "the end of the other waiter");
      rmSync(gate("api"));
      expect((await told).at(-1)).toBe("failed it is being stopped");
      expect(host.containers()).toContain("api new serving always");
      host.mend("hang-stop");
    },
    LIMIT_MS,
  );

  it(
    "is possible for as long as was said, and whoever waited that long then leaves it alone",
    async () => {
      await handedOver(36_000);
      open(0);
      await seconds(20);
      expect(host.containers()).toContain("api-previous old serving no");
      await goingBack();
      await order("replace", "run2");
      await order("commit", "run2");
      // It leaves first: while it holds the host, it would take that time for silence, and never see the order.
      await order("leave", "run2");
      host.setClock(Number(readFileSync(path.join(host.home, "clock"), "utf8")) + 36_000);
      await host.whileTimePasses(() => ended("run1"), "the end of whoever waited");
      expect(host.containers()).toContain("api old serving always");
    },
    LIMIT_MS,
  );

  it(
    "is over once that time has passed: it is stopped once nothing is open to it",
    async () => {
      await handedOver(60);
      await seconds(20);
      expect(host.containers()).toContain("api-previous old serving no");
      open(0);
      await host.whileTimePasses(() => host.containers().includes("api-previous old stopped no"), "its end");
    },
    LIMIT_MS,
  );
});
