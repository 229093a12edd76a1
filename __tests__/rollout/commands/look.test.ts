import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { parseJournal, type Traffic } from "../../../contract/host.js";
import * as docker from "../../../scripts/rollout/commands/docker.js";
import * as look from "../../../scripts/rollout/commands/look.js";
import { framed, LOGIN_COMMAND, newFrame, Parts, readAnswer } from "../../../scripts/rollout/commands/frame.js";
import { countConnections, frontFunctions, placeOf, type Place } from "../../../scripts/rollout/commands/steward.js";
import { RolloutError } from "../../../scripts/rollout/core/errors.js";
import type { Observation, Survey } from "../../../scripts/rollout/ports.js";
import { testImage, testManifest, testRelease } from "../../support/fleet.js";
import { forgedContainer, forgedJournal, forgedTraffic } from "../../support/forged.js";

const manifest = testManifest();
const release = testRelease(manifest, 1);
/** What a host tells of its container and of who came there. */
const told = {
  container: "container 4be1 true 4242 172.31.255.242",
  open: "open 2",
  led: "led 172.31.255.242 80 open 10.110.0.20 80 8086",
  probed: "probed 8086 10.110.0.9 passed 4 9812 812",
  opened: "opened 80 12 40",
  whole: "whole",
};
const rows = (changes: Partial<typeof told> = {}): string =>
  Object.values({ ...told, ...changes })
    .filter((row) => row !== "")
    .map((row) => `${row}\n`)
    .join("");
/** The same as it is read. */
const traffic: Traffic = {
  instance: "4be1:4242",
  target: "172.31.255.242",
  state: "serving",
  open: 2,
  probes: [{ port: 8086, node: "10.110.0.9", outcome: "passed", count: 4, oldestMs: 9812, newestMs: 812 }],
  requests: 12,
  lastRequestAgoMs: 40,
};

/** What a host printed, as it is read from the connection. */
const printed = (parts: Readonly<Record<string, string>>): Parts =>
  new Parts("api-1", new Map(Object.entries(parts).map(([name, text]) => [name, Buffer.from(text)])));

/** What the helper tells, as it is read. */
const evidenceOf = (...rows: readonly string[]) =>
  look.parseEvidence(printed({ evidence: rows.map((row) => `${row}\n`).join("") }));

