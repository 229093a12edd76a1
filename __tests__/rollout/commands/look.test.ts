import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { parseJournal } from "../../../contract/host.js";
import * as look from "../../../scripts/rollout/commands/look.js";
import { countConnections, placeOf } from "../../../scripts/rollout/commands/steward.js";
import type { Observation, Survey } from "../../../scripts/rollout/ports.js";
import { testImage, testManifest, testRelease } from "../../support/fleet.js";
import { probed, says } from "../support.js";

const manifest = testManifest();
const release = testRelease(manifest, 1);
const lifecycle = says({ release: release.id, probes: [probed("10.110.0.9", { passed: 4, agoMs: 812.4 })] });

/** Sections as a host prints them, each with the empty line before it. */
const printed = (parts: Readonly<Record<string, string>>): string =>
  Object.entries(parts)
    .map(([name, text]) => `\n@@${name}\n${text}`)
    .join("");

const row = `/api|4be1|${testImage(1)}|${release.id}|true|false|0|0|running\n`;
const booted = {
  boot: "status: done\n",
  architecture: "x86_64\n",
  docker: "24.0.7\n",
  disk: "15873\n",
  memory: "734\n",
  containers: row,
  lifecycle: JSON.stringify(lifecycle),
  health: "200",
  releases: `${JSON.stringify(release)}\n`,
  retired: "",
  run: "",
};
const survey = (changes: Partial<typeof booted> = {}): Survey =>
  look.parseSurvey(printed({ ...booted, ...changes }), "api");

describe("a survey", () => {
  it("reads a host that serves", () =>
    expect(survey()).toEqual({
      boot: "done",
      architecture: "x86_64",
      docker: "24.0.7",
      freeDiskMb: 15873,
      freeMemoryMb: 734,
      containers: {
        current: {
          id: "4be1",
          image: testImage(1),
          release: release.id,
          created: false,
          running: true,
          restarting: false,
          restartCount: 0,
          exitCode: 0,
        },
      },
      lifecycle,
      health: 200,
      releases: [release],
      retired: false,
      run: null,
    }));

  it("reads who has it in hand, and what was done last", () =>
    expect(survey({ run: "held by 9dc3784f7b:me@here, since then\n2\tstep\told-stop\n" }).run).toEqual({
      holder: "held by 9dc3784f7b:me@here, since then",
      last: "step old-stop",
    }));

  it("reads a new droplet without Docker", () =>
    expect(survey({ docker: "", containers: "", lifecycle: "", health: "000", releases: "" })).toMatchObject({
      docker: null,
      containers: {},
      lifecycle: null,
      health: null,
      releases: [],
    }));

  it.each([
    ["status: done", "done"],
    ["status: disabled", "done"],
    ["status: running", "running"],
    ["status: not run", "running"],
    ["", "running"],
    ["status: error", "failed"],
    ["status: degraded done", "failed"],
  ])("takes cloud-init's %j for %s", (boot, expected) => expect(survey({ boot }).boot).toBe(expected));

  it("reads containers in every slot, one that crashed and one that was never started among them", () => {
    const { containers } = survey({
      containers: `${row}/api-previous|aa|api:v1|<no value>|false|false|0|143|exited\n/api-failed|bb|${testImage(2)}||false|true|7|1|restarting\n/api-pre-deploy|cc|${testImage(2)}|${release.id}|false|false|0|0|created\n`,
    });
    expect(Object.keys(containers)).toEqual(["current", "previous", "failed", "pre-deploy"]);
    expect(containers.previous).toMatchObject({
      image: "api:v1",
      release: null,
      created: false,
      running: false,
      exitCode: 143,
    });
    expect(containers.failed).toMatchObject({ release: null, restarting: true, restartCount: 7, exitCode: 1 });
    expect(containers["pre-deploy"]).toMatchObject({ created: true, running: false, exitCode: 0 });
  });

  it("leaves out the empty line that Docker prints where there is none", () =>
    expect(survey({ containers: "\n" }).containers).toEqual({}));

  it("reads a host that was taken out of the fleet", () => expect(survey({ retired: "yes\n" }).retired).toBe(true));

  it("is not held back by a host that does not tell its memory", () =>
    expect(survey({ memory: "" }).freeMemoryMb).toBe(Number.MAX_SAFE_INTEGER));

  it("leaves out release files of another form", () =>
    expect(survey({ releases: `${JSON.stringify(release)}\n{"id":"old"}\nhalf a fi` }).releases).toEqual([release]));

  it.each([
    ["a page", "<html><body>It works!</body></html>"],
    ["other JSON", '{"status":"ok"}'],
    ["a list", "[]"],
    ["a lifecycle of another version", JSON.stringify({ ...lifecycle, inFlight: "none" })],
    ["half an answer", JSON.stringify(lifecycle).slice(0, 80)],
  ])("takes %s on the control port for no answer", (_name, text) =>
    expect(survey({ lifecycle: text }).lifecycle).toBeNull(),
  );

  it.each(["", "000", "curl: (7) Failed", "20", "2000", "600"])("takes %j for no answer of the health path", (text) =>
    expect(survey({ health: text }).health).toBeNull(),
  );

  it("fails when the answer was cut off, naming the first part that is missing", () => {
    const whole = printed(booted);
    expect(() => look.parseSurvey(whole.slice(0, whole.indexOf("\n@@health")), "api")).toThrow(
      'the host\'s answer has no section "health"',
    );
    expect(() => look.parseSurvey("", "api")).toThrow('the host\'s answer has no section "boot"');
  });
});

