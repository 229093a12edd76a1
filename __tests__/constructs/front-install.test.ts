/** The script that root runs on a machine of the user's own: what it puts where, and what it refuses before it changes anything. */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { frontFiles, frontRule } from "../../constructs/front/files.js";
import { installed } from "../rollout/commands/steward-host.js";

const FRONT = fileURLToPath(new URL("../../constructs/front", import.meta.url));
const RULE = "/etc/sudoers.d/evenkeel-front";
const USUAL = { user: "deploy", sshPort: 22, containerRange: "172.31.255.240/28" };

/** What the script takes from the machine as it is. */
const TOOLS = "awk cat chmod dirname grep mkdir mv rm sed sh tr".split(" ");
/** What it asks, or changes, on a machine; each notes its words. What comes out differs between tests. */
const FAKES = {
  id: 'case $* in -u) echo 0 ;; "-u deploy" | "-u ops") echo 1001 ;; *) exit 1 ;; esac',
  ip: 'echo "1: lo    inet 127.0.0.1/8 scope host lo"; echo "5: ek0    inet 172.31.255.241/28 scope global ek0"',
  systemctl: "",
  // In a way that tells whether the rule was in place before anybody looked at it.
  visudo: `[ ! -e "$ROOT${RULE}" ] || echo "a rule is there already" >>"$CALLS"`,
  runuser: "",
  ...{ nft: "", sudo: "", flock: "" },
};

let home: string;
const at = (file: string): string => path.join(home, "root", file);
const calls = (): string[] => fs.readFileSync(path.join(home, "calls"), "utf8").split("\n").slice(0, -1);

/** Puts a program where only the script finds it. */
function fake(name: string, text: string): void {
  const noting = ["id", "ip"].includes(name) ? "" : `echo "${name} $*" >>"$CALLS"\n`;
  const environment = `ROOT=${path.join(home, "root")} CALLS=${path.join(home, "calls")}\n`;
  fs.writeFileSync(path.join(home, "bin", name), `#!/bin/sh\n${environment}${noting}${text}\n`, { mode: 0o755 });
}

/** A machine without anything of a front. */
beforeEach(() => {
  home = fs.mkdtempSync(path.join(tmpdir(), "evenkeel-install-"));
  for (const folder of ["bin", "root"]) fs.mkdirSync(path.join(home, folder));
  fs.writeFileSync(path.join(home, "calls"), "");
  for (const tool of TOOLS) fs.symlinkSync(installed(tool) ?? `/bin/${tool}`, path.join(home, "bin", tool));
  for (const [name, text] of Object.entries(FAKES)) fake(name, text);
  fs.cpSync(FRONT, path.join(home, "front"), { recursive: true });
  const script = fs.readFileSync(path.join(FRONT, "install.sh"), "utf8");
  fs.writeFileSync(
    path.join(home, "front/install.sh"),
    script
      .replace(/^PATH=.*$/m, `PATH=${path.join(home, "bin")}`)
      .replace(/^ROOT=$/m, `ROOT=${path.join(home, "root")}`),
  );
});
afterEach(() => fs.rmSync(home, { recursive: true }));