describe("what the kernel saw", () => {
  const node = { node: "10.110.0.9", count: 7, oldestMs: 60_123, newestMs: 812 };

  it("is read word by word", () =>
    expect(
      evidenceOf(
        ...["asked 8086 10.110.0.9 7 60123 812", "refused 8086 10.110.0.9 7 60123 812"],
        ...["answered 8086 10.110.0.9 172.31.255.242 80 7 60123 812", "opened 80 12 40", "whole"],
      ),
    ).toEqual({
      asked: [{ port: 8086, ...node }],
      refused: [{ port: 8086, ...node }],
      answered: [{ port: 8086, ...node, target: "172.31.255.242", targetPort: 80 }],
      opened: [{ port: 80, count: 12, newestMs: 40 }],
    }));

  it("may be nothing", () => expect(evidenceOf("whole")).toEqual({ asked: [], refused: [], answered: [], opened: [] }));

  it.each([
    ["the helper failed", []],
    ["the helper failed on its way", ["opened 80 12 40"]],
    ["a line is of an unknown kind", ["lost 80 12 40", "whole"]],
    ["a line is short", ["asked 8086 10.110.0.9 7", "whole"]],
    ["a node has no address", ["asked 8086 somebody 7 60123 812", "whole"]],
    ["an age is none", ["opened 80 12 soon", "whole"]],
    [
      "it is longer than anybody reads",
      [...Array.from({ length: 5000 }, () => "asked 8086 10.110.0.9 7 60123 812"), "whole"],
    ],
  ])("is unknown where %s", (_, rows) => expect(evidenceOf(...rows)).toBeNull());
});

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
  used: "161\n",
  containers: shown(),
  traffic: rows(),
  health: "200",
  connections: "",
  front: "api 10.110.0.2 80 8086,8087 172.31.255.242 80 open\n",
  fits: "",
  ports: "",
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
      dockerAnswers: true,
      dockerNotIn: null,
      freeDiskMb: 15873,
      freeMemoryMb: 734,
      usedMemoryMb: 161,
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
      front: { services: [80], checks: [8086, 8087], target: "172.31.255.242", port: 80, state: "open" },
      frontRefuses: null,
      traffic,
      health: 200,
      healthError: null,
      connections: null,
      answered: [],
      releases: [release],
      history: null,
      retired: false,
      run: null,
    }));

  it.each([
    [
      "the helper's word",
      "evenkeel-front: another front has this port: web 80\n",
      "another front has this port: web 80",
    ],
    ["no word of sudo's", "sudo: a password is required\n", null],
  ])("reads why the front would refuse its ports: %s", (_, fits, why) =>
    expect(survey({ fits }).frontRefuses).toBe(why),
  );

  it("reads who has it in hand, and what was done last", () =>
    expect(survey({ run: "held by 9dc3784f7b:me@here, since then\n2\tstep\told-stop\n" }).run).toEqual({
      holder: "held by 9dc3784f7b:me@here, since then",
      last: "step old-stop",
    }));

  it("reads a new droplet without Docker", () =>
    expect(survey({ docker: "", containers: "", traffic: "", health: "000", releases: "" })).toMatchObject({
      dockerAnswers: false,
      containers: {},
      traffic: null,
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
      expect(survey({ docker: "", path: search(folder) })).toMatchObject({ dockerAnswers: false, dockerNotIn: folder });
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
    ["000\ncurl: (7) Failed to connect to 10.110.0.2 port 8086", false],
    ["404\n", true],
    ["000\ncurl: (52) Empty reply from server", true],
    ["000\ncurl: (1) Received HTTP/0.9 when not allowed", true],
  ])("takes %j for whether somebody has a port", (text, taken) => {
    const ports = `80 000\ncurl: (7) Failed to connect\n8086 ${text}\n8087 000\ncurl: (7) Failed to connect`;
    expect(survey({ ports }).answered).toEqual(taken ? [8086] : []);
  });

  it("shows no front where none has its name, or where the helper prints something else", () => {
    const other = "api-2 10.110.0.2 80 8086 172.31.255.242 80 open";
    const garbled = ["api", "api 10.110.0.2 80 8086 nowhere 80 open", `${other.replace("-2", "")} 1`];
    for (const front of ["", other, ...garbled]) expect([front, survey({ front }).front]).toEqual([front, null]);
    expect(survey({ front: `${other}\napi 10.110.0.2 80,8080 - 172.31.255.243 8080 elsewhere` }).front).toEqual({
      ...{ services: [80, 8080], checks: [], target: "172.31.255.243", port: 8080, state: "elsewhere" },
    });
  });

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

  it("fails when there is more of what lies on the host than it reads", () =>
    expect(() => survey({ releases: " ".repeat(1_000_001) })).toThrow('"releases" is longer than 1000000 bytes'));
});

