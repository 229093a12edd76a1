import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Retried } from "../../../scripts/rollout/adapters/retry.js";
import { insistOnSsh, SshConnection } from "../../../scripts/rollout/adapters/ssh.js";
import { EVERY_HOP, optionWords } from "../../../scripts/rollout/adapters/ssh-options.js";
import { parts } from "../../../scripts/rollout/commands/shell.js";
import { until } from "../../lab/support/until.js";
import { testManifest } from "../../support/fleet.js";

/** The folder of the program itself: ssh gets no environment of the rollout's. */
const BEGIN = "#!/bin/sh\nHERE=${0%/*}\n";
/** Instead of ssh: notes when it begins and ends, and runs here what the login shell is asked to. */
const PROGRAM = `${BEGIN}export HERE
echo begins >>"$HERE/log"
for command; do :; done
shell=/bin/sh
if [ -e "$HERE/login" ]; then shell=$HERE/login; fi
"$shell" -c "$command"
code=$?
echo ends >>"$HERE/log"
exit "$code"
`;
const NAP = "sleep 0.05";
/** Waits for a file, or for the end of the test. */
const WAIT = 'while [ -d "$HERE" ] && [ ! -e "$HERE/go" ]; do sleep 0.05; done';

it("insists on an OpenSSH client, and says where it looked", () => {
  const { PATH } = process.env;
  process.env["PATH"] = "/nowhere:/neither";
  try {
    expect(insistOnSsh).toThrow('PATH: got "/nowhere:/neither"; needs a folder with ssh');
  } finally {
    process.env["PATH"] = PATH;
  }
  expect(insistOnSsh).not.toThrow();
});

it("insists on one that knows every option which keeps something from the droplets", () => {
  const { PATH } = process.env;
  const folder = mkdtempSync(path.join(tmpdir(), "eks-"));
  const old = "command-line: line 0: Bad configuration option: knownhostscommand";
  writeFileSync(path.join(folder, "ssh"), `#!/bin/sh\necho '${old}' >&2\nexit 255\n`, { mode: 0o700 });
  process.env["PATH"] = `${folder}:${PATH ?? ""}`;
  try {
    expect(insistOnSsh).toThrow(`environment: ssh: got "${old}" when asked for its options; needs OpenSSH's client`);
  } finally {
    process.env["PATH"] = PATH;
    rmSync(folder, { recursive: true });
  }
});

