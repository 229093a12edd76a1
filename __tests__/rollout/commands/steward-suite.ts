/** What the steward does, under one shell; a test file for each, so that they run side by side. */
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import * as docker from "../../../scripts/rollout/commands/docker.js";
import { recover, startSteward, writeFile, writeOrder } from "../../../scripts/rollout/commands/host.js";
import * as look from "../../../scripts/rollout/commands/look.js";
import { line } from "../../../scripts/rollout/commands/shell.js";
import { engine, environmentOf } from "../../../scripts/rollout/commands/steward.js";
import type { Observation, Survey } from "../../../scripts/rollout/ports.js";
import { testManifest } from "../../support/fleet.js";
import { container } from "../support.js";
import { installed, OLD_ADDRESS, OLD_INSTANCE, StewardHost } from "./steward-host.js";

const LIMIT_MS = 120_000;

const drained = [
  "step old-dismiss",
  "step failed-dismiss",
  "step failed-clear",
  "step older-clear",
  "step previous-older",
  "step expect-address",
  "step restart-off",
  "step drain",
  "done drain",
];
const replaced = [
  "step front-back",
  "step expect-space",
  "step expect-drained",
  "step old-stop",
  "step old-keep",
  "step name-free",
  "step new-run",
  "step new-ready",
  "step front-lead",
  "done replace",
];
const committed = ["step restart-on", "step front-led", "step front-keep", "step older-remove", "done commit"];
/** Where a second container is found. */
const NEXT_ADDRESS = "172.31.255.243";
const ledBack = [`front switch api 10.110.0.2 80 8086 ${OLD_ADDRESS} 80`, "front keep api"];
/** What a failed or lapsed replacement must end as. */
const untouched = "api old serving always";

export const describeSteward = (shell: "dash" | "bash"): void =>
  describe(`the steward under ${shell}`, () => suite(shell));

