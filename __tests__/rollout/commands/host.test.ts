import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import * as commands from "../../../scripts/rollout/commands/host.js";
import { testImage, testManifest, testRelease } from "../../support/fleet.js";

const manifest = testManifest();
const [kept, old] = [testRelease(manifest, 2), testRelease(manifest, 1)];
const repository = "registry.digitalocean.com/lab/api";

let home: string;
const file = (...parts: string[]): string => path.join(home, ".evenkeel/api", ...parts);

beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), "evenkeel-host-"));
  mkdirSync(file("releases"), { recursive: true });
  mkdirSync(file("runs"));
  mkdirSync(path.join(home, "bin"));
});
afterEach(() => rmSync(home, { recursive: true }));

/** Puts a docker in front that writes down how it was called and does `body`. */
function fakeDocker(body: string): void {
  writeFileSync(path.join(home, "bin/docker"), `#!/bin/sh\nprintf '%s\\n' "$*" >>"$HOME/calls"\n${body}\n`, {
    mode: 0o755,
  });
}
const calls = (): string[] => readFileSync(path.join(home, "calls"), "utf8").trimEnd().split("\n");

function sh(script: string, input = ""): { status: number | null; stdout: string; stderr: string } {
  const env = { HOME: home, PATH: `${path.join(home, "bin")}:${process.env["PATH"] ?? ""}`, TMPDIR: home };
  return spawnSync("/bin/sh", ["-c", script], { input, env, encoding: "utf8" });
}

const give = ({ script, input }: commands.Given) => sh(script, input);

describe("what changes a host", () => {
  const { script, input } = commands.writeFile("api", "history.json", "new\n");
  const late = (runId: string) => sh(commands.whileLocked("api", runId, script), input).status;

  let steward: ChildProcess | null = null;
  afterEach(() => void steward?.kill());

  it("is done while the run's own steward lives, and not at all afterwards", async () => {
    for (const run of ["r1", "r2"]) mkdirSync(file("runs", run));
    writeFileSync(file("runs/r1/steward.sh"), "read -r _\nexit\n");
    steward = spawn("/bin/sh", [file("runs/r1/steward.sh")], { stdio: ["pipe", "ignore", "ignore"] });
    for (const run of ["r1", "r2"]) writeFileSync(file("runs", run, "pid"), `${steward.pid}\n`);
    expect(late("r1")).toBe(0);
    expect(readFileSync(file("history.json"), "utf8")).toBe("new\n");
    rmSync(file("history.json"));
    // A number that another run's steward has by now.
    expect(late("r2")).toBe(commands.LOCK_LOST);
    steward.kill();
    await once(steward, "exit");
    expect(late("r1")).toBe(commands.LOCK_LOST);
    // One that never held the lock.
    expect(late("r3")).toBe(commands.LOCK_LOST);
    expect(readdirSync(file()).sort()).toEqual(["releases", "runs"]);
  });
});

describe("writing a file", () => {
  it("puts in place exactly what came over stdin, readable for its owner only", () => {
    const text = "A='1'\n$B `c`\n";
    expect(
      sh(`${commands.writeFile("api", "releases/x.env", text).script}; ls -l "$HOME/.evenkeel/api/releases"`, text)
        .stdout,
    ).toMatch(/^-rw------- .* x\.env$/m);
    expect(readFileSync(file("releases/x.env"), "utf8")).toBe(text);
    expect(readdirSync(file("releases"))).toEqual(["x.env"]);
  });

  it("fails when the folder is not there", () =>
    expect(give(commands.writeFile("api", "runs/none/order.1", "drain\n")).status).not.toBe(0));

  it("fails and leaves what was there when only a part came", () => {
    give(commands.writeFile("api", "releases/x.env", "A=1\n"));
    const { script, input } = commands.writeFile("api", "releases/x.env", "A=2\nB=ü\n");
    expect(sh(script, input.slice(0, -1)).status).not.toBe(0);
    expect(readFileSync(file("releases/x.env"), "utf8")).toBe("A=1\n");
    expect(sh(script, input).status).toBe(0);
    expect(readFileSync(file("releases/x.env"), "utf8")).toBe(input);
  });

  it("gives one order when it is given twice", () => {
    mkdirSync(file("runs/r1"));
    for (let time = 0; time < 2; time += 1) give(commands.writeOrder("api", "r1", 3, "drain "));
    expect(readdirSync(file("runs/r1"))).toEqual(["order.3"]);
  });
});