function install(...words: readonly string[]) {
  const { status, stdout, stderr } = spawnSync("/bin/sh", [path.join(home, "front/install.sh"), ...words], {
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

/** Every file below the root, with its mode and its text. */
const files = () =>
  fs
    .readdirSync(path.join(home, "root"), { recursive: true, encoding: "utf8" })
    .map((name) => `/${name}`)
    .filter((name) => fs.statSync(at(name)).isFile())
    .sort()
    .map((name) => [name, (fs.statSync(at(name)).mode & 0o7777).toString(8), fs.readFileSync(at(name), "utf8")]);

/** The same as cloud-init has it, and the rule. */
const expected = (props: Parameters<typeof frontFiles>[0]) =>
  [
    ...frontFiles(props).map(({ path: name, permissions, content }) => [name, permissions.slice(1), content]),
    [RULE, "440", `${props.user} ${frontRule}\n`],
  ].sort(([one = ""], [other = ""]) => (one < other ? -1 : 1));

describe("a machine of the user's own", () => {
  test("gets what cloud-init puts on a droplet, and the same rule of sudo", () => {
    expect(install()).toMatchObject({ status: 0, stderr: "" });
    expect(files()).toEqual(expected(USUAL));
  });

  test("gets it for another user, port and range", () => {
    const words = ["--user", "ops", "--ssh-port", "2222", "--range", "10.9.8.0/24"];
    expect(install(...words)).toMatchObject({ status: 0, stderr: "" });
    expect(files()).toEqual(expected({ user: "ops", sshPort: 2222, containerRange: "10.9.8.0/24" }));
  });

  test("keeps all ports of sshd from the fronts", () => {
    expect(install("--ssh-port", "22,2222")).toMatchObject({ status: 0 });
    expect(fs.readFileSync(at("/etc/evenkeel/front"), "utf8")).toContain("\nssh 22\nssh 2222\n");
  });

  test("has its units started before anybody may call the helper, and the rule looked at before it is in place", () => {
    install();
    expect(calls()).toEqual([
      "systemctl daemon-reload",
      "systemctl enable --now evenkeel-front.service",
      "systemctl enable --now evenkeel-front-watch.service",
      `visudo -cqf ${at(RULE)}.new`,
      "runuser -u deploy -- sudo -n /usr/local/sbin/evenkeel-front network",
    ]);
  });

  test("may have a device whose range is only next to that of the containers", () => {
    fake("ip", 'echo "2: eth0    inet 10.9.8.17/28 brd 10.9.8.31 scope global eth0"');
    expect(install("--range", "10.9.8.0/28")).toMatchObject({ status: 0 });
  });

  test("is brought up to date by another call, which leaves alone what the fronts lead to", () => {
    install();
    fs.appendFileSync(at("/usr/local/sbin/evenkeel-front"), "# of an earlier Evenkeel\n");
    const [kept, live] = [at("/var/lib/evenkeel/front"), at("/run/evenkeel/front")];
    for (const folder of [kept, live]) {
      fs.mkdirSync(folder, { recursive: true });
      fs.writeFileSync(path.join(folder, "fronts"), "api 10.0.0.2 80 8086 172.31.255.242 8080 open\n");
    }
    fs.writeFileSync(path.join(live, "shape"), "the table of an earlier Evenkeel");
    expect(install("--user", "ops")).toMatchObject({ status: 0, stderr: "" });
    const states = ["/run/evenkeel/front/fronts", "/var/lib/evenkeel/front/fronts"];
    expect(files().filter(([name = ""]) => !states.includes(name))).toEqual(expected({ ...USUAL, user: "ops" }));
    for (const state of states) expect(fs.readFileSync(at(state), "utf8")).toContain("api 10.0.0.2");
    expect(calls()).toContain("systemctl restart evenkeel-front-watch.service");
  });
});

describe("what is refused before anything is changed", () => {
  const BAD_RANGE = "not a private range from /24 to /28 such as 172.31.255.240/28";

  test.each([
    [["--range", "172.31.255.240/29"], BAD_RANGE],
    [["--range", "10.0.0.0/23"], BAD_RANGE],
    [["--range", "203.0.113.0/24"], BAD_RANGE],
    [["--range", "10.0.0.256/28"], BAD_RANGE],
    [["--range", "10.0.0.010/28"], BAD_RANGE],
    [["--range", "10.0.0.0/28\n10.0.0.0/28"], BAD_RANGE],
    [["--range", ""], BAD_RANGE],
    [["--range", "10.0.0.40/28"], "10.0.0.40/28 does not begin at its first address, which is 10.0.0.32"],
    [["--user", "root"], "or root: root"],
    [["--user", "ALL"], "not a user's name"],
    [["--user", "ops ALL=(ALL) NOPASSWD: ALL\nops"], "not a user's name"],
    [["--user", ""], "not a user's name"],
    [["--ssh-port", "0"], "not a port of 1 to 65535: 0"],
    [["--ssh-port", "65536"], "not a port of 1 to 65535: 65536"],
    [["--ssh-port", "22,"], "not a port of 1 to 65535: 22,"],
    [["--ssh-port", "22\nuser root"], "not a port of 1 to 65535: 22"],
    [["--ssh-port", "99999999999999999999"], "not a port of 1 to 65535: 99999999999999999999"],
    [["--user"], "--user takes a word"],
    [["deploy"], "install.sh [--user deploy]"],
  ])("words of another form: %j", (words, why) => {
    const { status, stderr } = install(...words);
    expect([status, stderr]).toEqual([64, expect.stringContaining(why)]);
    expect([files(), calls()]).toEqual([[], []]);
  });

  test.each(["nft", "sudo", "visudo", "systemctl", "ip", "flock", "runuser"])("a machine without %s", (program) => {
    fs.rmSync(path.join(home, "bin", program));
    const { status, stderr } = install();
    expect([status, stderr]).toEqual([1, expect.stringContaining(`install.sh: ${program} is missing`)]);
    expect([files(), calls()]).toEqual([[], []]);
  });

  test.each(["evenkeel-front", "evenkeel-front.service", "evenkeel-front-watch.service"])(
    "a copy of the folder without %s",
    (name) => {
      fs.rmSync(path.join(home, "front", name));
      const { status, stderr } = install();
      expect([status, stderr]).toEqual([1, `install.sh: ${name} is not beside this script: copy all of the folder\n`]);
      expect([files(), calls()]).toEqual([[], []]);
    },
  );

  test("a call of another user than root", () => {
    fake("id", "echo 1001");
    expect(install()).toMatchObject({ status: 1, stderr: expect.stringContaining("only root can put it in place") });
    expect([files(), calls()]).toEqual([[], []]);
  });

  test("a user that is not there", () => {
    const { status, stderr } = install("--user", "nobody-knows");
    expect([status, stderr]).toEqual([1, "install.sh: there is no such user: nobody-knows\n"]);
    expect([files(), calls()]).toEqual([[], []]);
  });

  test.each([
    ["10.9.8.7/24", "10.9.8.0/28"],
    ["10.0.0.1/8", "10.9.8.0/28"],
    ["10.9.8.7/32", "10.9.8.0/28"],
    ["10.9.8.33/28", "10.9.8.0/24"],
  ])("a device with %s, where containers are to have %s", (address, range) => {
    fake("ip", `echo "2: eth0    inet ${address} brd 10.255.255.255 scope global eth0"`);
    const { status, stderr } = install("--range", range);
    expect([status, stderr]).toEqual([
      1,
      `install.sh: ${range} has addresses that a device of this machine has already: eth0 ${address}\n`,
    ]);
    expect([files(), calls()]).toEqual([[], []]);
  });

  test("another range while fronts lead into the one before", () => {
    install();
    const before = files();
    fs.mkdirSync(at("/var/lib/evenkeel/front"), { recursive: true });
    fs.writeFileSync(at("/var/lib/evenkeel/front/fronts"), "api 10.0.0.2 80 8086 172.31.255.242 8080 open\n");
    const { status, stderr } = install("--range", "10.9.8.0/28");
    expect([status, stderr]).toEqual([1, expect.stringContaining("there are fronts that lead into 172.31.255.240/28")]);
    fs.rmSync(at("/var/lib"), { recursive: true });
    expect(files()).toEqual(before);
    expect(install("--range", "10.9.8.0/28")).toMatchObject({ status: 0 });
  });
});

describe("sudo", () => {
  test("never reads a rule that visudo does not take: the one before stays", () => {
    install();
    fake("visudo", "exit 1");
    expect(install("--user", "ops")).toMatchObject({
      status: 1,
      stderr: "install.sh: visudo does not take the rule\n",
    });
    expect(fs.readdirSync(at("/etc/sudoers.d"))).toEqual(["evenkeel-front"]);
    expect(fs.readFileSync(at(RULE), "utf8")).toBe(`deploy ${frontRule}\n`);
  });

  test("is tried as that user would: where it refuses, so does the script", () => {
    fake("runuser", "exit 1");
    expect(install()).toMatchObject({
      ...{ status: 1, stderr: expect.stringContaining("sudo does not let deploy call the helper") },
    });
  });
});