function suite(shell: string): void {
  const program = installed(shell);
  if (!program) {
    it.skip(`is not tested: ${shell} is not installed`, () => undefined);
    return;
  }

  let host: StewardHost;
  const start = (manifest = testManifest()): void => {
    host = new StewardHost({ shell: program, manifest });
  };
  beforeEach(() => start());
  afterEach(() => host.dispose(), LIMIT_MS);

  describe("given orders", () => {
    it(
      "drains, replaces and commits step by step, and keeps the old container",
      async () => {
        host.occupy();
        await host.hold();
        host.prepare();

        expect(await host.order("drain")).toEqual(drained);
        expect(host.containers()).toEqual(["api old draining no"]);
        expect(host.calls()).toEqual(["docker update --restart=no api", "front drop api"]);
        // What comes back after a reboot is never dropped.
        expect(host.front()).toEqual({ now: `${OLD_ADDRESS} 80`, kept: `${OLD_ADDRESS} 80`, state: "dropped" });

        expect(await host.order("replace", OLD_INSTANCE)).toEqual(replaced);
        expect(host.containers()).toEqual(["api new serving no", "api-previous old stopped no"]);
        // The machine that the tests run on may have a resolver of its own, which no container reaches.
        const resolver = "--mount type=bind,src=/etc/resolv.conf,dst=/etc/resolv.conf,readonly ";
        const given = host.calls().map((call) => call.replace(resolver, ""));
        expect(given.filter((call) => call.startsWith("docker "))).toEqual([
          "docker stop -t 10 api",
          "docker rename api api-previous",
          `docker run -d --network evenkeel --ip ${NEXT_ADDRESS} ${line(docker.run("api", "current", host.next))}`,
        ]);

        // A drop ends where the front leads to a new container.
        expect(host.front()).toEqual({ now: `${NEXT_ADDRESS} 80`, kept: `${OLD_ADDRESS} 80`, state: "open" });

        expect(await host.order("commit")).toEqual(committed);
        expect(host.front()).toEqual({ now: `${NEXT_ADDRESS} 80`, kept: `${NEXT_ADDRESS} 80`, state: "open" });
        expect(host.containers()).toEqual(["api new serving always", "api-previous old stopped no"]);

        expect(await host.order("undo")).toEqual(["undone all", "done undo"]);
        expect(host.containers()).toEqual(["api new serving always", "api-previous old stopped no"]);

        expect(await host.order("leave")).toEqual(["done leave"]);
        await host.until(() => !host.lives(), "the steward to leave");
        expect(host.life()).toEqual(["held me@here", "left run1"]);
      },
      LIMIT_MS,
    );

    it(
      "brings a release onto an empty host",
      async () => {
        await host.hold();
        host.prepare({ standing: "empty" });
        expect(await host.order("replace")).toEqual([
          "step old-dismiss",
          "step failed-dismiss",
          "step failed-clear",
          "step front-back",
          "step name-free",
          "step new-run",
          "step new-ready",
          "step front-lead",
          "done replace",
        ]);
        await host.order("commit");
        expect(host.containers()).toEqual(["api new serving always"]);
      },
      LIMIT_MS,
    );

    it(
      "removes older leavings, but only those of before the last replacement",
      async () => {
        host.occupy();
        host.sh(
          'cp -R "$HOME/containers/api" "$HOME/containers/api-previous"; echo false >"$HOME/containers/api-previous/running"',
        );
        host.sh('cp -R "$HOME/containers/api-previous" "$HOME/containers/api-failed"');
        await host.hold();
        host.prepare();
        await host.order("drain");
        expect(await host.order("replace", OLD_INSTANCE)).toEqual(replaced);
        expect(host.containers()).toEqual([
          "api new serving no",
          "api-older old stopped always",
          "api-previous old stopped no",
        ]);
        await host.order("commit");
        expect(host.containers()).toEqual(["api new serving always", "api-previous old stopped no"]);
      },
      LIMIT_MS,
    );

    it(
      "stops a superseded host for good",
      async () => {
        host.occupy();
        await host.hold();
        host.prepare({ release: null });
        await host.order("drain");
        expect(await host.order("stop")).toEqual([
          "step retired-restart-off",
          "step retired-stop",
          "step retired-front",
          "step retire",
          "done stop",
        ]);
        expect(existsSync(host.file("retired"))).toBe(true);
        expect(await host.order("undo")).toEqual(["undone all", "done undo"]);
        expect(host.containers()).toEqual(["api old stopped no"]);
      },
      LIMIT_MS,
    );

    it.each(["replace", "stop"] as const)(
      "stops nothing that was down and serves after all (%s)",
      async (order) => {
        host.occupy();
        await host.hold();
        host.prepare({ standing: "down", ...(order === "stop" ? { release: null } : {}) });
        expect((await host.order(order)).filter((line) => line.startsWith("failed"))).toEqual([
          "failed it did not serve, and does now: run the rollout again",
        ]);
        expect(host.containers()).toEqual(["api old serving always"]);
      },
      LIMIT_MS,
    );

    it(
      "takes back a drain when it is told to",
      async () => {
        host.occupy();
        await host.hold();
        host.prepare();
        await host.order("drain");
        host.calls();
        expect(await host.order("undo")).toEqual(["undone all", "done undo"]);
        expect(host.calls()).toEqual(["front raise api", "docker update --restart=always api", "docker start api"]);
        expect(host.front().state).toBe("open");
        expect(host.containers()).toEqual([untouched]);
      },
      LIMIT_MS,
    );

    it(
      "starts a container that crashed while it was drained",
      async () => {
        host.occupy();
        await host.hold();
        host.prepare();
        await host.order("drain");
        writeFileSync(`${host.home}/containers/api/running`, "false");
        host.calls();
        expect(await host.order("undo")).toEqual(["undone all", "done undo"]);
        expect(host.calls()).toEqual(["front raise api", "docker update --restart=always api", "docker start api"]);
        expect(host.containers()).toEqual([untouched]);
      },
      LIMIT_MS,
    );

    it(
      "leaves a container alone that could not be committed: clients may be on it",
      async () => {
        host.occupy();
        await host.hold();
        host.prepare();
        await host.order("drain");
        await host.order("replace", OLD_INSTANCE);
        host.break("update");
        const before = host.containers();
        expect(await host.order("commit")).toEqual(["step restart-on", expect.stringMatching(/^failed .*broken/)]);
        expect(host.containers()).toEqual(before);
        host.mend("update");
        expect(await host.order("retreat")).toEqual(["step retreat", "done retreat"]);
        expect(host.containers()).toContain("api new draining no");
        expect(await host.orderInTime("undo")).toEqual(["undone all", "done undo"]);
        expect(host.containers().slice(0, 1)).toEqual(["api old serving always"]);
        expect(host.front().state).toBe("open");
      },
      LIMIT_MS,
    );

    it(
      "follows the newest order, for one before it may never have arrived",
      async () => {
        host.occupy();
        await host.hold();
        host.prepare();
        await host.order("drain");
        host.loseOrder();
        expect(await host.order("undo")).toEqual(["undone all", "done undo"]);
        expect(host.containers()).toEqual([untouched]);
      },
      LIMIT_MS,
    );

    it(
      "takes back what was begun before it leaves",
      async () => {
        host.occupy();
        await host.hold();
        host.prepare();
        await host.order("drain");
        expect(await host.order("leave")).toEqual(["undone all", "done leave"]);
        expect(host.containers()).toEqual([untouched]);
      },
      LIMIT_MS,
    );

    it(
      "does not drain the old container for a retreat when there is no new one",
      async () => {
        host.occupy();
        await host.hold();
        host.prepare();
        expect(await host.order("retreat")).toEqual(["failed there is no new container to retreat from"]);
        expect(host.containers()).toEqual([untouched]);
      },
      LIMIT_MS,
    );

    it(
      "refuses an order that it does not know, and goes on",
      async () => {
        host.occupy();
        await host.hold();
        host.prepare();
        expect(await host.order("dance")).toEqual(["failed unknown order dance"]);
        expect(await host.order("drain")).toEqual(drained);
      },
      LIMIT_MS,
    );

    it(
      "fails an order that came before its steps, and goes on",
      async () => {
        host.occupy();
        await host.hold();
        const [undone, failed] = await host.order("drain");
        expect([undone, failed]).toEqual(["undone all", expect.stringMatching(/^failed.*stage_drain/)]);
        host.prepare();
        expect(await host.order("drain")).toEqual(drained);
      },
      LIMIT_MS,
    );

    it(
      "hands the container its command and environment exactly as they were configured",
      async () => {
        await host.dispose();
        const command = ["sh", "-c", `echo "$HOME" 'it' \`id\` $(id)\nexit`, "", "*", "\u2028", "tab\there", "~", "-x"];
        const environment = { GREETING: ` it's "$HOME" \`id\` # no comment `, EMPTY: "" };
        start(testManifest({ service: { command, environment, memoryMb: 64 } }));
        await host.hold();
        host.prepare({ standing: "empty" });
        await host.order("replace");
        const given = host.runArguments();
        expect(given.slice(given.indexOf(host.next.image) + 1)).toEqual(command);
        expect(given.slice(given.indexOf("--memory"), given.indexOf("--log-driver"))).toEqual(["--memory", "64m"]);
        expect(readFileSync(host.file("releases", `${host.next.id}.env`), "utf8")).toBe(
          `GREETING= it's "$HOME" \`id\` # no comment \nEMPTY=\nPORT=80\nHEALTH_PATH=/health\nRELEASE=${host.next.id}\n`,
        );
        expect(environmentOf(host.next, {})).toContain(`\nRELEASE=${host.next.id}\n`);
      },
      LIMIT_MS,
    );
  });

  describe("when a step fails", () => {
    const drain = async (): Promise<void> => {
      host.occupy();
      await host.hold();
      host.prepare();
      await host.order("drain");
      host.calls();
    };

    it(
      "takes back every step in reverse order when the new container cannot be started",
      async () => {
        await drain();
        host.break("run");
        expect(await host.order("replace", OLD_INSTANCE)).toEqual([
          ...replaced.slice(0, 7),
          "undone all",
          "failed Error response from daemon: run is broken",
        ]);
        expect(host.containers()).toEqual([untouched, "api-failed new stopped no"]);
        expect(host.calls().slice(-12)).toEqual([
          expect.stringContaining("docker run "),
          "curl -q -g --path-as-is --noproxy * -sS --max-time 5 -o /dev/null -w %{http_code} http://10.110.0.2:8086/health",
          "docker update --restart=no api",
          "docker stop -t 10 api",
          "docker rename api api-failed",
          "docker rename api-previous api",
          "docker start api",
          ...ledBack,
          "front raise api",
          "docker update --restart=always api",
          "docker start api",
        ]);
      },
      LIMIT_MS,
    );

    it(
      "takes back at once when the new container ends or restarts",
      async () => {
        await drain();
        host.break(`crash-${host.next.id}`);
        expect((await host.order("replace", OLD_INSTANCE)).slice(-2)).toEqual([
          "undone all",
          "failed the container ended or restarted (running, restarting, restarts: false|false|1)",
        ]);
        expect(host.containers()).toEqual([untouched, "api-failed new stopped no"]);
      },
      LIMIT_MS,
    );

    it(
      "takes back when the new container is not ready in time",
      async () => {
        await drain();
        host.break(`sick-${host.next.id}`);
        const ended = host.order("replace", OLD_INSTANCE);
        await host.untilAwaited();
        expect(host.journal().at(-1)?.detail).toBe("new-ready");
        host.setClock(1120);
        expect((await ended).slice(-2)).toEqual([
          "undone all",
          "failed not ready within 120 s (health path answered 503)",
        ]);
        expect(host.containers()).toEqual([untouched, "api-failed new stopped no"]);
      },
      LIMIT_MS,
    );

    const led = (): string[] => host.calls().filter((call) => call.startsWith("front "));

    it(
      "leads nobody to a new container whose health path is moved, although a balancer takes that for healthy",
      async () => {
        await drain();
        host.break(`moved-${host.next.id}`);
        const ended = host.order("replace", OLD_INSTANCE);
        await host.untilAwaited();
        host.setClock(1120);
        expect((await ended).at(-1)).toBe("failed not ready within 120 s (health path answered 301)");
        expect(host.containers()).toEqual([untouched, "api-failed new stopped no"]);
        expect(led()).toEqual([...ledBack, "front raise api"]);
      },
      LIMIT_MS,
    );

    it(
      "drains a new container that clients are on, waits for its requests to end, and leads them back once the old one runs",
      async () => {
        await drain();
        expect(await host.order("replace", OLD_INSTANCE)).toEqual(replaced);
        writeFileSync(`${host.home}/open`, "2\n");
        host.calls();
        const ended = host.order("undo");
        await host.until(() => host.containers().includes("api new draining no"), "the drain");
        await host.round();
        host.setClock(1020);
        await host.round();
        expect(host.containers()).toContain("api new draining no");
        expect(host.calls().filter((call) => /^(front drop|docker stop) /.test(call))).toEqual(["front drop api"]);
        writeFileSync(`${host.home}/open`, "0\n");
        expect(await ended).toEqual(["undone all", "done undo"]);
        expect(host.containers()).toEqual([untouched, "api-failed new stopped no"]);
        const done = host.calls().filter((call) => /^(front (?!open)|docker (stop|start) )/.test(call));
        expect(done.slice(0, 4)).toEqual(["docker stop -t 10 api", "docker start api", ...ledBack]);
        expect(host.front()).toEqual({ now: `${OLD_ADDRESS} 80`, kept: `${OLD_ADDRESS} 80`, state: "open" });
      },
      LIMIT_MS,
    );

    it(
      "does not go on waiting for a new container once another order has come",
      async () => {
        await drain();
        host.break(`sick-${host.next.id}`);
        const ended = host.order("replace", OLD_INSTANCE);
        await host.untilAwaited();
        expect(await host.order("undo")).toEqual(["undone all", "done undo"]);
        expect((await ended).at(-1)).toBe("failed another order came before it was ready (health path answered 503)");
        expect(host.containers()).toEqual([untouched, "api-failed new stopped no"]);
      },
      LIMIT_MS,
    );

    it(
      "stops a new container at once that cannot be drained",
      async () => {
        await drain();
        expect(await host.order("replace", OLD_INSTANCE)).toEqual(replaced);
        host.break("drop");
        expect(await host.order("undo")).toEqual(["undone all", "done undo"]);
        expect(host.containers()).toEqual([untouched, "api-failed new stopped no"]);
      },
      LIMIT_MS,
    );

    it(
      "takes the network that somebody else on the machine is making, once Docker shows it",
      async () => {
        await drain();
        rmSync(`${host.home}/network`);
        writeFileSync(`${host.home}/network-begun`, "....");
        expect((await host.order("replace", OLD_INSTANCE)).at(-1)).toBe("done replace");
        expect(host.front().now).toBe(`${NEXT_ADDRESS} 80`);
      },
      LIMIT_MS,
    );

    it(
      "says what Docker said where that network never comes",
      async () => {
        await drain();
        rmSync(`${host.home}/network`);
        writeFileSync(`${host.home}/network-begun`, "");
        expect((await host.order("replace", OLD_INSTANCE)).at(-1)).toMatch(/^failed .*Pool overlaps with other one/);
        expect(host.containers()).toContain(untouched);
      },
      LIMIT_MS,
    );

    it(
      "gives a new container no address that another one has, or that a front leads to, and says so when none is left",
      async () => {
        await drain();
        for (const [name, address] of [
          ["other", NEXT_ADDRESS],
          ["another", "172.31.255.244"],
        ] as const) {
          host.sh(`cp -R "$HOME/containers/api" "$HOME/containers/${name}"`);
          host.sh(
            `cd "$HOME/containers/${name}" && printf id-${name} >id && printf false >running && printf ${address} >address`,
          );
        }
        writeFileSync(`${host.home}/front/third`, "10.110.0.9 80 - 172.31.255.245 80 open\n");
        expect((await host.order("replace", OLD_INSTANCE)).at(-1)).toMatch(
          /^failed no address of the containers' network is free/,
        );
        expect(host.containers()).toContain(untouched);
        // Nor does the host leave rotation for that.
        host.calls();
        expect((await host.order("drain")).at(-1)).toMatch(/^failed no address of the containers' network is free/);
        expect(host.calls().filter((call) => call === "front drop api")).toEqual([]);
        rmSync(`${host.home}/front/third`);
        await host.order("drain");
        await host.order("replace", host.instance());
        expect(host.front().now).toBe("172.31.255.245 80");
      },
      LIMIT_MS,
    );

    it(
      "takes the next address when another fleet on the machine was faster",
      async () => {
        await drain();
        // It runs by the time that the container is started, and was not there before.
        const docker = path.join(host.home, "bin/docker");
        const faster = `[ -d "$all/fast" ] || { cp -R "$all/api-previous" "$all/fast" && put fast address ${NEXT_ADDRESS} && put fast running true && put fast publish other; }`;
        const text = readFileSync(docker, "utf8");
        writeFileSync(
          docker,
          text.replace('    mkdir "$all/$name"\n', (found) => `    ${faster}\n${found}`),
        );
        expect(await host.order("replace", OLD_INSTANCE)).toEqual(replaced);
        expect(host.front().now).toBe("172.31.255.244 80");
      },
      LIMIT_MS,
    );

    it(
      "leads back to the old container when a commit fails after the front was kept",
      async () => {
        await drain();
        host.keepOneBefore();
        host.sh(`mv "$HOME/containers/api-previous" "$HOME/containers/api-older"`);
        expect(await host.order("replace", OLD_INSTANCE)).toEqual(replaced);
        host.break("rm");
        expect((await host.order("commit")).at(-1)).toMatch(/^failed .*rm is broken/);
        expect(host.front().kept).toBe(`${NEXT_ADDRESS} 80`);
        host.mend("rm");
        await host.order("retreat");
        expect(await host.orderInTime("undo")).toEqual(["undone all", "done undo"]);
        expect(host.front()).toEqual({ now: `${OLD_ADDRESS} 80`, kept: `${OLD_ADDRESS} 80`, state: "open" });
        expect(host.containers()).toContain(untouched);
      },
      LIMIT_MS,
    );

    it(
      "takes back and serves again where the front cannot be led",
      async () => {
        await drain();
        host.break(`sick-${host.next.id}`);
        const ended = host.order("replace", OLD_INSTANCE);
        await host.untilAwaited();
        host.break("front");
        host.mend(`sick-${host.next.id}`);
        expect((await ended).at(-1)).toMatch(/^failed .*password is required/);
        expect(host.containers()).toContain("api old draining no");
        host.mend("front");
        await host.order("undo");
        expect(host.containers()).toEqual([untouched, "api-failed new stopped no"]);
      },
      LIMIT_MS,
    );

    it(
      "takes back the drain when the old container cannot be stopped",
      async () => {
        await drain();
        host.break("stop");
        expect((await host.order("replace", OLD_INSTANCE)).slice(-2)).toEqual([
          "undone all",
          "failed Error response from daemon: stop is broken",
        ]);
        expect(host.containers()).toEqual([untouched]);
      },
      LIMIT_MS,
    );

    it(
      "lets a host serve again even where the container that was kept cannot get its name back",
      async () => {
        host.occupy();
        host.keepOneBefore();
        await host.hold();
        host.prepare();
        await host.order("drain");
        host.leaveDiskFree(0);
        host.break("rename");
        expect((await host.order("replace", OLD_INSTANCE)).at(-2)).toMatch(
          /^undone except for previous-older older-clear failed-clear failed-dismiss old-dismiss: .*rename is broken/,
        );
        expect(host.containers()).toEqual([untouched, "api-older old stopped no"]);
        host.mend("rename");
        expect(await host.order("leave")).toEqual(["undone all", "done leave"]);
        expect(host.containers()).toEqual([untouched, "api-previous old stopped no"]);
      },
      LIMIT_MS,
    );

    it(
      "names the steps that cannot be taken back, and tries them again when it leaves",
      async () => {
        await drain();
        host.break("run", "start");
        expect((await host.order("replace", OLD_INSTANCE)).at(-2)).toMatch(
          /^undone except for old-stop .* drain restart-off expect-address previous-older .*: .*start is broken/,
        );
        expect(host.containers()).toEqual(["api old stopped no", "api-failed new stopped no"]);
        host.mend("start");
        expect(await host.order("leave")).toEqual(["undone all", "done leave"]);
        expect(host.containers()).toEqual([untouched, "api-failed new stopped no"]);
      },
      LIMIT_MS,
    );

    it(
      "leaves a host as it was whose front does not refuse the health port",
      async () => {
        host.occupy();
        host.keepOneBefore();
        await host.hold();
        host.prepare();
        host.break("drop");
        expect((await host.order("drain")).slice(-3)).toEqual([
          "step drain",
          "undone all",
          expect.stringMatching(/^failed/),
        ]);
        expect(host.front().state).toBe("open");
        expect(host.containers()).toEqual([untouched, "api-previous old stopped no"]);
      },
      LIMIT_MS,
    );

    it(
      "leaves a host as it was that has no front to be drained by",
      async () => {
        host.occupy();
        host.keepOneBefore();
        rmSync(`${host.home}/front/api`);
        await host.hold();
        host.prepare();
        expect((await host.order("drain")).slice(-3)).toEqual([
          "step drain",
          "undone all",
          "failed evenkeel-front: there is no such front: api",
        ]);
        expect(host.containers()).toEqual([untouched, "api-previous old stopped no"]);
      },
      LIMIT_MS,
    );

    it(
      "names a drain that cannot be taken back, and tries again when it leaves",
      async () => {
        await drain();
        host.break("raise");
        expect(await host.order("undo")).toEqual([
          expect.stringMatching(/^undone except for drain restart-off expect-address /),
          "done undo",
        ]);
        expect(host.containers()).toEqual(["api old draining no"]);
        host.mend("raise");
        expect(await host.order("leave")).toEqual(["undone all", "done leave"]);
        expect(host.containers()).toEqual([untouched]);
      },
      LIMIT_MS,
    );

    it(
      "refuses to replace another process of the container than the one that was drained",
      async () => {
        await drain();
        expect(await host.order("replace", "id-api:7")).toEqual([
          "step front-back",
          "step expect-space",
          "step expect-drained",
          "undone all",
          `failed the container changed while it was drained: ${OLD_INSTANCE}`,
        ]);
        expect(host.containers()).toEqual([untouched]);
        expect(host.calls().filter((call) => /docker (stop|run|rename)/.test(call))).toEqual([]);
      },
      LIMIT_MS,
    );

    it(
      "stops nothing where Docker might have no room to start it again",
      async () => {
        await drain();
        host.leaveDiskFree(49);
        expect(await host.order("replace", OLD_INSTANCE)).toEqual([
          "step front-back",
          "step expect-space",
          "undone all",
          expect.stringMatching(/^failed only 49 MB of disk are free, below 50 MB/),
        ]);
        expect(host.containers()).toEqual([untouched]);
        await host.order("drain");
        host.leaveDiskFree(50);
        expect(await host.order("replace", OLD_INSTANCE)).toEqual(replaced);
      },
      LIMIT_MS,
    );

    it.each([
      ["an instance that only begins with the same letters", OLD_INSTANCE.slice(0, -1)],
      ["the same process of another container", "id-other:4242"],
      ["a pattern", "*"],
      ["no instance at all", ""],
    ])(
      "refuses to replace when it is given %s",
      async (_name, argument) => {
        await drain();
        expect((await host.order("replace", argument)).at(-1)).toMatch(/^failed the container changed/);
        expect(host.containers()).toEqual([untouched]);
      },
      LIMIT_MS,
    );

    it(
      "refuses to replace what started anew while it was drained",
      async () => {
        await drain();
        host.sh("docker stop -t 10 api; docker start api");
        expect((await host.order("replace", OLD_INSTANCE)).at(-1)).toBe(
          `failed the container changed while it was drained: ${host.instance()}`,
        );
        expect(host.containers()).toEqual([untouched]);
      },
      LIMIT_MS,
    );

    it.each<[string, string]>([
      ["is open again", "front raise api"],
      ["is gone", "front clear api"],
      ["does not tell", ": >$HOME/break/show"],
    ])(
      "refuses to replace a container whose front %s",
      async (_name, befalls) => {
        await drain();
        host.sh(`front() { sudo -n /usr/local/sbin/evenkeel-front "$@"; }\n${befalls}`);
        host.calls();
        expect((await host.order("replace", OLD_INSTANCE)).slice(2)).toEqual([
          "step expect-drained",
          "undone all",
          "failed it is no longer drained",
        ]);
        expect(host.calls().filter((call) => /docker (stop|run|rename)/.test(call))).toEqual([]);
        expect(host.containers()).toContain(untouched);
      },
      LIMIT_MS,
    );

    it(
      "gives back the container that was kept before",
      async () => {
        host.occupy();
        host.keepOneBefore();
        await host.hold();
        host.prepare();
        await host.order("drain");
        host.break("run");
        await host.order("replace", OLD_INSTANCE);
        expect(host.containers()).toEqual([untouched, "api-failed new stopped no", "api-previous old stopped no"]);
      },
      LIMIT_MS,
    );

    it(
      "waits for a Docker that is away, and takes back all the same",
      async () => {
        await drain();
        await host.hang("replace", OLD_INSTANCE, "stop");
        host.break("away");
        host.sh(`for process in $(pgrep -f "$HOME/bin/docker stop"); do kill "$process"; done`);
        await host.round();
        expect(host.journal().at(-1)?.detail).toBe("old-stop");
        host.mend("away");
        await host.until(() => host.journal().at(-1)?.state === "failed", "the end of the order");
        expect(host.journal().at(-2)).toMatchObject({ state: "undone", detail: "all" });
        const back = host.journal().filter(({ state }) => state === "back");
        expect(back.map(({ detail }) => detail)).toEqual([
          ...[
            "old-stop",
            "expect-drained",
            "expect-space",
            "front-back",
            "drain",
            "restart-off",
            "expect-address",
            "previous-older",
            "older-clear",
            "failed-clear",
            "failed-dismiss",
            "old-dismiss",
          ],
        ]);
        expect(host.containers()).toEqual([untouched]);
      },
      LIMIT_MS,
    );

    it(
      "does an order again that it failed before",
      async () => {
        await drain();
        host.break("run");
        await host.order("replace", OLD_INSTANCE);
        host.mend("run");
        await host.order("drain");
        expect(await host.order("replace", host.instance())).toEqual(replaced);
        expect(host.containers()).toEqual(["api new serving no", "api-previous old stopped no"]);
      },
      LIMIT_MS,
    );
  });

  describe("looked at", () => {
    it(
      "shows the host as it is",
      async () => {
        host.occupy();
        const survey = (): Survey => look.parseSurvey(host.ask(look.survey(host.place)), "api");
        const before = survey();
        expect(before.architecture).toMatch(/^\w+$/);
        expect(before.freeDiskMb).toBeGreaterThan(0);
        expect(before.freeMemoryMb).toBeGreaterThan(0);
        expect(before).toMatchObject({ dockerAnswers: true, health: 200, releases: [], retired: false });
        const nobody = { open: 0, probes: [], requests: 0, lastRequestAgoMs: null };
        expect(before.traffic).toEqual({ instance: OLD_INSTANCE, target: OLD_ADDRESS, state: "serving", ...nobody });
        expect(before.containers).toEqual({
          current: container({ id: "id-api", image: host.old.image, release: host.old.id }),
        });

        await host.hold();
        host.prepare();
        host.give(writeFile("api", `releases/${host.next.id}.json`, `${JSON.stringify(host.next)}\n`));
        await host.order("drain");
        await host.order("replace", OLD_INSTANCE);
        expect(survey()).toMatchObject({
          health: 200,
          releases: [host.next],
          traffic: { instance: host.instance(), state: "serving" },
          containers: { current: { release: host.next.id }, previous: { release: host.old.id, running: false } },
        });
      },
      LIMIT_MS,
    );

    it(
      "shows who comes to it, of whichever release the container is, and nothing where its front does not tell or leads elsewhere",
      async () => {
        host.occupy();
        const traffic = (): Survey["traffic"] => look.parseSurvey(host.ask(look.survey(host.place)), "api").traffic;
        writeFileSync(
          `${host.home}/traffic`,
          "probed 8086 10.110.0.9 passed 4 9012 12\nopened 80 3 40\nopened 8080 2 7\n",
        );
        writeFileSync(`${host.home}/open`, "2\n");
        const node = { port: 8086, node: "10.110.0.9", outcome: "passed", count: 4, oldestMs: 9012, newestMs: 12 };
        const told = { instance: OLD_INSTANCE, target: OLD_ADDRESS, state: "serving", open: 2, probes: [node] };
        expect(traffic()).toEqual({ ...told, requests: 5, lastRequestAgoMs: 7 });
        host.sh("sudo -n /usr/local/sbin/evenkeel-front drop api");
        expect(traffic()).toMatchObject({ state: "draining", requests: 5 });
        host.break("open");
        expect(traffic()).toMatchObject({ open: null, requests: 5 });
        host.break("traffic");
        expect(traffic()).toBeNull();
        host.mend("traffic");
        expect(traffic()).not.toBeNull();
        host.sh(`sudo -n /usr/local/sbin/evenkeel-front switch api 10.110.0.2 80 8086 ${NEXT_ADDRESS} 80`);
        expect(traffic()).toBeNull();
        host.sh(`sudo -n /usr/local/sbin/evenkeel-front switch api 10.110.0.2 80 8086 ${OLD_ADDRESS} 80`);
        host.sh("docker stop -t 10 api");
        expect(traffic()).toBeNull();
      },
      LIMIT_MS,
    );

    it(
      "shows where its front leads; what is answered on the front's own ports is nobody else's, also while the front is unknown",
      async () => {
        host.occupy();
        const survey = (): Survey => look.parseSurvey(host.ask(look.survey(host.place)), "api");
        const front = { services: [80], checks: [8086], target: OLD_ADDRESS, port: 80, state: "open" };
        expect(survey()).toMatchObject({ front, answered: [], health: 200 });
        host.break("front");
        expect(survey()).toMatchObject({ front: null, traffic: null, answered: [] });
        host.mend("front");
        // As Docker publishes it for the article, where the service port is asked; and somebody else has the health port.
        rmSync(`${host.home}/front/api`);
        writeFileSync(`${host.home}/containers/api/publish`, " 10.110.0.2:80:80");
        expect(survey()).toMatchObject({ front: null, answered: [80], health: 200 });
        writeFileSync(`${host.home}/front/other`, `10.110.0.2 8086 - ${OLD_ADDRESS} 80 open\n`);
        expect(survey()).toMatchObject({ front: null, answered: [80, 8086], health: 200 });
      },
      LIMIT_MS,
    );

    it(
      "shows whose run has it in hand, and whose was left unfinished",
      async () => {
        host.occupy();
        const run = (): Survey["run"] => look.parseSurvey(host.ask(look.survey(host.place)), "api").run;
        expect(run()).toBeNull();
        await host.hold();
        expect(run()).toEqual({ holder: "held by run1:me@here", last: "held me@here" });
        host.prepare();
        await host.order("drain");
        expect(run()?.last).toBe("done drain");
        process.kill(host.pid(), "SIGKILL");
        await host.until(() => !host.lives(), "the end of the steward");
        expect(run()).toEqual({ holder: "left unfinished by run1:me@here", last: "done drain" });
        await host.powerCycle();
        expect(run()).toBeNull();
      },
      LIMIT_MS,
    );

    it(
      "shows its journal and its life, and takes the look for a heartbeat",
      async () => {
        host.occupy();
        await host.hold("run1", 5);
        host.prepare();
        await host.order("drain");
        const observe = (beat: number): Observation =>
          look.parseObservation(host.ask(look.observe(host.place, "run1", beat)));
        host.setClock(1004);
        expect(observe(1)).toMatchObject({
          stewardAlive: true,
          journal: host.journal(),
          traffic: { instance: OLD_INSTANCE, state: "draining" },
          // The dropped health port is refused to the balancer alone.
          health: 200,
        });
        await host.round();
        host.setClock(1008);
        await host.round();
        expect(observe(2).stewardAlive).toBe(true);
        process.kill(host.pid(), "SIGKILL");
        await host.until(() => !host.lives(), "the end of the steward");
        await host.until(() => !observe(3).stewardAlive, "its end to be seen");
      },
      LIMIT_MS,
    );

    it("fails when the run is not known there", () =>
      expect(() => host.ask(look.observe(host.place, "none", 1))).toThrow("ended with 1"));
  });

  describe("holding the lock", () => {
    const answered = (runId: string): boolean =>
      host.journal(runId).some((entry) => entry.state === "held" || entry.state === "refused");

    it(
      "refuses a second steward, names the holder, and stays",
      async () => {
        await host.hold("run1");
        host.start("run2");
        await host.until(() => !host.lives("run2"), "the second one to end");
        expect(host.life("run2")).toEqual(["refused run1:me@here"]);
        expect(host.lives("run1")).toBe(true);
        expect(host.holder()).toBe("run1:me@here");
      },
      LIMIT_MS,
    );

    it(
      "frees it when it leaves",
      async () => {
        await host.hold("run1");
        await host.order("leave");
        await host.until(() => !host.lives("run1"), "the first one to leave");
        await host.hold("run2");
        expect(host.holder()).toBe("run2:me@here");
      },
      LIMIT_MS,
    );

    it(
      "takes it when it is started again after it was refused and the holder has left",
      async () => {
        await host.hold("run1");
        host.start("run2");
        await host.until(() => !host.lives("run2"), "the second one to end");
        await host.order("leave");
        await host.until(() => !host.lives("run1"), "the first one to leave");
        await host.hold("run2");
        expect(host.life("run2")).toEqual(["held me@here"]);
      },
      LIMIT_MS,
    );

    it(
      "frees it when it is killed",
      async () => {
        await host.hold("run1");
        await host.until(() => existsSync(host.file("recover.sh")), "the first one to be ready for orders");
        process.kill(host.pid("run1"), "SIGKILL");
        await host.hold("run2");
        expect(host.holder()).toBe("run2:me@here");
        // The second was its own, to end what it left.
        expect(host.locks()).toEqual(["lock.3"]);
      },
      LIMIT_MS,
    );

    it(
      "does not take another process under a dead holder's number for the holder",
      async () => {
        host.sh('mkdir -p "$HOME/.evenkeel/api"');
        symlinkSync(`${process.pid}:gone:somebody@else`, host.file("lock.9"));
        await host.hold("run1");
        expect(host.locks()).toEqual(["lock.10"]);
      },
      LIMIT_MS,
    );

    it(
      "starts once when it is started twice for the same run",
      async () => {
        await host.hold("run1");
        host.start("run1");
        await host.round();
        expect(host.life("run1")).toEqual(["held me@here"]);
        expect(host.stewards("run1")).toHaveLength(1);
      },
      LIMIT_MS,
    );

    it.each([
      ["a new host", false],
      ["a host whose last holder was killed", true],
    ])(
      "is held by exactly one of eight contenders at once, on %s",
      async (_name, stale) => {
        for (let attempt = 0; attempt < 3; attempt += 1) {
          if (stale) {
            await host.hold(`dead${attempt}`);
            process.kill(host.pid(`dead${attempt}`), "SIGKILL");
          } else if (attempt > 0) {
            await host.dispose();
            start();
          }
          const runs = Array.from({ length: 8 }, (_, index) => `run${attempt}${index}`);
          const together = runs.map((run) => `(${startScript(run)}) &`).join("\n");
          host.sh(`${together}\nwait`);
          await host.until(() => runs.every(answered), "all contenders to be answered");
          const held = runs.filter((run) => host.life(run)[0]?.startsWith("held"));
          expect(held).toHaveLength(1);
          const [winner = ""] = held;
          for (const run of runs.filter((other) => other !== winner)) {
            expect([`refused ${winner}:me@here`, `refused dead${attempt}:me@here`]).toContain(host.life(run).join());
          }
          await host.until(() => host.locks().length === 1, "the older locks to go");
          expect(host.holder()).toBe(`${winner}:me@here`);
          process.kill(host.pid(winner), "SIGKILL");
        }
      },
      LIMIT_MS,
    );

    it(
      "does not hold a lock whose number others have gone past meanwhile",
      async () => {
        // The late one has seen that number 1 is free to follow, and then sleeps until others have held 2 and hold 3.
        const late = `#!/bin/sh\ncase $2 in *:late:*) : >"$HOME/waits"; until [ -e "$HOME/go" ]; do sleep 0.2; done ;; esac\n`;
        writeFileSync(`${host.home}/bin/ln`, `${late}exec ${installed("ln") ?? "ln"} "$@"\n`, { mode: 0o755 });
        await host.hold("dead");
        process.kill(host.pid("dead"), "SIGKILL");
        await host.until(() => !host.lives("dead"), "the end of the dead one");
        host.start("late");
        await host.until(() => existsSync(`${host.home}/waits`), "the late one to wait");
        await host.hold("run2");
        process.kill(host.pid("run2"), "SIGKILL");
        await host.until(() => !host.lives("run2"), "the end of the second one");
        await host.hold("run3");
        expect([host.locks().length, host.holder()]).toEqual([1, "run3:me@here"]);
        writeFileSync(`${host.home}/go`, "");
        await host.until(() => !host.lives("late"), "the late one to be refused");
        expect(host.life("late")).toEqual(["refused run3:me@here"]);
        expect([host.locks().length, host.holder()]).toEqual([1, "run3:me@here"]);
      },
      LIMIT_MS,
    );

    it(
      "gives up where the lock cannot be written, and says so",
      async () => {
        host.sh(
          `printf '#!/bin/sh\\necho "ln: No space left on device" >&2\\nexit 1\\n' >"$HOME/bin/ln"; chmod +x "$HOME/bin/ln"`,
        );
        host.start("run1");
        await host.until(() => !host.lives("run1"), "the steward to give up");
        expect(host.life("run1")).toEqual(["refused nobody: ln: No space left on device"]);
      },
      LIMIT_MS,
    );
  });

  describe("when its controller falls silent for the lease", () => {
    const lease = 5;
    const lapsed = ["held me@here", `lapsed no heartbeat for ${lease} s`, "left run1"];

    it(
      "takes back a drain and leaves",
      async () => {
        host.occupy();
        await host.hold("run1", lease);
        host.prepare();
        await host.order("drain");
        await host.silence(lease);
        expect(host.life()).toEqual(lapsed);
        expect(host.journal().find((entry) => entry.state === "undone")?.detail).toBe("all");
        expect(host.containers()).toEqual([untouched]);
      },
      LIMIT_MS,
    );

    it(
      "finishes a replacement that is ready, and leaves",
      async () => {
        host.occupy();
        await host.hold("run1", lease);
        host.prepare();
        await host.order("drain");
        await host.order("replace", OLD_INSTANCE);
        await host.silence(lease);
        expect(host.life()).toEqual(lapsed);
        expect(host.containers()).toEqual(["api new serving always", "api-previous old stopped no"]);
      },
      LIMIT_MS,
    );

    it(
      "changes nothing when nothing was begun",
      async () => {
        host.occupy();
        await host.hold("run1", lease);
        host.prepare();
        host.calls();
        await host.silence(lease);
        expect(host.life()).toEqual(lapsed);
        expect(host.journal().some((entry) => entry.state === "undone")).toBe(false);
        expect(host.calls()).toEqual([]);
        expect(host.containers()).toEqual([untouched]);
      },
      LIMIT_MS,
    );

    it(
      "changes nothing when all was committed",
      async () => {
        host.occupy();
        await host.hold("run1", lease);
        host.prepare();
        await host.order("drain");
        await host.order("replace", OLD_INSTANCE);
        await host.order("commit");
        const before = host.containers();
        host.calls();
        await host.silence(lease);
        expect(host.life()).toEqual(lapsed);
        expect(host.journal().some((entry) => entry.state === "undone")).toBe(false);
        expect(host.calls()).toEqual([]);
        expect(host.containers()).toEqual(before);
      },
      LIMIT_MS,
    );

    it(
      "stays while heartbeats come, however long the rollout takes",
      async () => {
        host.occupy();
        await host.hold("run1", lease);
        host.prepare();
        await host.order("drain");
        for (let now = 1000; now <= 1036; now += lease - 1) {
          host.setClock(now);
          host.beat();
          await host.round();
        }
        expect(host.life()).toEqual(["held me@here"]);
        expect(host.containers()).toEqual(["api old draining no"]);
        await host.silence(lease);
        expect(host.containers()).toEqual([untouched]);
      },
      LIMIT_MS,
    );

    it(
      "does not count the same heartbeat twice",
      async () => {
        await host.hold("run1", lease);
        host.beat();
        await host.round();
        await host.silence(lease);
        expect(host.life()).toEqual(lapsed);
      },
      LIMIT_MS,
    );

    it(
      "counts an order as a sign of life",
      async () => {
        host.occupy();
        await host.hold("run1", lease);
        host.prepare();
        host.sh(`printf '#!/bin/sh\\nprintf "%%s\\\\n" 1100 >"$HOME/clock"\\nexec "$HOME/bin/docker.real" "$@"\\n' >"$HOME/bin/slow"
          mv "$HOME/bin/docker" "$HOME/bin/docker.real"; mv "$HOME/bin/slow" "$HOME/bin/docker"; chmod +x "$HOME/bin/docker"`);
        expect(await host.order("drain")).toEqual(drained);
        await host.round();
        expect(host.life()).toEqual(["held me@here"]);
      },
      LIMIT_MS,
    );
  });

  describe("when it is killed and its run is ended at once", () => {
    it.each([
      ["stop", "replace", []],
      ["run", "replace", ["api-failed new stopped no"]],
    ] as const)(
      "in the middle of docker %s, waits for the end of that, and takes back then",
      async (command, order, others) => {
        host.occupy();
        await host.hold();
        host.prepare();
        await host.order("drain");
        host.break(`slow-${command}`);
        void host.order(order, OLD_INSTANCE).catch(() => undefined);
        await host.until(() => existsSync(`${host.home}/hangs`), `docker ${command}`);
        process.kill(host.pid(), "SIGKILL");
        await host.until(() => !host.lives(), "the end of the steward");
        const looks = (): number =>
          readFileSync(`${host.home}/calls`, "utf8").match(/State\.\w+\}\} api$/gm)?.length ?? 0;
        const before = looks();
        host.sh(recover("api"));
        await host.until(() => looks() >= before + 3, "looks at the container");
        expect(host.journal().filter(({ state }) => state === "back")).toEqual([]);
        host.mend(`slow-${command}`);
        await host.whileTimePasses(() => host.life().at(-1) === "left run1", "the end of the run");
        expect(host.containers()).toEqual([untouched, ...others]);
      },
      LIMIT_MS,
    );

    it(
      "before it has taken up the order to take back, keeps no container that is ready",
      async () => {
        host.occupy();
        await host.hold();
        host.prepare();
        await host.order("drain");
        await host.order("replace", OLD_INSTANCE);
        process.kill(host.pid(), "SIGKILL");
        await host.until(() => !host.lives(), "the end of the steward");
        host.give(writeOrder("api", "run1", 9, "retreat "));
        // As every rollout does at its end, also where nobody takes it up.
        host.give(writeOrder("api", "run1", 10, "leave "));
        host.sh(recover("api"));
        await host.whileTimePasses(() => host.life().at(-1) === "left run1", "the end of the run");
        expect(host.containers()).toEqual([untouched, "api-failed new stopped no"]);
      },
      LIMIT_MS,
    );
  });

  describe("when its host loses power", () => {
    const recovered = ["held me@here", "lapsed the host or its steward went down", "left run1"];
    const begin = async (): Promise<void> => {
      if (host.containers().length === 0) host.occupy();
      await host.hold();
      host.prepare();
      await host.order("drain");
    };
    /** Replaces by a container that never becomes ready, and waits for that. */
    const awaitReady = async (): Promise<void> => {
      host.break(`sick-${host.next.id}`);
      void host.order("replace", OLD_INSTANCE).catch(() => undefined);
      await host.until(() => host.journal().some(({ detail }) => detail === "new-ready"), "the new container");
    };

    it.each([
      ["drained", async () => undefined, []],
      ["stopping the old container", async () => host.hang("replace", OLD_INSTANCE, "stop"), []],
      ["keeping the old container", async () => host.hang("replace", OLD_INSTANCE, "rename"), []],
      ["starting the new one", async () => host.hang("replace", OLD_INSTANCE, "run"), ["api-failed new stopped no"]],
    ])(
      "%s, takes back at the next start and frees the lock",
      async (_name, moment, others) => {
        await begin();
        await moment();
        await host.powerCycle();
        expect(host.containers()).toEqual([untouched, ...others]);
        expect(host.life()).toEqual(recovered);
        await host.hold("run2");
      },
      LIMIT_MS,
    );

    it(
      "waiting for the new one to be ready, takes back at the next start",
      async () => {
        await begin();
        await awaitReady();
        await host.powerCycle();
        expect(host.containers()).toEqual([untouched, "api-failed new stopped no"]);
      },
      LIMIT_MS,
    );

    it(
      "with the new one ready, finishes at the next start: clients were on it",
      async () => {
        await begin();
        await host.order("replace", OLD_INSTANCE);
        await host.powerCycle();
        expect(host.containers()).toEqual(["api new serving always", "api-previous old stopped no"]);
        expect(host.life()).toEqual(recovered);
      },
      LIMIT_MS,
    );

    it(
      "with the new one retreating, takes back at the next start",
      async () => {
        await begin();
        await host.order("replace", OLD_INSTANCE);
        await host.order("retreat");
        await host.powerCycle();
        expect(host.containers()).toEqual([untouched, "api-failed new stopped no"]);
      },
      LIMIT_MS,
    );

    it.each(["stop", "rename", "start", "update"])(
      "in the middle of taking back, in docker %s, goes on with that at the next start",
      async (command) => {
        host.occupy();
        host.keepOneBefore();
        await begin();
        await awaitReady();
        await host.round();
        host.break(`hang-${command}`);
        host.setClock(1120);
        await host.until(() => existsSync(`${host.home}/hangs`), `docker ${command}`);
        host.mend(`hang-${command}`);
        await host.powerCycle();
        expect(host.containers()).toEqual([untouched, "api-failed new stopped no", "api-previous old stopped no"]);
        expect(host.life().at(-1)).toBe("left run1");
      },
      LIMIT_MS,
    );

    it(
      "and its Docker does not come up, keeps it for the start after that",
      async () => {
        await begin();
        host.break("away", "hurry");
        await expect(host.powerCycle()).rejects.toThrow("sh ended with 1");
        host.mend("away");
        host.mend("hurry");
        await host.powerCycle();
        expect(host.containers()).toEqual([untouched]);
      },
      LIMIT_MS,
    );

    it(
      "and a new run comes before the unit, is mended by that run first",
      async () => {
        await begin();
        await host.fail();
        await host.hold("run2");
        expect(host.containers()).toEqual([untouched]);
        expect(host.life()).toEqual(recovered);
        expect(host.life("run2")).toEqual(["held me@here"]);
      },
      LIMIT_MS,
    );

    it(
      "retired for good, stays so",
      async () => {
        host.occupy();
        await host.hold();
        host.prepare({ release: null });
        await host.order("drain");
        await host.order("stop");
        await host.powerCycle();
        expect(host.containers()).toEqual(["api old stopped no"]);
      },
      LIMIT_MS,
    );

    it(
      "once the run has left, changes nothing",
      async () => {
        await begin();
        await host.order("leave");
        await host.until(() => !host.lives(), "the steward to leave");
        const before = host.journal();
        await host.powerCycle();
        expect(host.journal()).toEqual(before);
        expect(host.containers()).toEqual([untouched]);
      },
      LIMIT_MS,
    );
  });

  describe("on a host in a bad state", () => {
    it(
      "takes no lock where the host shows nothing of any process, and says why",
      async () => {
        const tr = `#!/bin/sh\n[ "$1" != '\\000' ] || exit 0\nexec ${installed("tr") ?? "tr"} "$@"\n`;
        writeFileSync(`${host.home}/bin/tr`, tr, { mode: 0o755 });
        host.start("run1");
        await host.until(() => !host.lives("run1"), "the steward to give up");
        expect(host.life("run1")).toEqual([
          "refused nobody: this host does not tell which processes live; it needs /proc, or a ps that knows -o and -p",
        ]);
        expect(host.locks()).toEqual([]);
      },
      LIMIT_MS,
    );

    it(
      "puts nothing in anybody's place where Docker shows more than it reads",
      async () => {
        host.occupy();
        await host.hold();
        host.prepare();
        await host.order("drain");
        const fake = readFileSync(`${host.home}/bin/docker`, "utf8");
        const long = `case $* in *"--type container --format {{.Name}} "* | *State.Running*) yes long | head -c 9000000; exit ;; esac`;
        writeFileSync(`${host.home}/bin/docker`, fake.replace("set -u\n", `set -u\n${long}\n`), { mode: 0o755 });
        const ended = host.order("replace", OLD_INSTANCE);
        await host.round();
        host.break("hurry");
        const told = (await ended).join();
        expect([told.includes("step new-run"), told.length < 10_000]).toEqual([false, true]);
      },
      LIMIT_MS,
    );

    it(
      "still takes back when its output cannot be written",
      async () => {
        host.occupy();
        await host.hold();
        host.prepare();
        await host.order("drain");
        rmSync(host.file("runs/run1/output"));
        mkdirSync(host.file("runs/run1/output"));
        host.break("run");
        expect((await host.order("replace", OLD_INSTANCE)).slice(-2)).toEqual(["undone all", "failed"]);
        expect(host.containers()).toEqual([untouched, "api-failed new stopped no"]);
        expect(host.lives()).toBe(true);
      },
      LIMIT_MS,
    );

    it(
      "outlives an order that is empty and that it may not read, and does not give the last one again",
      async () => {
        host.occupy();
        await host.hold();
        host.prepare();
        await host.order("drain");
        host.calls();
        writeFileSync(host.file("runs/run1/order.2"), "", { mode: 0 });
        await host.until(() => host.journal().some((entry) => entry.sequence === 2), "an answer");
        expect(host.journal().at(-1)).toEqual({ sequence: 2, state: "failed", detail: "unknown order " });
        expect(host.calls()).toEqual([]);
        expect(host.containers()).toEqual(["api old draining no"]);
        expect(host.lives()).toBe(true);
      },
      LIMIT_MS,
    );

    it(
      "outlives the end of the session that started it and the signals of a closed terminal",
      async () => {
        await host.hold();
        for (const signal of ["SIGHUP", "SIGINT", "SIGPIPE"] as const) process.kill(host.pid(), signal);
        await host.round();
        expect(host.life()).toEqual(["held me@here"]);
        expect(host.lives()).toBe(true);
      },
      LIMIT_MS,
    );
  });

  /** As {@link StewardHost.start} does, for a shell that starts several. */
  function startScript(run: string): string {
    const file = `${host.home}/engine.sh`;
    const { script, input } = startSteward("api", { runId: run, owner: "me@here", leaseSeconds: 120 }, engine("api"));
    if (!existsSync(file)) writeFileSync(file, input);
    return `{ ${script} } <'${file}'`;
  }
}