describe("a secret", () => {
  const { script, input } = commands.writeSecret("api", kept, "KEY", "a'b\n$c");
  const folder = (): string => file("releases", `${kept.id}.secrets`);

  it("is put where the container's user can read it and nobody else on the host", () => {
    chmodSync(file("releases"), 0o700);
    for (let time = 0; time < 2; time += 1) expect(sh(script, input).status).toBe(0);
    expect(readFileSync(path.join(folder(), "KEY"), "utf8")).toBe("a'b\n$c");
    expect([folder(), path.join(folder(), "KEY")].map((place) => statSync(place).mode & 0o777)).toEqual([0o755, 0o444]);
    expect(readdirSync(folder())).toEqual(["KEY"]);
  });

  it("is no part of the script", () => expect(script).not.toContain("a'b"));

  it("stays as it was when only a part came", () => {
    sh(script, input);
    expect(sh(script, input.slice(0, -1)).status).not.toBe(0);
    expect(readFileSync(path.join(folder(), "KEY"), "utf8")).toBe("a'b\n$c");
  });
});

describe("the pre-deploy command", () => {
  const docker = `case $1 in
  inspect) [ ! -e "$HOME/ran" ] || cat "$HOME/ran" ;;
  run)
    if [ -e "$HOME/cut" ]; then echo 'created|r1' >"$HOME/ran" && exit 1; fi
    echo 'running|r1' >"$HOME/ran"
    ;;
  start) echo 'running|r1' >"$HOME/ran" ;;
  rm) rm "$HOME/ran" ;;
  *) exit 64 ;;
esac`;
  const start = (run: string) =>
    sh(commands.startPreDeploy("api", run, kept, { command: ["migrate"], timeoutSeconds: 60 })).status;
  const verbs = (): string[] => calls().map((call) => call.split(" ")[0] ?? "");

  it("is started once for a run, however often that is asked", () => {
    fakeDocker(docker);
    expect([start("r1"), start("r1")]).toEqual([0, 0]);
    expect(verbs()).toEqual(["inspect", "run", "inspect"]);
  });

  it("is started at last where the connection broke after its container was made, and not a second time", () => {
    fakeDocker(docker);
    writeFileSync(path.join(home, "cut"), "");
    expect(start("r1")).not.toBe(0);
    expect([start("r1"), start("r1")]).toEqual([0, 0]);
    expect(verbs()).toEqual(["inspect", "run", "inspect", "start", "inspect"]);
  });

  it("takes the place of one that another run made and never started", () => {
    fakeDocker(docker);
    writeFileSync(path.join(home, "ran"), "created|r0\n");
    expect(start("r1")).toBe(0);
    expect(verbs()).toEqual(["inspect", "rm", "run"]);
  });

  it.each(["r0|created|r1", "r1|x", "x|r1"])(
    "takes the place of one with the label %j, which only holds its own",
    (label) => {
      fakeDocker(docker);
      writeFileSync(path.join(home, "ran"), `exited|${label}\n`);
      expect(start("r1")).toBe(0);
      expect(verbs()).toEqual(["inspect", "rm", "run"]);
    },
  );

  it("takes the place of an earlier run's", () => {
    fakeDocker(docker);
    writeFileSync(path.join(home, "ran"), "exited|r0\n");
    expect(start("r1")).toBe(0);
    expect(verbs()).toEqual(["inspect", "rm", "run"]);
  });

  it("is not started when the place cannot be had: a command that still runs is not removed", () => {
    fakeDocker(docker.replace('rm "$HOME/ran"', "exit 1"));
    writeFileSync(path.join(home, "ran"), "exited|r0\n");
    expect(start("r1")).not.toBe(0);
    expect(verbs()).toEqual(["inspect", "rm"]);
  });
});