describe("commands over ssh", () => {
  const { PATH } = process.env;
  let folder: string;
  let connection: SshConnection;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "eks-"));
    writeFileSync(path.join(folder, "ssh"), PROGRAM, { mode: 0o700 });
    // Every key is pinned.
    writeFileSync(path.join(folder, "ssh-keygen"), "#!/bin/sh\n", { mode: 0o700 });
    process.env["PATH"] = `${folder}:${PATH ?? ""}`;
    const { hosts, ssh } = testManifest();
    const [host] = hosts;
    if (!host) throw new Error("the fleet has hosts");
    connection = new SshConnection(host, { access: ssh, configFile: null, knownHosts: "none" }, "none");
  });
  afterEach(() => {
    process.env["PATH"] = PATH;
    rmSync(folder, { recursive: true });
  });

  it("go over a bastion by an ssh that asks nobody, with the same configuration and keys of its own", async () => {
    writeFileSync(path.join(folder, "ssh"), `${BEGIN}printf '%s\\n' "$@" >>"$HERE/log"\n`, { mode: 0o700 });
    const { hosts, ssh } = testManifest();
    const [host] = hosts;
    if (!host) throw new Error("the fleet has hosts");
    const access = { ...ssh, proxyJump: "ops@bastion.example.com:2222" };
    const settings = { access, configFile: "/home/50% off/config", knownHosts: "pinned" };
    await expect(
      new SshConnection(host, settings, "none", undefined, []).run("true", { timeoutSeconds: 30 }),
    ).rejects.toThrow();
    const hop = log().find((line) => line.startsWith("ProxyCommand="));
    const own = optionWords(EVERY_HOP).join(" ");
    expect(hop).toBe(
      `ProxyCommand=ssh -F '/home/50%% off/config' ${own} -k -E none.way -p 2222 -W '[%h]:%p' ops@bastion.example.com`,
    );
    expect(hop).not.toContain("pinned");
  });

  it.each([
    [
      "HostKeyChanged",
      "Host key for droplet-100 has changed and you have requested strict checking.",
      "remove the entry droplet-100",
    ],
    [
      "BastionKeyUnknown",
      "Host key for bastion has changed and you have requested strict checking.",
      "Host key for bastion",
    ],
    [
      "BastionKeyUnknown",
      "No ED25519 host key is known for bastion and you have requested strict checking.",
      "log in to it once",
    ],
  ])("end at once with %s: %s", async (code, words, message) => {
    const said = `${words}\nHost key verification failed.`;
    writeFileSync(
      path.join(folder, "ssh"),
      `${BEGIN}echo begins >>"$HERE/log"\nprintf '%s\\n' '${said}' >&2\nexit 255\n`,
    );
    const failure: unknown = await connection.run("true", { timeoutSeconds: 30 }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code, message: expect.stringContaining(message) });
    expect(begun()).toBe(1);
  });

  it("that find no connection are given again after pauses, which are told", async () => {
    writeFileSync(path.join(folder, "ssh"), `${BEGIN}echo begins >>$HERE/log\nexit 255\n`, { mode: 0o700 });
    const { hosts, ssh } = testManifest();
    const told: Retried[] = [];
    const [host] = hosts;
    if (!host) throw new Error("the fleet has hosts");
    const settings = { access: ssh, configFile: null, knownHosts: "none" };
    connection = new SshConnection(host, settings, "none", (retried) => told.push(retried), [2, 4]);
    await expect(connection.run("true", { timeoutSeconds: 30 })).rejects.toMatchObject({ code: "HostUnreachable" });
    expect(begun()).toBe(3);
    expect(told.map(({ host: name, why }) => `${name} ${why}`)).toEqual([
      expect.stringContaining("api-1 api-1 (203.0.113.1) cannot be reached over SSH"),
      expect.stringContaining("api-1 api-1"),
    ]);
    for (const [index, longest] of [2, 4].entries()) {
      expect(told[index]?.afterMs).toBeGreaterThanOrEqual(longest / 2);
      expect(told[index]?.afterMs).toBeLessThanOrEqual(longest);
    }
    await expect(connection.run("true", { timeoutSeconds: 30, retry: false })).rejects.toMatchObject({
      code: "HostUnreachable",
    });
    expect(begun()).toBe(4);
  });

  it("are not given again once the connection was closed", async () => {
    writeFileSync(path.join(folder, "ssh"), `${BEGIN}echo begins >>$HERE/log\nexit 255\n`, { mode: 0o700 });
    await connection.close();
    await expect(connection.run("true", { timeoutSeconds: 30 })).rejects.toMatchObject({ code: "HostUnreachable" });
    // The order to close is one of them.
    expect(begun()).toBe(2);
  });

  const loginShell = (text: string): void => {
    writeFileSync(path.join(folder, "login"), `#!/bin/sh\n${text}\n`, { mode: 0o700 });
  };

  it("are answered also where the login shell prints before", async () => {
    loginShell('echo "Welcome to Debian"; exec sh "$@"');
    await expect(connection.run("echo hi", { timeoutSeconds: 30 })).resolves.toBe("hi\n");
    const answer = await connection.ask(parts({ one: "echo 1" }), { timeoutSeconds: 30 });
    expect(answer.text("one")).toBe("1\n");
  });

  it("are not given again to a login shell that does not run sh, and what to change is said", async () => {
    loginShell("echo 'This account is currently not available.'; exit 1");
    const failure: unknown = await connection.run("true", { timeoutSeconds: 30 }).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: "HostUnfit",
      message: expect.stringMatching(/api-1.* did not run "sh" \(This account is currently not available\.\); .*chsh/),
    });
    expect(begun()).toBe(1);
  });

  it("that print without end are ended, which is an expected error", async () => {
    await expect(connection.run("yes", { timeoutSeconds: 30 })).rejects.toMatchObject({
      code: "HostCommandFailed",
      message: expect.stringContaining("prints more than 4000000 bytes"),
    });
    expect(begun()).toBe(1);
  });

  const log = (): string[] => readFileSync(path.join(folder, "log"), "utf8").trim().split("\n");
  const begun = (): number => log().filter((line) => line === "begins").length;

  it("run side by side, but never so many that this machine only switches between them", async () => {
    await Promise.all(Array.from({ length: 80 }, () => connection.run(NAP, { timeoutSeconds: 30 })));
    let running = 0;
    const atOnce = log().map((line) => (running += line === "begins" ? 1 : -1));
    expect(begun()).toBe(80);
    expect(Math.max(...atOnce)).toBeGreaterThan(1);
    expect(Math.max(...atOnce)).toBeLessThanOrEqual(32);
  });

  it("that are slow keep no other from its turn: a heart beats while every host pulls", async () => {
    const pulls = Array.from({ length: 40 }, () => connection.run(WAIT, { timeoutSeconds: 30, slow: true }));
    await until("40 pulls are under way", () => begun() === 40);
    await connection.run("true", { timeoutSeconds: 30 });
    expect(log().filter((line) => line === "ends")).toHaveLength(1);
    writeFileSync(path.join(folder, "go"), "");
    await Promise.all(pulls);
  });
});