describe("an observation", () => {
  const seen = (changes: Readonly<Record<string, string>> = {}): Observation =>
    look.parseObservation(
      printed({
        journal: "0\theld\tme@here\n1\tstep\tdrain\n1\tdone\tdrain\n",
        end: "alive\n",
        lifecycle: JSON.stringify(lifecycle),
        health: "",
        connections: "",
        ...changes,
      }),
    );

  it("reads the journal and the app", () =>
    expect(seen()).toEqual({
      journal: [
        { sequence: 0, state: "held", detail: "me@here" },
        { sequence: 1, state: "step", detail: "drain" },
        { sequence: 1, state: "done", detail: "drain" },
      ],
      stewardAlive: true,
      lifecycle,
      health: null,
      connections: null,
    }));

  it("reads a steward that is gone", () => expect(seen({ end: "gone\n" }).stewardAlive).toBe(false));

  it("takes a steward that was not asked for gone", () =>
    expect(look.parseObservation("\n@@journal\n0\theld\tme\n").stewardAlive).toBe(false));

  it("reads health and connections in fixed-wait mode", () =>
    expect(seen({ lifecycle: "", health: "503", connections: "0\n" })).toMatchObject({
      lifecycle: null,
      health: 503,
      connections: 0,
    }));

  it("reads an empty journal", () => expect(seen({ journal: "" }).journal).toEqual([]));

  it("leaves out a line that is still being written", () =>
    expect(seen({ journal: "0\theld\tme\n1\tst" }).journal).toEqual([{ sequence: 0, state: "held", detail: "me" }]));

  it("keeps a failure without a reason", () =>
    expect(seen({ journal: "0\theld\tme\n3\tfailed\t\n" }).journal[1]).toEqual({
      sequence: 3,
      state: "failed",
      detail: "",
    }));
});

describe("a journal", () => {
  it("keeps tabs within a detail as blanks", () =>
    expect(parseJournal("2\tfailed\tone\ttwo\n")).toEqual([{ sequence: 2, state: "failed", detail: "one two" }]));

  it("is empty without a whole line", () => {
    expect(parseJournal("")).toEqual([]);
    expect(parseJournal("0\the")).toEqual([]);
  });

  it.each(["x\theld\tme\n", "-1\theld\tme\n", "1\tdancing\tme\n", "\n", "no tabs\n"])("refuses %j", (text) =>
    expect(() => parseJournal(text)).toThrow("journal line is not of the form <sequence> <state> <detail>"),
  );
});

