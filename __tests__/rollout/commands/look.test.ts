import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { parseJournal } from "../../../contract/host.js";
import * as docker from "../../../scripts/rollout/commands/docker.js";
import * as look from "../../../scripts/rollout/commands/look.js";
import { framed, LOGIN_COMMAND, newFrame, Parts, readAnswer } from "../../../scripts/rollout/commands/frame.js";
import { countConnections, placeOf } from "../../../scripts/rollout/commands/steward.js";
import { RolloutError } from "../../../scripts/rollout/core/errors.js";
import type { Observation, Survey } from "../../../scripts/rollout/ports.js";
import { testImage, testManifest, testRelease } from "../../support/fleet.js";
import { forgedContainer, forgedJournal, forgedLifecycle } from "../../support/forged.js";
import { probed, says } from "../support.js";

const manifest = testManifest();
const release = testRelease(manifest, 1);
const lifecycle = says({ release: release.id, probes: [probed("10.110.0.9", { passed: 4, agoMs: 812.4 })] });

/** What a host printed, as it is read from the connection. */
const printed = (parts: Readonly<Record<string, string>>): Parts =>
  new Parts("api-1", new Map(Object.entries(parts).map(([name, text]) => [name, Buffer.from(text)])));

/** One container as Docker shows it. */
const shown = (changes: Readonly<Record<string, unknown>> = {}): string => {
  const container = {
    ...{ name: "/api", id: "4be1", image: testImage(1), release: release.id, running: true, restarting: false },
    ...{ restarts: 0, exitCode: 0, status: "running", finishedAt: "0001-01-01T00:00:00Z" },
    ...changes,
  };
  return `${JSON.stringify(Object.values(container))}\n`;
};
const ended = { running: false, status: "exited", finishedAt: "2026-01-02T03:04:05.123456789Z" };
/** Seconds since 1970 of a moment, and the host's uptime. */
const clock = (moment: string, upSeconds: number): string => `${Date.parse(moment) / 1000}\n${upSeconds}.00 12.34\n`;
const booted = {
  boot: "status: done\n",
  tools: "",
  architecture: "x86_64\n",
  docker: "24.0.7\n",
  path: "",
  clock: clock("2026-01-02T03:10:00Z", 3600),
  disk: "15873\n",
  memory: "734\n",
  containers: shown(),
  lifecycle: JSON.stringify(lifecycle),
  health: "200",
  connections: "",
  control: "",
  next: "",
  releases: `${JSON.stringify(release)}\n`,
  history: "",
  retired: "",
  run: "",
};
const survey = (changes: Partial<typeof booted> = {}): Survey =>
  look.parseSurvey(printed({ ...booted, ...changes }), "api");

