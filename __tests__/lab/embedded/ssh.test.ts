import { spawn } from "node:child_process";
import { jest } from "@jest/globals";
import { once } from "node:events";
import type { EmbeddedDroplet } from "../../../lab/embedded/droplet.js";
import { embedded, type EmbeddedWorld } from "../../../lab/embedded/site.js";
import { startWorld } from "../../../lab/world.js";
import { closeSsh, ssh, startSsh } from "../support/ssh.js";
import { stackJson } from "../support/stack.js";
import { until } from "../support/until.js";

/** For a machine that is slow or busy; nothing is concluded from the time it takes. */
jest.setTimeout(60_000);

let world: EmbeddedWorld;
let api1: EmbeddedDroplet;
let api2: EmbeddedDroplet;

beforeAll(async () => {
  process.env["LAB_TEST_SECRET"] = "hunter2";
  world = await startWorld({ stackJson: stackJson(), site: embedded() });
  await world.booted();
  [api1, api2] = [world.droplet("api-1"), world.droplet("api-2")];
});
afterAll(async () => {
  await closeSsh(world);
  await world.stop();
});

const run = (command: string, input?: string) => ssh(world, api1, command, input);

test("a command's output, errors and exit code come back apart", async () => {
  expect(await run("echo out; echo err >&2; exit 3")).toEqual({ code: 3, stdout: "out\n", stderr: "err\n" });
});

test("standard input arrives whole, with its end", async () => {
  const input = `${"evenkeel ".repeat(100_000)}\n`;
  expect((await run("cat", input)).stdout).toBe(input);
  expect((await run("cat")).stdout).toBe("");
});

test("a command that does not read its input does not mind it", async () => {
  expect(await run("true", "x".repeat(1_000_000))).toMatchObject({ code: 0 });
});

test("large output arrives whole", async () => {
  expect((await run("head -c 3000000 /dev/zero | tr '\\0' x")).stdout).toHaveLength(3_000_000);
});

test("commands run one beside the other over one connection, also more than a server takes on one", async () => {
  await run("true");
  const results = await Promise.all(Array.from({ length: 14 }, (_, index) => run(`sleep 0.1; echo ${index}`)));
  expect(results.map(({ stdout }) => stdout)).toEqual(results.map((_, index) => `${index}\n`));
});

test("a command has the droplet's environment and nothing of the caller's", async () => {
  const { stdout } = await run("env; pwd");
  expect(stdout).not.toContain("hunter2");
  const names = stdout.split("\n").flatMap((line) => /^([A-Z_]+)=/.exec(line)?.[1] ?? []);
  expect(names.sort()).toEqual(
    ["HOME", "LAB_DROPLET", "LAB_WORLD", "LANG", "LOGNAME", "PATH", "PWD", "SHELL", "USER"].sort(),
  );
  expect(stdout).toContain(`HOME=${api1.home}\n`);
  expect(stdout.trim().split("\n").at(-1)).toBe(api1.home);
});

test("each droplet has a home and a host key of its own", async () => {
  await run("echo one >file");
  expect((await ssh(world, api2, "cat file")).code).toBe(1);
  // The same address with another droplet's key behind it is refused: the client remembers by droplet id.
  const wrong = startSsh(world, api2, "true", ["-o", `HostKeyAlias=droplet-${api1.id}`, "-o", "ControlPath=none"]);
  let stderr = "";
  wrong.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
  const [code] = (await once(wrong, "close")) as [number];
  expect([code, stderr]).toEqual([255, expect.stringContaining("REMOTE HOST IDENTIFICATION HAS CHANGED")]);
});

test("only the deploy user with the world's key may log in", async () => {
  const attempt = async (...more: string[]) => {
    const child = startSsh(world, api1, "true", ["-o", "ControlPath=none", ...more]);
    const [code] = (await once(child, "exit")) as [number];
    return code;
  };
  expect(await attempt()).toBe(0);
  expect(await attempt("-l", "root")).toBe(255);
  const without = [
    "-F/dev/null",
    "-oBatchMode=yes",
    "-oIdentitiesOnly=yes",
    "-oIdentityAgent=none",
    "-oIdentityFile=none",
  ];
  const known = ["-oStrictHostKeyChecking=accept-new", `-oUserKnownHostsFile=${world.folder}/known_too`];
  const stranger = spawn("ssh", [...without, ...known, "-p", String(api1.sshPort), "deploy@127.0.0.1", "true"], {
    stdio: "ignore",
  });
  expect(await once(stranger, "exit")).toEqual([255, null]);
});

test("nobody may log in to a droplet whose block names no key", async () => {
  const keyless = JSON.parse(
    JSON.stringify(stackJson({ names: ["api-1"] })).replaceAll('"ssh_keys"', '"no_keys"'),
  ) as object;
  const closed = await startWorld({ stackJson: keyless, site: embedded() });
  await closed.booted();
  const { code, stderr } = await ssh(closed, closed.droplet("api-1"), "true");
  await closed.stop();
  expect([code, stderr]).toEqual([255, expect.stringContaining("Permission denied (publickey)")]);
});

test("no terminal, no files, no forwarding", async () => {
  const child = startSsh(world, api1, "", ["-s", "-o", "ControlPath=none"]);
  expect(await once(child, "exit")).toEqual([255, null]);
  const forward = startSsh(world, api1, "", ["-W", "127.0.0.1:80", "-o", "ControlPath=none"]);
  expect(((await once(forward, "exit")) as [number])[0]).not.toBe(0);
});

test("what a command puts into the background goes on, also when the connection breaks", async () => {
  const child = startSsh(
    world,
    api1,
    "nohup sh -c 'sleep 0.3; echo done >mark' </dev/null >/dev/null 2>&1 & echo started; sleep 60",
  );
  await once(child.stdout, "data");
  api1.cutSsh();
  const [code] = (await once(child, "exit")) as [number];
  expect(code).toBe(255);
  await until("the mark is there", async () => (await run("cat mark 2>/dev/null")).stdout === "done\n");
});

test("a command ends at its next write once the connection is gone", async () => {
  const child = startSsh(world, api1, "echo $$; while sleep 0.05; do echo still; done");
  const [first] = (await once(child.stdout, "data")) as [Buffer];
  api1.cutSsh();
  await once(child, "exit");
  const pid = first.toString().split("\n")[0] ?? "";
  await until("the command ended", async () => (await run(`kill -0 ${pid} 2>/dev/null; echo $?`)).stdout !== "0\n");
});

test("a command that a signal ended is told from one that failed", async () => {
  expect((await run("kill -9 $$")).code).toBe(255);
});