describe("who comes to a host", () => {
  const read = (changes: Partial<typeof told> = {}): Traffic | null => survey({ traffic: rows(changes) }).traffic;

  it("is read word by word", () => expect(read()).toEqual(traffic));

  it("may be nobody", () =>
    expect(read({ open: "open 0", probed: "", opened: "" })).toEqual({
      ...traffic,
      ...{ open: 0, probes: [], requests: 0, lastRequestAgoMs: null },
    }));

  it("may be several nodes, at several ports, of which each came to something else", () => {
    const more = "probed 8087 10.110.0.9 elsewhere 1 7 7\nprobed 8086 10.110.0.10 failed 2 6000 3000";
    expect(read({ probed: `${told.probed}\n${more}` })?.probes).toEqual([
      ...traffic.probes,
      { port: 8087, node: "10.110.0.9", outcome: "elsewhere", count: 1, oldestMs: 7, newestMs: 7 },
      { port: 8086, node: "10.110.0.10", outcome: "failed", count: 2, oldestMs: 6000, newestMs: 3000 },
    ]);
  });

  it("is of a host that drains where the health ports are dropped", () =>
    expect(read({ led: "led 172.31.255.242 80 dropped 10.110.0.20 80 8086" })).toEqual({
      ...traffic,
      state: "draining",
    }));

  it("is summed over two service ports, with the younger age", () => {
    const summed = { ...traffic, requests: 17, lastRequestAgoMs: 7 };
    expect(read({ opened: "opened 80 12 40\nopened 8080 5 7" })).toEqual(summed);
    expect(read({ opened: "opened 8080 5 7\nopened 80 12 40" })).toEqual(summed);
  });

  it("leaves open what nobody could count", () => expect(read({ open: "open " })).toEqual({ ...traffic, open: null }));

  it("is known by another name once the container's process is another one", () => {
    expect(read({ container: told.container.replace("4242", "4243") })?.instance).toBe("4be1:4243");
    expect(read({ container: told.container.replace("4be1", "5cf2") })?.instance).toBe("5cf2:4242");
  });

  it.each<[string, Partial<typeof told>]>([
    ["the front leads to another container", { led: "led 172.31.255.243 80 open 10.110.0.20 80 8086" }],
    ["the kernel has the front otherwise", { led: "led 172.31.255.242 80 elsewhere 10.110.0.20 80 8086" }],
    ["the front has a state that nobody knows", { led: "led 172.31.255.242 80 ajar 10.110.0.20 80 8086" }],
    ["there is no word of the front", { led: "" }],
    ["the container does not run", { container: "container 4be1 false 0 172.31.255.242" }],
    ["there is no container", { container: "container    " }],
    ["there is no word of the container", { container: "" }],
    ["the container has no address of its own", { container: "container 4be1 true 4242 " }],
    [
      "neither the container nor the front has an address",
      { container: "container 4be1 true 4242 ", led: "led  80 open 10.110.0.20 80 8086" },
    ],
    ["the helper failed on its way", { whole: "" }],
    ["the end is only the beginning of it", { whole: "whol" }],
    ["a probe's row is short", { probed: "probed 8086 10.110.0.9 passed 4 9812" }],
    ["a probe's row is empty", { probed: "probed" }],
    ["a node has no address", { probed: "probed 8086 somebody passed 4 9812 812" }],
    ["a probe came to what nobody knows", { probed: "probed 8086 10.110.0.9 won 4 9812 812" }],
    ["a port is none", { probed: "probed 80860 10.110.0.9 passed 4 9812 812" }],
    ["an age is none", { probed: "probed 8086 10.110.0.9 passed 4 9812 soon" }],
    ["one probe's row of two is short", { probed: `${told.probed}\nprobed 8086 10.110.0.10` }],
    ["a row of requests is short", { opened: "opened 80 12" }],
    ["a count of requests is none", { opened: "opened 80 many 40" }],
    ["a count of requests is below none", { opened: "opened 80 -1 40" }],
    ["a row is of an unknown kind", { opened: "lost 80 12 40" }],
    ["it is longer than anybody reads", { probed: Array.from({ length: 4000 }, () => told.probed).join("\n") }],
  ])("is unknown where %s", (_, changes) => expect(read(changes)).toBeNull());

  it("is unknown where nothing is told", () => expect(survey({ traffic: "" }).traffic).toBeNull());

  it.each([
    ["a page", "<html><body>It works!</body></html>"],
    ["JSON", '{"status":"ok"}'],
    ["the end alone", "whole"],
  ])("is not taken from %s", (_name, text) => expect(survey({ traffic: `${text}\n` }).traffic).toBeNull());
});