describe("a survey", () => {
  it("reads a host that serves", () =>
    expect(survey()).toEqual({
      boot: "done",
      missing: [],
      architecture: "x86_64",
      docker: "24.0.7",
      dockerNotIn: null,
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
          endedBeforeBoot: false,
        },
      },
      lifecycle,
      health: 200,
      healthError: null,
      connections: null,
      controlTaken: false,
      nextTaken: false,
      releases: [release],
      history: null,
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
      containers: [
        shown(),
        shown({ ...ended, name: "/api-previous", image: "api:v1", release: null, exitCode: 143 }),
        shown({ name: "/api-failed", release: "", running: false, restarting: true, restarts: 7, exitCode: 1 }),
        shown({ name: "/api-pre-deploy", running: false, status: "created" }),
      ].join(""),
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
    expect(containers["pre-deploy"]).toMatchObject({
      created: true,
      running: false,
      exitCode: 0,
      endedBeforeBoot: false,
    });
  });

  it.each(["a|true|false", "a\nb", 'a",true,false,0,0,"running"]\n["/api-failed'])(
    "reads a label of %j for what it is, and no field or container out of it",
    (label) =>
      expect(survey({ containers: shown({ ...ended, release: label }) }).containers).toEqual({
        current: expect.objectContaining({ release: label, running: false, endedBeforeBoot: false }) as unknown,
      }),
  );

  it("refuses what Docker shows of no container", () =>
    expect(() => survey({ containers: "/api|4be1|true\n" })).toThrow(
      "api-1: the host's answer cannot be read: Docker",
    ));

  it.each([
    ["an hour after the host booted", clock("2026-01-02T04:04:10Z", 7200), false],
    ["seconds before the host booted", clock("2026-01-02T03:05:05Z", 30), true],
    ["long before the host booted, which was off meanwhile", clock("2026-01-05T03:05:05Z", 30), true],
    ["on a host that does not tell how long it has been up", "1767323405\n", false],
    ["on a host that tells nothing", "", false],
  ])("sees by the host's own clock that a command ended %s", (_when, told, before) => {
    const containers = shown({ ...ended, name: "/api-pre-deploy" });
    expect(survey({ containers, clock: told }).containers["pre-deploy"]?.endedBeforeBoot).toBe(before);
  });

  it("tells the PATH that was searched where docker is not in it", () => {
    const search = (folder: string): string =>
      execFileSync("/bin/sh", ["-c", docker.SEARCHED_IN_VAIN], { env: { PATH: folder }, encoding: "utf8" });
    const folder = mkdtempSync(path.join(tmpdir(), "evenkeel-look-"));
    try {
      expect(survey({ docker: "", path: search(folder) })).toMatchObject({ docker: null, dockerNotIn: folder });
      writeFileSync(path.join(folder, "docker"), "#!/bin/sh\n", { mode: 0o755 });
      expect(search(folder)).toBe("");
    } finally {
      rmSync(folder, { recursive: true });
    }
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

  it("keeps what curl says where the health path has no answer", () => {
    const refused = "curl: (7) Failed to connect to 10.110.0.2 port 80";
    expect(survey({ health: `000\n${refused}` })).toMatchObject({ health: null, healthError: refused });
    expect(survey({ health: "503" })).toMatchObject({ health: 503, healthError: null });
  });

  it.each([
    ["", false],
    ["000\ncurl: (7) Failed to connect to 127.0.0.1 port 9000", false],
    ["404\n", true],
    ["000\ncurl: (52) Empty reply from server", true],
    ["000\ncurl: (1) Received HTTP/0.9 when not allowed", true],
  ])("takes %j for whether somebody has a port beside the service port", (text, taken) =>
    expect(survey({ control: text, next: text })).toMatchObject({ controlTaken: taken, nextTaken: taken }),
  );

  it("counts connections where the health path does not answer 200, and does not guess where nobody can count them", () => {
    expect(survey({ health: "000", connections: "3\n" }).connections).toBe(3);
    expect(survey({ health: "000", connections: "" }).connections).toBeNull();
  });

  it("fails without one of its parts, naming the host and the part", () => {
    const others = Object.entries(booted).filter(([name]) => name !== "health");
    expect(() => look.parseSurvey(printed(Object.fromEntries(others)), "api")).toThrow(
      'api-1: the host\'s answer cannot be read: it has no part "health"',
    );
    expect(() => look.parseSurvey(printed({}), "api")).toThrow('it has no part "tools"');
  });

  it.each(["", "many", "1e9", "-1"])("fails with an expected error when %j megabytes are free", (disk) => {
    const read = (): Survey => survey({ disk });
    expect(read).toThrow(RolloutError);
    expect(read).toThrow(`"disk" is not a number of megabytes: ${JSON.stringify(disk)}`);
  });

  it("takes an answer of the app that is longer than 64 KB for none, and reads one that is not", () => {
    const text = JSON.stringify(lifecycle);
    expect(survey({ lifecycle: text + " ".repeat(65_536 - text.length) }).lifecycle).toEqual(lifecycle);
    expect(survey({ lifecycle: text + " ".repeat(65_537 - text.length) }).lifecycle).toBeNull();
  });

  it("fails when there is more of what lies on the host than it reads", () =>
    expect(() => survey({ releases: " ".repeat(1_000_001) })).toThrow('"releases" is longer than 1000000 bytes'));
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

  it("fails without its end", () =>
    expect(() => look.parseObservation(printed({ journal: "0\theld\tme\n" }))).toThrow('it has no part "end"'));

  it.each(["1\tst2\tdone\tdrain\n", "\0\0\0\0\n", "garbage\n"])(
    "fails with an expected error that names the host when the journal has the line %j",
    (line) => {
      const read = (): Observation => seen({ journal: `0\theld\tme\n${line}2\tdone\tdrain\n` });
      expect(read).toThrow(RolloutError);
      expect(read).toThrow(/^api-1: the host's answer cannot be read: journal line is not of the form/);
    },
  );

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

  it("is the steward first and its journal then: one that ends in between has written all that is read", () => {
    const home = mkdtempSync(path.join(tmpdir(), "evenkeel-look-"));
    const run = path.join(home, ".evenkeel/api/runs/run1");
    mkdirSync(run, { recursive: true });
    writeFileSync(path.join(run, "journal"), "0\theld\tme\n");
    // It ends while somebody asks whether it is there.
    const ending = `printf '1\\tdone\\tleave\\n0\\tleft\\trun1\\n' >>"${run}/journal"`;
    const { PATH = "" } = process.env;
    const head = `#!/bin/sh\ncase $* in *" pid") ${ending} ;; esac\nPATH='${PATH}' exec head "$@"\n`;
    writeFileSync(path.join(home, "head"), head, { mode: 0o755 });
    const env = { HOME: home, PATH: `${home}:${PATH}` };
    const frame = newFrame();
    const input = framed(look.observe(fixed, "run1", 1), frame);
    const answer = readAnswer(execFileSync("/bin/sh", ["-c", LOGIN_COMMAND], { env, input }), frame, "api-1");
    rmSync(home, { recursive: true });
    const { stewardAlive, journal } = look.parseObservation(answer?.parts as Parts);
    expect([stewardAlive, journal.map(({ state }) => state)]).toEqual([false, ["held", "done", "left"]]);
  });

  it("is the next port where there is to be one, at the address that the balancer asks", () => {
    const [host] = manifest.hosts;
    const moving = { ...manifest, service: { ...manifest.service, nextPort: 8080 } };
    const next = "http://10.110.0.2:8080/health";
    expect([place, placeOf(moving, host as never)].map((one) => look.survey(one).includes(next))).toEqual([
      false,
      true,
    ]);
  });

  it("is the control port and not the health path while evidence counts", () => {
    expect(look.observe(place, "run1", 7)).toContain(
      "{\ncurl -q -g --path-as-is --noproxy '*' -sS -f --max-time 2 http://127.0.0.1:9000/lifecycle 2>/dev/null || :\n} | head -c 65537",
    );
    expect(look.observe(place, "run1", 7)).not.toContain("/health");
  });

  it("is the health path and the connections with fixed waits", () => {
    const script = look.observe({ ...fixed, servicePort: 8080 }, "run1", 7);
    expect(script).not.toContain("/lifecycle");
    expect(script).toContain(
      "curl -q -g --path-as-is --noproxy '*' -sS --max-time 2 -o /dev/null -w '%{http_code}\\n' http://10.110.0.2:8080/health 2>&1 || :",
    );
    expect(script).toContain(
      `port=$(sed -n 's/^PORT=//p' "$HOME/.evenkeel/api/releases/$(docker inspect --type container --format '{{index .Config.Labels "evenkeel.release"}}' api 2>/dev/null | head -c 4096).env" 2>/dev/null)
{ docker exec api cat /proc/net/tcp /proc/net/tcp6 2>/dev/null && echo whole; } | head -c 33554432 | awk`,
    );
  });

  it("for the guard is what the private address answers, and who holds the host", () => {
    const targets = [
      { path: "/health", port: 80 },
      { path: "/it's", port: 8080 },
    ];
    const script = look.answers("api", "10.110.0.2", targets);
    expect(script).toContain("'%{http_code}\\n' http://10.110.0.2:80/health 2>&1 || :");
    expect(script).toContain(`'%{http_code}\\n' 'http://10.110.0.2:8080/it'\\''s' 2>&1 || :`);
    expect(execFileSync("/bin/sh", ["-n", "-c", script], { encoding: "utf8" })).toBe("");
    const told = (run: string, first = "200") =>
      look.parseAnswers(printed({ "target-0": first, "target-1": "000", run }), 2);
    expect(told("held by 9dc3:me@here\n1\tstep\tdrain\n")).toEqual({ statuses: [200, null], heldBy: "9dc3:me@here" });
    expect(told("left unfinished by 9dc3:me@here\n", "404")).toEqual({ statuses: [404, null], heldBy: null });
    expect(() => look.parseAnswers(printed({}), 2)).toThrow("cannot be read");
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

describe("what a hostile app forges", () => {
  const next = testRelease(manifest, 2);

  it("would pass for the next release if it came as parts of a survey", () => {
    const { containers, lifecycle: said } = survey({
      containers: `${forgedContainer(next.image, next.id)}\n`,
      lifecycle: forgedLifecycle(next.id),
    });
    expect(containers.current).toMatchObject({ image: next.image, release: next.id, running: true });
    expect(said).toMatchObject({ release: next.id, state: "serving" });
  });

  it("would pass for a replacement that is done if it came as a journal", () =>
    expect(parseJournal(forgedJournal())).toContainEqual({ sequence: 4, state: "done", detail: "replace" }));
});