describe("a pre-deploy command that does not end", () => {
  it("is stopped and put aside, where it does not count as done", () => {
    fakeDocker('[ "$1" != rm ]');
    expect(sh(commands.stopPreDeploy("api", 10)).status).toBe(0);
    expect(calls().slice(1)).toEqual([
      "stop -t 10 api-pre-deploy",
      "inspect --type container --format {{.State.Running}} api-failed",
      "rm api-failed",
      "rename api-pre-deploy api-failed",
    ]);
  });

  it("is removed beside a container that clients were led away from and that still answers somebody", () => {
    fakeDocker('[ "$1" != inspect ] || echo true');
    expect(sh(commands.stopPreDeploy("api", 10)).status).toBe(0);
    expect(calls().slice(3)).toEqual(["rm api-pre-deploy"]);
  });

  it("is left alone where that was done before the connection broke", () => {
    fakeDocker('[ "$1" != inspect ]');
    expect(sh(commands.stopPreDeploy("api", 10)).status).toBe(0);
    expect(calls().map((call) => call.split(" ")[0])).toEqual(["inspect", "version"]);
  });

  it("is not taken for stopped where Docker does not answer", () => {
    fakeDocker("exit 1");
    expect(sh(commands.stopPreDeploy("api", 10)).status).not.toBe(0);
  });
});

describe("mounts", () => {
  it("names the folders that are not there", () => {
    const mounts = [home, "/no/such/folder", file("none")].map((source) => ({ source, target: "/x", readOnly: true }));
    const { stdout, status } = sh(commands.missingMounts({ ...kept, service: { ...kept.service, mounts } }));
    expect({ status, missing: stdout.trimEnd().split("\n") }).toEqual({
      status: 0,
      missing: ["/no/such/folder", file("none")],
    });
  });
});