describe("what is asked of a host", () => {
  const place = placeOf(manifest, manifest.hosts[0] as never);
  const fixed = { ...place, gate: "fixed-wait" as const };

  it("is cloud-init until it is known to be done", () => {
    expect(look.survey(place)).toContain("cloud-init status");
    expect(look.survey(place, true)).not.toContain("cloud-init");
    expect(look.survey(place, true)).toContain("echo 'status: done'");
  });

  it("is the control port and not the health path while evidence counts", () => {
    expect(look.observe(place, "run1", 7)).toContain("curl -sf --max-time 2 http://127.0.0.1:9000/lifecycle || :");
    expect(look.observe(place, "run1", 7)).not.toContain("/health");
  });

  it("is the health path and the connections with fixed waits", () => {
    const script = look.observe({ ...fixed, servicePort: 8080 }, "run1", 7);
    expect(script).not.toContain("/lifecycle");
    expect(script).toContain("curl -s --max-time 2 -o /dev/null -w '%{http_code}' http://10.110.0.2:8080/health || :");
    expect(script).toContain(
      `if table=$(docker exec api cat /proc/net/tcp /proc/net/tcp6 2>/dev/null); then
  port=$(sed -n 's/^PORT=//p' "$HOME/.evenkeel/api/releases/$(docker inspect --type container --format '{{index .Config.Labels "evenkeel.release"}}' api 2>/dev/null).env" 2>/dev/null)
`,
    );
  });

  it("for the guard is what the private address answers, and who holds the host", () => {
    const targets = [
      { path: "/health", port: 80 },
      { path: "/it's", port: 8080 },
    ];
    const script = look.answers("api", "10.110.0.2", targets);
    expect(script).toContain("'%{http_code}' http://10.110.0.2:80/health || :");
    expect(script).toContain(`'%{http_code}' 'http://10.110.0.2:8080/it'\\''s' || :`);
    expect(execFileSync("/bin/sh", ["-n", "-c", script], { encoding: "utf8" })).toBe("");
    const told = (run: string, first = "200") =>
      look.parseAnswers(printed({ "target-0": first, "target-1": "000", run }), 2);
    expect(told("held by 9dc3:me@here\n1\tstep\tdrain\n")).toEqual({ statuses: [200, null], heldBy: "9dc3:me@here" });
    expect(told("left unfinished by 9dc3:me@here\n", "404")).toEqual({ statuses: [404, null], heldBy: null });
    expect(look.parseAnswers("", 2)).toEqual({ statuses: [null, null], heldBy: null });
  });

  describe("counts connections on the port", () => {
    let home: string;
    beforeEach(() => {
      home = mkdtempSync(path.join(tmpdir(), "evenkeel-look-"));
      mkdirSync(path.join(home, ".evenkeel/api/releases"), { recursive: true });
      const rows = ["0050 00000000:0000 0A", "0050 0100007F:D431 01", "0050 0100007F:D432 01", "1F90 0100007F:D433 01"];
      const table = rows.map((row, index) => `   ${index}: 02006E0A:${row}`).join("\n");
      const docker = `#!/bin/sh\ncase $1 in exec) echo '${table}' ;; inspect) echo r1 ;; esac\n`;
      writeFileSync(path.join(home, "docker"), docker, { mode: 0o755 });
    });
    afterEach(() => rmSync(home, { recursive: true }));
    const count = (): string =>
      execFileSync("/bin/sh", ["-c", countConnections({ ...fixed, containerPort: 8080 })], {
        env: { HOME: home, PATH: `${home}:${process.env["PATH"] ?? ""}` },
        encoding: "utf8",
      });

    it("of the container's own release, when the balancer's is another one by now", () => {
      writeFileSync(path.join(home, ".evenkeel/api/releases/r1.env"), "PORTAL=1\nPORT=80\n");
      expect(count()).toBe("2\n");
    });

    it("that the manifest names, for a release that nobody knows", () => {
      expect(count()).toBe("1\n");
    });
  });
});