describe("an observation", () => {
  const seen = (changes: Readonly<Record<string, string>> = {}): Observation =>
    look.parseObservation(
      printed({
        journal: "0\theld\tme@here\n1\tstep\tdrain\n1\tdone\tdrain\n",
        end: "alive\n",
        traffic: rows(),
        health: "200\n",
        ...changes,
      }),
    );

  it("reads the journal, who comes, and what the health path answers", () =>
    expect(seen()).toEqual({
      journal: [
        { sequence: 0, state: "held", detail: "me@here" },
        { sequence: 1, state: "step", detail: "drain" },
        { sequence: 1, state: "done", detail: "drain" },
      ],
      stewardAlive: true,
      traffic,
      health: 200,
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

  it("reads what the health path answers also where nobody tells who comes", () =>
    expect(seen({ traffic: "", health: "503\n" })).toMatchObject({ traffic: null, health: 503 }));

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
    const input = framed(look.observe(place, "run1", 1), frame);
    const answer = readAnswer(execFileSync("/bin/sh", ["-c", LOGIN_COMMAND], { env, input }), frame, "api-1");
    rmSync(home, { recursive: true });
    const { stewardAlive, journal } = look.parseObservation(answer?.parts as Parts);
    expect([stewardAlive, journal.map(({ state }) => state)]).toEqual([false, ["held", "done", "left"]]);
  });

  it("is each port that the front is to have and has not, at the address that the balancer asks", () => {
    const [host] = manifest.hosts;
    const { service, healthCheck } = manifest;
    const moving = {
      ...manifest,
      service: { ...service, nextPort: 8080 },
      healthCheck: { ...healthCheck, nextPort: 8087 },
    };
    const asked = (one: Place): string[] =>
      [
        ...look
          .survey(one)
          .matchAll(/\*,(\d+),\*\) ;; \*\)\nprintf '\1 '\n\{\ncurl .* http:\/\/10\.110\.0\.2:\1\/health /g),
      ].map(([, port = ""]) => port);
    expect([place, placeOf(moving, host as never)].map(asked)).toEqual([
      ["80", "8086"],
      ["80", "8080", "8086", "8087"],
    ]);
  });

  it.each([
    ["a survey", look.survey(place, true)],
    ["an observation", look.observe(place, "run1", 7)],
  ])("is who comes, and the health path at the balancer's own port, in %s", (_name, script) => {
    const tolerant = { ...place, responseTimeoutMs: 700 };
    expect(script).toContain(
      'front traffic api 3000 "${process:-0}" "${port:-80}" 2>/dev/null && echo whole\n} | head -c 131073',
    );
    expect(look.observe(tolerant, "run1", 7)).toContain("front traffic api 700 ");
    expect(script).toContain(
      "curl -q -g --path-as-is --noproxy '*' -sS --max-time 2 -o /dev/null -w '%{http_code}\\n' \"http://10.110.0.2:$(asked_port api 8086 80)\"/health 2>&1 || :",
    );
    // No app is asked for anything but its health.
    const asked = script.match(/curl [^\n]*/g) ?? [];
    expect(asked.filter((words) => !words.includes("/health"))).toEqual([]);
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
      const programs = {
        docker: "case $* in *.State.Pid*) echo 4242 ;; *) echo r1 ;; esac",
        // Two are open to the one port, one to the other.
        sudo: "case $* in *' open 4242 80') echo 2 ;; *' open 4242 8080') echo 1 ;; *) exit 1 ;; esac",
      };
      for (const [name, text] of Object.entries(programs))
        writeFileSync(path.join(home, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    });
    afterEach(() => rmSync(home, { recursive: true }));
    const count = (): string =>
      execFileSync("/bin/sh", ["-c", `${frontFunctions}\n${countConnections({ ...place, containerPort: 8080 })}`], {
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
    const { containers, traffic: said } = survey({
      containers: `${forgedContainer(next.image, next.id)}\n`,
      traffic: forgedTraffic(),
    });
    expect(containers.current).toMatchObject({ image: next.image, release: next.id, running: true });
    expect(said).toMatchObject({ state: "serving", probes: [{ node: "127.0.1.1", outcome: "passed" }] });
  });

  it("would pass for a replacement that is done if it came as a journal", () =>
    expect(parseJournal(forgedJournal())).toContainEqual({ sequence: 4, state: "done", detail: "replace" }));
});