describe("a pull", () => {
  const answer = `case $* in
  *" pull "*) cat "$2/config.json" >"$HOME/login"; ls -l "$2" >"$HOME/rights" ;;
  "image inspect "*) [ -e "$HOME/login" ] || exit 1; printf '%s\\n' '[["${testImage(1)}"],"amd64"]' ;;
  *) exit 64 ;;
esac`;

  it("pulls with the login from stdin and leaves no trace of it", () => {
    fakeDocker(answer);
    const { status, stdout } = sh(commands.pull(testImage(1)), '{"auths":{}}');
    expect(status).toBe(0);
    expect(commands.parsePulled(stdout)).toEqual({ digests: [testImage(1)], architecture: "amd64" });
    expect(readFileSync(path.join(home, "login"), "utf8")).toBe('{"auths":{}}');
    const folder = /^--config (\S+) pull --quiet (\S+)$/.exec(calls()[1] ?? "");
    expect(folder?.[2]).toBe(testImage(1));
    expect(existsSync(folder?.[1] ?? "")).toBe(false);
  });

  it.each([
    ["pull", () => sh(commands.pull(testImage(1)))],
    [
      "start of a steward",
      () => give(commands.startSteward("api", { runId: "r", owner: "me", leaseSeconds: 9 }, "exit\n")),
    ],
  ])("that was killed leaves its login until the next %s, which removes it and no other", (_name, next) => {
    const { pid } = spawnSync("/bin/sh", ["-c", ":"]);
    const [dead, live] = [pid, process.pid].map((number) => path.join(home, `.evenkeel/.pull.${number}`));
    for (const folder of [dead, live]) mkdirSync(folder ?? "");
    fakeDocker(answer);
    next();
    expect([dead, live].map((folder) => existsSync(folder ?? ""))).toEqual([false, true]);
  });

  it("takes no fleet's folder for a login, whatever the fleet is called", () => {
    const { pid } = spawnSync("/bin/sh", ["-c", ":"]);
    const fleets = ["pull.api", `pull.${pid}`, `a.pull.${pid}`].map((fleet) => path.join(home, ".evenkeel", fleet));
    for (const folder of fleets) mkdirSync(folder);
    fakeDocker(answer);
    sh(commands.pull(testImage(1)));
    expect(fleets.filter((folder) => !existsSync(folder))).toEqual([]);
  });

  it("uses an empty configuration without a login, not the user's own", () => {
    fakeDocker(answer);
    sh(commands.pull(testImage(1)));
    expect(readFileSync(path.join(home, "login"), "utf8").trim()).toBe("{}");
  });

  it("does not ask a registry for an image that is named by digest and here already: going back needs none", () => {
    fakeDocker(answer);
    writeFileSync(path.join(home, "login"), "");
    const { status, stdout } = sh(commands.pull(testImage(1)));
    expect(status).toBe(0);
    expect(commands.parsePulled(stdout)).toEqual({ digests: [testImage(1)], architecture: "amd64" });
    expect(calls().filter((call) => call.includes(" pull "))).toEqual([]);
  });

  it("asks for an image that is named by tag, whatever is here: the tag may have moved", () => {
    fakeDocker(answer);
    writeFileSync(path.join(home, "login"), "");
    expect(sh(commands.pull("registry.example.com/api:v1")).status).toBe(0);
    expect(calls()[0]).toMatch(/ pull --quiet registry\.example\.com\/api:v1$/);
  });

  it("fails when the registry refuses, with what Docker said", () => {
    fakeDocker("echo 'manifest unknown' >&2; exit 1");
    const { status, stdout, stderr } = sh(commands.pull(testImage(1)), "secret");
    expect([status, stdout, stderr.trim()]).toEqual([1, "", "manifest unknown"]);
    expect(calls()).toHaveLength(2);
    expect(readdirSync(home).sort()).toEqual([".evenkeel", "bin", "calls"]);
    expect(readdirSync(path.join(home, ".evenkeel"))).toEqual(["api"]);
  });

  it.each([
    ['[["a@sha256:1","b@sha256:2"],"arm64"]\n', { digests: ["a@sha256:1", "b@sha256:2"], architecture: "arm64" }],
    ['[[],"amd64"]\n', { digests: [], architecture: "amd64" }],
    ['[null,"amd64"]\n', { digests: [], architecture: "amd64" }],
    ['[["a|b@sha256:1","a@sha256:2\\nb","c@sha256:3"],"amd64"]\n', { digests: ["c@sha256:3"], architecture: "amd64" }],
    ["\n", { digests: [], architecture: "" }],
    ['[["a@sha256:1"]', { digests: [], architecture: "" }],
  ])("reads %j", (output, expected) => expect(commands.parsePulled(output)).toEqual(expected));
});

describe("logs", () => {
  it("brings what the container wrote to either stream", () => {
    fakeDocker('[ "$1" = inspect ] || { echo out; echo err >&2; }');
    expect(
      sh(commands.logs("api", "failed", 20))
        .stdout.split("\n")
        .sort(),
    ).toEqual(["", "err", "out"]);
    expect(calls().slice(1)).toEqual(["logs --tail 20 api-failed"]);
  });

  it("are the last 64 KB at most", () => {
    fakeDocker('[ "$1" = inspect ] || { yes line | head -n 100000; echo last; }');
    const { stdout } = sh(commands.logs("api", "failed", 20));
    expect([stdout.length, stdout.endsWith("line\nlast\n")]).toEqual([65_536, true]);
  });

  it("are what Docker says where its log driver gives none back", () => {
    const said = "Error response from daemon: configured logging driver does not support reading";
    fakeDocker(`[ "$1" = inspect ] || { echo '${said}' >&2; exit 1; }`);
    expect(sh(commands.logs("api", "failed", 20))).toMatchObject({ status: 0, stdout: `${said}\n` });
  });

  it("fail where there is no such container", () => {
    fakeDocker("echo 'no such container' >&2; exit 1");
    expect(sh(commands.logs("api", "failed", 20)).status).toBe(1);
  });
});

