/** Nothing of a real world outlives its owner, and no world is touched for another one's sake. */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterEach, expect, it, jest } from "@jest/globals";
import { sweep } from "../../lab/real/claim.js";
import { until } from "../lab/support/until.js";

/** For a machine that is slow or busy; nothing is concluded from the time it takes. */
jest.setTimeout(240_000);

const OWNER = fileURLToPath(new URL("support/owner.ts", import.meta.url));
const ORPHAN = new URL("../support/orphan.mjs", import.meta.url).href;

interface Owned {
  readonly number: number;
  readonly folder: string;
  readonly mark: string;
  readonly address: string;
}

interface Owner {
  readonly process: ChildProcess;
  readonly world: Owned;
}

const owners: Owner[] = [];
afterEach(async () => {
  for (const owner of owners.splice(0)) {
    await end(owner.process, "SIGTERM");
    await nothingLeft(owner.world);
  }
});

const startOwner = (argument: string): Promise<Owner> =>
  startedAs(process.execPath, ["--import", "tsx", OWNER, argument]);

/** As a worker of jest runs: its runner is what can be killed here. */
const startUnderRunner = (): Promise<Owner> =>
  startedAs("/bin/sh", ["-c", '"$0" --import "$1" --import tsx "$2" wait; :', process.execPath, ORPHAN, OWNER]);

async function startedAs(command: string, argv: readonly string[]): Promise<Owner> {
  const started = spawn(command, argv, { stdio: ["ignore", "pipe", "ignore"] });
  const [line] = (await once(started.stdout, "data")) as [Buffer];
  const owner = { process: started, world: JSON.parse(line.toString()) as Owned };
  owners.push(owner);
  return owner;
}

async function end(owner: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (owner.exitCode !== null || owner.signalCode !== null) return;
  const exit = once(owner, "exit");
  owner.kill(signal);
  await exit;
}

const sh = (script: string): string => execFileSync("/bin/sh", ["-c", script], { encoding: "utf8" }).trim();

/** Everything that there is of a world, by kind. */
const remains = ({ number, folder, mark }: Owned) => ({
  processes: sh(`grep -ls '${mark}' /proc/[0-9]*/environ || :`),
  namespaces: sh(`grep ' ${folder}/net/' /proc/self/mountinfo || :`),
  interfaces: sh(`ip -o link | grep ' ek${number}@' || :`),
  mounts: sh(`grep ' ${folder}/' /proc/self/mountinfo || :`),
  loopDevices: sh(`losetup --list --noheadings --output BACK-FILE | grep '^${folder}/' || :`),
  // A folder may go away under find's feet, which then ends with 1; what is listed is right all the same.
  cgroups: sh(`find /sys/fs/cgroup -type d -name 'evenkeel-lab-${number}' 2>/dev/null || :`),
  files: sh(`ls -d ${folder} ${folder}.owner 2>/dev/null || :`),
});
const kinds = (world: Owned): string[] =>
  Object.entries(remains(world)).flatMap(([kind, found]) => (found ? [kind] : []));

const nothingLeft = (world: Owned): Promise<void> => until("nothing is left", () => kinds(world).length === 0);

it.each(["SIGINT", "SIGTERM", "SIGKILL"] as const)("leaves nothing of a world whose owner got %s", async (signal) => {
  const owner = await startOwner("wait");
  expect(kinds(owner.world)).toEqual(Object.keys(remains(owner.world)));
  await end(owner.process, signal);
  await nothingLeft(owner.world);
});

it("leaves nothing of a world whose owner failed", async () => {
  const { world } = await startOwner("throw");
  await nothingLeft(world);
});

it("leaves nothing of a world whose owner was killed while a droplet began to boot", async () => {
  const owner = await startOwner("early");
  await end(owner.process, "SIGKILL");
  await nothingLeft(owner.world);
});

it("leaves nothing of a world whose owner's runner was killed: the owner ends with it", async () => {
  const { process: runner, world } = await startUnderRunner();
  await end(runner, "SIGKILL");
  await nothingLeft(world);
});

it("lets two worlds run at once, and one go on when the other one ends", async () => {
  const [one, other] = await Promise.all([startOwner("wait"), startOwner("wait")]);
  expect(one.world.number).not.toBe(other.world.number);
  await end(one.process, "SIGKILL");
  await nothingLeft(one.world);
  expect(kinds(other.world)).toEqual(Object.keys(remains(other.world)));
  expect(sh(`bash -c 'exec 3<>/dev/tcp/${other.world.address}/22; head -c 4 <&3'`)).toBe("SSH-");
});

it("sweeps what is left where owner and reaper were killed, and nothing of a world that lives", async () => {
  const [dead, alive] = await Promise.all([startOwner("wait"), startOwner("wait")]);
  const reaper = Number(sh(`pgrep -P ${dead.process.pid ?? 0} -f reaper.sh`));
  process.kill(reaper, "SIGKILL");
  await end(dead.process, "SIGKILL");
  expect(kinds(dead.world)).toEqual(Object.keys(remains(dead.world)));
  await sweep();
  expect(kinds(dead.world)).toEqual([]);
  expect(kinds(alive.world)).toEqual(Object.keys(remains(alive.world)));
});
