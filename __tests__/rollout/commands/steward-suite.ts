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
import { installed, StewardHost } from "./steward-host.js";

const LIMIT_MS = 120_000;

const drained = [
  "step failed-clear",
  "step older-clear",
  "step previous-older",
  "step restart-off",
  "step drain",
  "done drain",
];
const replaced = [
  "step expect-space",
  "step expect-drained",
  "step old-stop",
  "step old-keep",
  "step name-free",
  "step new-run",
  "step new-ready",
  "done replace",
];
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
        expect(host.calls()).toEqual([
          "docker update --restart=no api",
          "curl -q -g --path-as-is --noproxy * -sS --max-time 5 -f -o /dev/null -X POST http://127.0.0.1:9000/drain",
        ]);

        expect(await host.order("replace", "i0")).toEqual(replaced);
        expect(host.containers()).toEqual(["api new serving no", "api-previous old stopped no"]);
        expect(host.calls().filter((call) => call.startsWith("docker "))).toEqual([
          "docker stop -t 10 api",
          "docker rename api api-previous",
          line(
            docker.run("api", "current", host.next, {
              serviceAddress: "10.110.0.2",
              servicePort: 80,
              controlPort: 9000,
            }),
          ),
        ]);

        expect(await host.order("commit")).toEqual(["step restart-on", "step older-remove", "done commit"]);
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
      "smoke boots beside the serving container and removes it again",
      async () => {
        host.occupy();
        await host.hold();
        host.prepare();
        expect(await host.smoke()).toEqual([
          "step smoke-clear",
          "step smoke-run",
          "step smoke-ready",
          "step smoke-remove",
          "done smoke",
        ]);
        expect(host.containers()).toEqual([untouched]);
        expect([...new Set(host.calls())]).toEqual([
          expect.stringContaining(" --name api-smoke "),
          "curl -q -g --path-as-is --noproxy * -sS --max-time 5 -o /dev/null -w %{http_code} http://127.0.0.1:9080/health",
          "curl -q -g --path-as-is --noproxy * -sS --max-time 5 -f http://127.0.0.1:9081/lifecycle",
          "docker rm -f api-smoke",
        ]);
      },
      LIMIT_MS,
    );

    it(
      "brings a release onto an empty host",
      async () => {
        await host.hold();
        host.prepare({ standing: "empty" });
        expect(await host.order("replace")).toEqual([
          "step failed-clear",
          "step name-free",
          "step new-run",
          "step new-ready",
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
        expect(await host.order("replace", "i0")).toEqual(replaced);
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
        expect(host.calls()).toEqual([
          "curl -q -g --path-as-is --noproxy * -sS --max-time 5 -f -o /dev/null -X DELETE http://127.0.0.1:9000/drain",
          "docker update --restart=always api",
          "docker start api",
        ]);
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
        expect(host.calls()).toEqual([
          "curl -q -g --path-as-is --noproxy * -sS --max-time 5 -f -o /dev/null -X DELETE http://127.0.0.1:9000/drain",
          "docker update --restart=always api",
          "docker start api",
        ]);
        expect(host.containers()).toEqual([untouched]);
      },
      LIMIT_MS,
    );

    describe("by fixed waits", () => {
      const restart = "docker restart -t 10 api";
      const look = (): string | undefined => host.calls().find((call) => call.startsWith("docker exec api cat"));

      /** Drained as the article does; the balancer needs (2 + 1) x 3 s to let go. */
      const draining = async (): Promise<void> => {
        await host.dispose();
        start(testManifest({ rollout: { gate: "fixed-wait", drainTimeoutSeconds: 30 } }));
        host.occupy();
        await host.hold();
        host.prepare();
        expect(await host.order("drain")).toEqual(drained);
        expect(host.containers()).toEqual(["api old draining no"]);
        expect(host.calls()).toEqual([
          "docker update --restart=no api",
          "curl -q -g --path-as-is --noproxy * -sS --max-time 5 -f -o /dev/null http://10.110.0.2:80/shutdown",
        ]);
      };
      /** Gives the order to undo and waits until the steward waits. */
      const undo = async (): Promise<Promise<string[]>[]> => {
        const undone = host.order("undo");
        await host.until(() => host.calls().some((call) => call.includes("/health")), "a look at the health path");
        return [undone];
      };

      it(
        "a drain is taken back by a restart, once the balancer has let go and the connections have ended",
        async () => {
          await draining();
          writeFileSync(path.join(host.home, "containers/api/connected"), "");
          const [undone] = await undo();
          expect(look()).toBeUndefined();
          host.setClock(1010);
          await host.until(() => look() !== undefined, "a look at the connections");
          expect(host.calls()).not.toContain(restart);
          rmSync(path.join(host.home, "containers/api/connected"));
          expect(await undone).toEqual(["undone all", "done undo"]);
          expect(host.calls().slice(-3)).toEqual([restart, "docker update --restart=always api", "docker start api"]);
          expect(host.containers()).toEqual([untouched]);
        },
        LIMIT_MS,
      );

      it(
        "connections that cannot be counted are waited for as long as the policy says",
        async () => {
          await draining();
          host.break("exec");
          const [undone] = await undo();
          host.setClock(1010);
          await host.until(() => look() !== undefined, "a look at the connections");
          expect(host.calls()).not.toContain(restart);
          host.setClock(1041);
          expect(await undone).toEqual(["undone all", "done undo"]);
          expect(host.calls()).toContain(restart);
        },
        LIMIT_MS,
      );

      it.each([
        ["200", "nothing"],
        ["301", "moved"],
      ])(
        "an app that is healthy again meanwhile, as the balancer sees it, is left alone (%s)",
        async (_answer, fault) => {
          await draining();
          host.break(`${fault}-${host.old.id}`);
          const [undone] = await undo();
          writeFileSync(path.join(host.home, "containers/api/state"), "serving");
          expect(await undone).toEqual(["undone all", "done undo"]);
          expect(host.calls()).not.toContain(restart);
          expect(host.containers()).toEqual([untouched]);
        },
        LIMIT_MS,
      );
    });

    it(
      "leaves a container alone that could not be committed: clients may be on it",
      async () => {
        host.occupy();
        await host.hold();
        host.prepare();
        await host.order("drain");
        await host.order("replace", "i0");
        host.break("update");
        const before = host.containers();
        expect(await host.order("commit")).toEqual(["step restart-on", expect.stringMatching(/^failed .*broken/)]);
        expect(host.containers()).toEqual(before);
        host.mend("update");
        expect(await host.order("retreat")).toEqual(["step retreat", "done retreat"]);
        expect(await host.order("undo")).toEqual(["undone all", "done undo"]);
        expect(host.containers().slice(0, 1)).toEqual(["api old serving always"]);
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
          `GREETING= it's "$HOME" \`id\` # no comment \nEMPTY=\nPORT=80\nCONTROL_PORT=9000\nCONTROL_HOST=0.0.0.0\nHEALTH_PATH=/health\nRELEASE=${host.next.id}\n`,
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
        expect(await host.order("replace", "i0")).toEqual([
          ...replaced.slice(0, 6),
          "undone all",
          "failed Error response from daemon: run is broken",
        ]);
        expect(host.containers()).toEqual([untouched, "api-failed new stopped no"]);
        expect(host.calls().slice(-9)).toEqual([
          expect.stringContaining("docker run "),
          "curl -q -g --path-as-is --noproxy * -sS --max-time 5 -o /dev/null -w %{http_code} http://10.110.0.2:80/health",
          "docker stop -t 10 api",
          "docker rename api api-failed",
          "docker rename api-previous api",
          "docker start api",
          "curl -q -g --path-as-is --noproxy * -sS --max-time 5 -f -o /dev/null -X DELETE http://127.0.0.1:9000/drain",
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
        expect((await host.order("replace", "i0")).slice(-2)).toEqual([
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
        const ended = host.order("replace", "i0");
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

    it(
      "waits for the right release, not for any healthy answer, and drains what the balancer may have taken in",
      async () => {
        await drain();
        // The container of the next release answers with the old one's name, as a wrong image would.
        host.sh(`sed -i.old 's/^release=.*/release=${host.old.id}/' "$HOME/bin/curl"`);
        const ended = host.order("replace", "i0");
        await host.untilAwaited();
        host.setClock(1120);
        await host.until(() => host.containers().includes("api new draining no"), "the drain");
        await host.round();
        expect(host.containers()).toContain("api new draining no");
        host.setClock(1120 + 4 * host.manifest.healthCheck.checkIntervalSeconds);
        expect((await ended).at(-1)).toBe("failed not ready within 120 s (health path answered 200)");
        expect(host.containers()).toEqual([untouched, "api-failed new stopped no"]);
      },
      LIMIT_MS,
    );

    it(
      "drains a new container whose health path is moved: a balancer takes that for healthy; then waits for its requests to end",
      async () => {
        await drain();
        host.break(`moved-${host.next.id}`, "busy");
        writeFileSync(`${host.home}/break/busy`, "2");
        const ended = host.order("replace", "i0");
        await host.untilAwaited();
        host.setClock(1120);
        await host.until(() => host.containers().includes("api new draining no"), "the drain");
        await host.round();
        host.setClock(1140);
        await host.round();
        expect(host.containers()).toContain("api new draining no");
        writeFileSync(`${host.home}/break/busy`, "0");
        expect((await ended).at(-1)).toBe("failed not ready within 120 s (health path answered 301)");
        expect(host.containers()).toEqual([untouched, "api-failed new stopped no"]);
      },
      LIMIT_MS,
    );

    it(
      "does not go on waiting for a new container once another order has come",
      async () => {
        await drain();
        host.break(`sick-${host.next.id}`);
        const ended = host.order("replace", "i0");
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
        host.break(`moved-${host.next.id}`, `drain-${host.next.id}`);
        const ended = host.order("replace", "i0");
        await host.untilAwaited();
        host.setClock(1120);
        expect((await ended).at(-1)).toBe("failed not ready within 120 s (health path answered 301)");
        expect(host.containers()).toEqual([untouched, "api-failed new stopped no"]);
      },
      LIMIT_MS,
    );

    it(
      "leaves the serving container alone when the smoke boot fails, and keeps the failed one for its log",
      async () => {
        host.occupy();
        await host.hold();
        host.prepare();
        host.break(`crash-${host.next.id}`);
        expect((await host.order("smoke")).slice(-2)).toEqual([
          "undone all",
          expect.stringContaining("failed the container ended or restarted"),
        ]);
        expect(host.containers()).toEqual([untouched, "api-failed new stopped no"]);
      },
      LIMIT_MS,
    );

    it(
      "does not pass a smoke boot that was ready once and then ended",
      async () => {
        host.occupy();
        await host.hold();
        host.prepare();
        const ended = host.smoke(() => writeFileSync(`${host.home}/containers/api-smoke/running`, "false"));
        expect((await ended).at(-1)).toMatch(/^failed the container ended or restarted/);
        expect(host.containers()).toEqual([untouched, "api-failed new stopped no"]);
      },
      LIMIT_MS,
    );

    it(
      "takes back the drain when the old container cannot be stopped",
      async () => {
        await drain();
        host.break("stop");
        expect((await host.order("replace", "i0")).slice(-2)).toEqual([
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
        expect((await host.order("replace", "i0")).at(-2)).toMatch(
          /^undone except for previous-older older-clear failed-clear: .*rename is broken/,
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
        expect((await host.order("replace", "i0")).at(-2)).toMatch(
          /^undone except for old-stop .* drain restart-off previous-older .*: .*start is broken/,
        );
        expect(host.containers()).toEqual(["api old stopped no", "api-failed new stopped no"]);
        host.mend("start");
        expect(await host.order("leave")).toEqual(["undone all", "done leave"]);
        expect(host.containers()).toEqual([untouched, "api-failed new stopped no"]);
      },
      LIMIT_MS,
    );

    it(
      "keeps trying to take back a drain while the app answers with an error",
      async () => {
        await drain();
        host.break("undrain");
        const ended = host.order("undo");
        await host.round();
        host.mend("undrain");
        expect(await ended).toEqual(["undone all", "done undo"]);
        expect(host.containers()).toEqual([untouched]);
      },
      LIMIT_MS,
    );

    it(
      "restarts an app that does not take its drain back, once the balancer has let go and its requests have ended",
      async () => {
        const restart = "docker restart -t 10 api";
        await drain();
        host.break("undrain");
        writeFileSync(`${host.home}/break/busy`, "1");
        const undone = host.order("undo");
        await host.round();
        host.setClock(1000 + host.manifest.rollout.readyTimeoutSeconds);
        await host.until(() => host.calls().some((call) => call.endsWith("/lifecycle")), "a look at its requests");
        await host.round();
        expect(host.calls()).not.toContain(restart);
        host.mend("busy");
        expect(await undone).toEqual(["undone all", "done undo"]);
        expect(host.calls()).toContain(restart);
        expect(host.containers()).toEqual([untouched]);
      },
      LIMIT_MS,
    );

    it.each([
      ["200", []],
      ["301, which a balancer takes for healthy as well", ["moved"]],
    ])(
      "leaves an app alone that knows no drain, and whose health path answers %s",
      async (_answer, faults) => {
        host.occupy();
        await host.hold();
        host.prepare();
        host.break("undrain", ...["drain", ...faults].map((fault) => `${fault}-${host.old.id}`));
        expect((await host.order("drain")).slice(-2)).toEqual(["undone all", expect.stringMatching(/^failed .*404/)]);
        expect(host.calls().filter((call) => call.startsWith("docker restart"))).toEqual([]);
        expect(host.containers()).toEqual([untouched]);
      },
      LIMIT_MS,
    );

    it(
      "refuses to replace another process than the one that was drained",
      async () => {
        await drain();
        expect(await host.order("replace", "i7")).toEqual([
          "step expect-space",
          "step expect-drained",
          "undone all",
          'failed the process changed while it was drained: "i0" "draining"',
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
        expect(await host.order("replace", "i0")).toEqual([
          "step expect-space",
          "undone all",
          expect.stringMatching(/^failed only 49 MB of disk are free, below 50 MB/),
        ]);
        expect(host.containers()).toEqual([untouched]);
        await host.order("drain");
        host.leaveDiskFree(50);
        expect(await host.order("replace", "i0")).toEqual(replaced);
      },
      LIMIT_MS,
    );

    it.each([
      ["an instance that only begins with the same letters", "i"],
      ["a pattern", "*"],
      ["no instance at all", ""],
    ])(
      "refuses to replace when it is given %s",
      async (_name, argument) => {
        await drain();
        expect((await host.order("replace", argument)).at(-1)).toMatch(/^failed the process changed/);
        expect(host.containers()).toEqual([untouched]);
      },
      LIMIT_MS,
    );

    it(
      "refuses to replace a process that is no longer draining",
      async () => {
        await drain();
        writeFileSync(`${host.home}/containers/api/state`, "serving");
        expect((await host.order("replace", "i0")).at(-1)).toMatch(/^failed the process is no longer draining/);
        expect(host.containers()).toEqual([untouched]);
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
        await host.order("replace", "i0");
        expect(host.containers()).toEqual([untouched, "api-failed new stopped no", "api-previous old stopped no"]);
      },
      LIMIT_MS,
    );

    it(
      "waits for a Docker that is away, and takes back all the same",
      async () => {
        await drain();
        await host.hang("replace", "i0", "stop");
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
            "drain",
            "restart-off",
            "previous-older",
            "older-clear",
            "failed-clear",
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
        await host.order("replace", "i0");
        host.mend("run");
        await host.order("drain");
        expect(await host.order("replace", "i1")).toEqual(replaced);
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
        expect(before).toMatchObject({ docker: "24.0.7", health: 200, releases: [], retired: false });
        expect(before.lifecycle).toMatchObject({ instance: "i0", release: host.old.id, state: "serving" });
        expect(before.containers).toEqual({
          current: container({ id: "id-api", image: host.old.image, release: host.old.id }),
        });

        await host.hold();
        host.prepare();
        host.give(writeFile("api", `releases/${host.next.id}.json`, `${JSON.stringify(host.next)}\n`));
        await host.order("drain");
        await host.order("replace", "i0");
        expect(survey()).toMatchObject({
          health: 200,
          releases: [host.next],
          lifecycle: { release: host.next.id },
          containers: { current: { release: host.next.id }, previous: { release: host.old.id, running: false } },
        });
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
          lifecycle: { instance: "i0", state: "draining" },
          health: null,
          connections: null,
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
        await host.order("replace", "i0");
        await host.silence(lease);
        expect(host.life()).toEqual(lapsed);
        expect(host.containers()).toEqual(["api new serving always", "api-previous old stopped no"]);
      },
      LIMIT_MS,
    );

    it(
      "changes nothing when nothing was begun, or all was committed",
      async () => {
        host.occupy();
        await host.hold("run1", lease);
        host.prepare();
        await host.smoke();
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
        void host.order(order, "i0").catch(() => undefined);
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
        await host.order("replace", "i0");
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
      void host.order("replace", "i0").catch(() => undefined);
      await host.until(() => host.journal().some(({ detail }) => detail === "new-ready"), "the new container");
    };

    it.each([
      ["drained", async () => undefined, []],
      ["stopping the old container", async () => host.hang("replace", "i0", "stop"), []],
      ["keeping the old container", async () => host.hang("replace", "i0", "rename"), []],
      ["starting the new one", async () => host.hang("replace", "i0", "run"), ["api-failed new stopped no"]],
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
        await host.order("replace", "i0");
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
        await host.order("replace", "i0");
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
      "takes an app that says of itself without end what is hoped for as one that says nothing, and replaces nothing",
      async () => {
        host.occupy();
        await host.hold();
        host.prepare();
        await host.order("drain");
        host.break("endless");
        expect((await host.order("replace", "i0")).slice(-2)).toEqual([
          "undone all",
          "failed the process changed while it was drained:",
        ]);
        expect(host.containers()).toEqual([untouched]);
      },
      LIMIT_MS,
    );

    it(
      "puts nothing in the place of a container of which Docker shows more than it reads",
      async () => {
        host.occupy();
        await host.hold();
        host.prepare();
        await host.order("drain");
        const fake = readFileSync(`${host.home}/bin/docker`, "utf8");
        const long = `case "$1 $*" in inspect*State.Running}}' '*) yes long | head -c 9000000; exit ;; esac`;
        writeFileSync(`${host.home}/bin/docker`, fake.replace("set -u\n", `set -u\n${long}\n`), { mode: 0o755 });
        const ended = host.order("replace", "i0");
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
        expect((await host.order("replace", "i0")).slice(-2)).toEqual(["undone all", "failed"]);
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