describe("pruning", () => {
  const images = [testImage(1), testImage(2), `${repository}@<none>`];
  const docker = `case $1 in
  inspect) cat "$HOME/ran" 2>/dev/null ;;
  rm) ;;
  images) printf '%s\\n' ${images.map((image) => `'${image}'`).join(" ")} ;;
  rmi) [ ! -e "$HOME/in-use" ] ;;
  *) exit 64 ;;
esac`;
  const releases = (): string[] => readdirSync(file("releases")).sort();
  const leave = (id: string): void => {
    for (const end of ["json", "env"]) writeFileSync(file("releases", `${id}.${end}`), "");
    mkdirSync(file("releases", `${id}.secrets`));
  };
  const look = `inspect --type container --format {{index .Config.Labels "evenkeel.release"}} api-pre-deploy`;

  it("removes images and files of releases that are not kept, and of no other repository", () => {
    fakeDocker(docker);
    leave(kept.id);
    leave(old.id);
    expect(sh(commands.prune("api", [kept], [])).status).toBe(0);
    expect(calls()).toEqual([
      look,
      `images --digests --no-trunc --format {{.Repository}}@{{.Digest}} ${repository}`,
      `rmi ${testImage(1)}`,
    ]);
    expect(releases()).toEqual([`${kept.id}.env`, `${kept.id}.json`, `${kept.id}.secrets`]);
  });

  it.each([
    ["one that is kept", kept, []],
    ["another one", old, ["rm api-pre-deploy"]],
  ])("leaves the container of the pre-deploy command only where it ran for %s", (_name, { id }, removed) => {
    fakeDocker(docker);
    writeFileSync(path.join(home, "ran"), `${id}\n`);
    expect(sh(commands.prune("api", [kept], [])).status).toBe(0);
    expect(calls().filter((call) => call.startsWith("rm "))).toEqual(removed);
  });

  it("keeps the release to go back to", () => {
    fakeDocker(docker);
    leave(kept.id);
    leave(old.id);
    sh(commands.prune("api", [kept, old], []));
    expect(calls()).toHaveLength(2);
    expect(releases()).toHaveLength(6);
  });

  it("keeps the files alone of a release that can be gone back to later", () => {
    fakeDocker(docker);
    leave(kept.id);
    leave(old.id);
    writeFileSync(path.join(home, "ran"), `${old.id}\n`);
    expect(sh(commands.prune("api", [kept], [old.id])).status).toBe(0);
    expect(calls().filter((call) => /^rmi? /.test(call))).toEqual(["rm api-pre-deploy", `rmi ${testImage(1)}`]);
    expect(releases()).toHaveLength(6);
  });

  it("removes nothing when nothing is known that is to be kept", () => {
    fakeDocker(docker);
    leave(old.id);
    expect(sh(commands.prune("api", [], [])).status).toBe(0);
    expect(existsSync(path.join(home, "calls"))).toBe(false);
    expect(releases()).toHaveLength(3);
  });

  it("fails when an image cannot be removed", () => {
    fakeDocker(docker);
    writeFileSync(path.join(home, "in-use"), "");
    expect(sh(commands.prune("api", [kept], [])).status).not.toBe(0);
  });

  it("keeps the folders of the ten newest runs", () => {
    fakeDocker(docker);
    for (let run = 1; run <= 13; run += 1) {
      mkdirSync(file("runs", `r${run}`));
      utimesSync(file("runs", `r${run}`), 1000 + run, 1000 + run);
    }
    expect(sh(commands.prune("api", [kept], [])).status).toBe(0);
    expect(readdirSync(file("runs")).sort()).toEqual(Array.from({ length: 10 }, (_, index) => `r${index + 4}`).sort());
  });
});
