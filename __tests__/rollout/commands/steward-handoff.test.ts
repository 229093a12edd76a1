/** A steward that hands over: a new container beside the old one, the ports led to it, and the old one's end once nothing is open there. */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import type { OrderName } from "../../../scripts/rollout/host-steps.js";
import { testManifest } from "../../support/fleet.js";
import { installed, OLD_ADDRESS, StewardHost } from "./steward-host.js";

const LIMIT_MS = 120_000;
const manifest = testManifest({ rollout: { strategy: "handoff", drainTimeoutSeconds: 30, leaseSeconds: 60 } });
const NEXT_ADDRESS = "172.31.255.243";
const replaced = [
  ...["old-dismiss", "failed-dismiss", "failed-clear", "older-clear", "previous-older", "expect-space"],
  ...["front-back", "old-on", "old-keep", "name-free", "new-run", "new-ready", "front-lead"],
].map((step) => `step ${step}`);
const committed = [
  ...["restart-on", "front-led", "older-remove", "front-keep", "old-stay-down"].map((step) => `step ${step}`),
  "done commit",
];

describe.each(["dash", "bash"])("handing over under %s", (shell) => {
  const program = installed(shell);
  if (!program) {
    it.skip(`is not tested: ${shell} is not installed`, () => undefined);
    return;
  }

  let host: StewardHost;
  beforeEach(async () => {
    host = new StewardHost({ shell: program, manifest });
    host.occupy();
    await host.hold("run1", 60);
    host.prepare();
  });
  afterEach(() => host.dispose(), LIMIT_MS);

  /** Sockets that the kernel shows for the process of each container that runs. */
  const open = (count: number): void => writeFileSync(path.join(host.home, "open"), `${count}\n`);
  const order = (name: OrderName): Promise<string[]> => host.orderInTime(name);
  const stopped = (name: string): boolean =>
    host.containers().some((line) => line.startsWith(`${name} `) && line.includes("stopped"));

  it(
    "leads the ports over, keeps that, and ends the old container by itself once it has left",
    async () => {
      expect(await order("replace")).toEqual([...replaced, "done replace"]);
      expect(host.containers()).toEqual(["api new serving no", "api-previous old serving always"]);
      expect(host.front()).toEqual({ now: `${NEXT_ADDRESS} 80`, kept: `${OLD_ADDRESS} 80`, state: "open" });
      const given = host.runArguments();
      expect(given.filter((_, index) => given[index - 1] === "-p")).toEqual(["127.0.0.1::80"]);
      expect(await order("commit")).toEqual(committed);
      expect(host.containers()).toEqual(["api new serving always", "api-previous old serving no"]);
      expect(host.front().kept).toBe(`${NEXT_ADDRESS} 80`);
      open(1);
      expect(await order("leave")).toEqual(["done leave"]);
      await host.until(() => host.life().at(-1) === "left run1", "the steward to leave");
      expect(stopped("api-previous")).toBe(false);
      // Nobody has to wait for it: the lock is free.
      host.start("run2");
      await host.until(() => host.life("run2").at(-1) === "held me@here", "the next rollout");
      open(0);
      await host.whileTimePasses(() => stopped("api-previous"), "the end of the old container");
      expect(host.containers()).toEqual(["api new serving always", "api-previous old stopped no"]);
    },
    LIMIT_MS,
  );

  it(
    "looks for each of its containers where Docker does not tell of all of them at once",
    async () => {
      const docker = path.join(host.home, "bin", "docker");
      const fails = `case $* in *"--type container --format {{.Name}} "*) echo 'Error response from daemon: blob not found' >&2; exit 1 ;; esac`;
      writeFileSync(docker, readFileSync(docker, "utf8").replace("set -u\n", `set -u\n${fails}\n`), { mode: 0o755 });
      expect(await order("replace")).toEqual([...replaced, "done replace"]);
      expect(await order("undo")).toEqual(["undone all", "done undo"]);
      expect(host.containers()).toEqual(["api old serving always", "api-failed new stopped no"]);
    },
    LIMIT_MS,
  );

  it(
    "leads back to the old container, which never stopped, and then ends the new one once nothing is open there",
    async () => {
      await order("replace");
      open(1);
      const undone = host.order("undo");
      await host.until(() => host.front().now === `${OLD_ADDRESS} 80`, "the way back");
      expect(host.containers()).toEqual(["api new serving no", "api-previous old serving always"]);
      open(0);
      await host.whileTimePasses(() => stopped("api-failed"), "the end of the new container");
      expect(await undone).toEqual(["undone all", "done undo"]);
      expect(host.containers()).toEqual(["api old serving always", "api-failed new stopped no"]);
      expect(host.front()).toEqual({ now: `${OLD_ADDRESS} 80`, kept: `${OLD_ADDRESS} 80`, state: "open" });
    },
    LIMIT_MS,
  );

  it(
    "leads nobody to a container that never becomes ready",
    async () => {
      host.break(`sick-${host.next.id}`);
      expect((await order("replace")).at(-1)).toMatch(/^failed not ready within 120 s/);
      expect(host.containers()).toEqual(["api old serving always", "api-failed new stopped no"]);
      expect(host.calls().filter((call) => call.includes(NEXT_ADDRESS) && call.startsWith("front"))).toEqual([]);
    },
    LIMIT_MS,
  );

  it(
    "leads back by itself when nobody is heard after the ports were led over: nobody has judged the new container",
    async () => {
      await order("replace");
      await host.whileTimePasses(() => !host.lives(), "the steward to leave");
      expect(host.containers()).toEqual(["api old serving always", "api-failed new stopped no"]);
      expect(host.front()).toEqual({ now: `${OLD_ADDRESS} 80`, kept: `${OLD_ADDRESS} 80`, state: "open" });
    },
    LIMIT_MS,
  );

  it(
    "does so when it is told to leave, too, as an order to take back may never have arrived",
    async () => {
      await order("replace");
      expect(await order("leave")).toEqual([expect.stringMatching(/^undone all/), "done leave"]);
      expect(host.containers()).toEqual(["api old serving always", "api-failed new stopped no"]);
    },
    LIMIT_MS,
  );

  it(
    "finishes by itself when nobody is heard after it was told to keep the new container, and ends the old one",
    async () => {
      await order("replace");
      host.break("update");
      expect((await order("commit")).at(-1)).toMatch(/^failed /);
      host.mend("update");
      await host.whileTimePasses(() => !host.lives(), "the steward to leave");
      await host.whileTimePasses(() => stopped("api-previous"), "the end of the old container");
      expect(host.containers()).toEqual(["api new serving always", "api-previous old stopped no"]);
      expect(host.front()).toEqual({ now: `${NEXT_ADDRESS} 80`, kept: `${NEXT_ADDRESS} 80`, state: "open" });
    },
    LIMIT_MS,
  );

  it.each<[string, readonly OrderName[], string[], string]>([
    ["before the ports are led over for good", [], ["api old serving always"], OLD_ADDRESS],
    [
      "after that, and before it is kept",
      ["replace"],
      ["api old serving always", "api-failed new stopped no"],
      OLD_ADDRESS,
    ],
    [
      "after it is kept",
      ["replace", "commit"],
      ["api new serving always", "api-previous old stopped no"],
      NEXT_ADDRESS,
    ],
  ])(
    "is where it was kept when the machine starts again %s",
    async (_when, orders, containers, address) => {
      for (const name of orders) await order(name);
      await host.powerCycle();
      await host.whileTimePasses(() => !host.lives(), "the recovery");
      expect(host.containers()).toEqual(containers);
      expect(host.front()).toEqual({ now: `${address} 80`, kept: `${address} 80`, state: "open" });
    },
    LIMIT_MS,
  );

  it(
    "brings the old container back, and its policy, where a commit fails half way",
    async () => {
      host.keepOneBefore();
      await order("replace");
      host.break("rm");
      expect((await order("commit")).at(-1)).toMatch(/^failed .*rm is broken/);
      expect(host.containers()).toContain("api new serving always");
      host.mend("rm");
      expect(await order("undo")).toEqual(["undone all", "done undo"]);
      expect(host.containers().slice(0, 2)).toEqual(["api old serving always", "api-failed new stopped no"]);
      expect(host.front()).toEqual({ now: `${OLD_ADDRESS} 80`, kept: `${OLD_ADDRESS} 80`, state: "open" });
    },
    LIMIT_MS,
  );

  it(
    "never stops a container that clients are led to, whatever it is called",
    async () => {
      await order("replace");
      // What a way back leaves that fails half way: the old container serves, and has the other name.
      host.break("rename");
      expect((await order("undo")).at(-2)).toMatch(/^undone except for new-run /);
      expect(host.front().now).toBe(`${OLD_ADDRESS} 80`);
      expect(await order("leave")).toEqual([expect.stringMatching(/^undone except for new-run /), "done leave"]);
      await host.until(() => host.life().at(-1) === "left run1", "the steward to leave");
      for (let second = 0; second < 40; second += 1) await host.whileTimePasses(() => true, "a second");
      expect(stopped("api-previous")).toBe(false);
      host.mend("rename");
    },
    LIMIT_MS,
  );

  it.each<[string, (home: string) => void]>([
    [
      "somebody has led clients back to by hand",
      (home) => writeFileSync(path.join(home, "front/api"), `10.110.0.2 80 8086 ${OLD_ADDRESS} 80 open\n`),
    ],
    ["may be led to, as the front does not tell", (home) => writeFileSync(path.join(home, "break/front"), "")],
  ])(
    "never stops a container that clients %s, nor begins another handover over it",
    async (_what, befall) => {
      await order("replace");
      await order("commit");
      befall(host.home);
      expect((await order("replace")).at(-1)).toMatch(/^failed clients are led to the container that is to be stopped/);
      await order("leave");
      await host.until(() => host.life().at(-1) === "left run1", "the steward to leave");
      for (let second = 0; second < 40; second += 1) await host.whileTimePasses(() => true, "a second");
      expect(host.containers()).toEqual(["api new serving always", "api-previous old serving no"]);
    },
    LIMIT_MS,
  );

  it(
    "changes nothing while requests are open to a container that an earlier rollout handed over from",
    async () => {
      await order("replace");
      await order("commit");
      open(2);
      const lines = await order("replace");
      expect(lines.slice(0, 1)).toEqual(["step old-dismiss"]);
      expect(lines.at(-1)).toMatch(
        /^failed connections are still open to the container that was handed over from, after 30 s/,
      );
      expect(host.containers()).toEqual(["api new serving always", "api-previous old serving no"]);
    },
    LIMIT_MS,
  );
});
