/** What may befall whoever rolls out, and who else does. */
import { readFileSync, readlinkSync } from "node:fs";
import path from "node:path";
import { execaSync } from "execa";
import { environmentNames } from "../../../contract/manifest.js";
import type { EmbeddedDroplet } from "../../embedded/droplet.js";
import { Controller } from "../controller.js";
import { broken, onTheHost, sleep, type Fault, type Scene } from "../fault.js";
import type { Phase } from "../phase.js";

/** Long enough for every lease of the suite to end. */
const BEYOND_LEASE_MS = 15_000;
const everywhere: readonly Phase[] = ["locked", "smoke", ...onTheHost, "done", "last"];

const signalled =
  (name: NodeJS.Signals) =>
  ({ controller }: Scene): void =>
    controller?.signal(name);

/** Kills the steward that has a droplet in hand. */
function killSteward({ home }: EmbeddedDroplet): void {
  const fleet = path.join(home, ".evenkeel/api");
  const run = path.basename(path.dirname(readlinkSync(path.join(fleet, "recover.sh"))));
  const pid = Number(readFileSync(path.join(fleet, "runs", run, "pid"), "utf8"));
  const argv = execaSync("ps", ["-ww", "-o", "args=", "-p", String(pid)]).stdout;
  if (!argv.includes(`runs/${run}/steward.sh`)) throw new Error(`process ${pid} is no steward: ${argv}`);
  process.kill(pid, "SIGKILL");
}

async function second({ world, stackFolder }: Scene, image: string, wait: string, expected: number): Promise<void> {
  const order = { image, stackFolder, environment: { [environmentNames.wait]: wait } };
  const code = await new Controller(world, order).ended;
  if (code !== expected) throw new Error(`the second rollout ended with ${code}, not ${expected}`);
}

export const controllers: readonly Fault[] = [
  { name: "controller killed (SIGKILL)", phases: everywhere, strike: signalled("SIGKILL"), exitCodes: [null] },
  {
    name: "controller told to stop (SIGTERM)",
    phases: everywhere,
    strike: signalled("SIGTERM"),
    exitCodes: [130],
    error: "Interrupted",
  },
  {
    name: "controller told to stop (SIGINT)",
    phases: ["starting"],
    strike: signalled("SIGINT"),
    exitCodes: [130],
    error: "Interrupted",
  },
  {
    name: "controller's terminal closed (SIGHUP)",
    phases: ["starting"],
    strike: signalled("SIGHUP"),
    exitCodes: [130],
    error: "Interrupted",
  },
  {
    name: "controller paused beyond the lease",
    phases: ["draining", "starting", "ready"],
    strike: async ({ controller }) => {
      controller?.signal("SIGSTOP");
      await sleep(BEYOND_LEASE_MS);
      controller?.signal("SIGCONT");
    },
    exitCodes: [5, 6],
  },
  {
    name: "controller and steward killed (SIGKILL): a lock whose process is gone",
    phases: ["draining", "starting", "ready"],
    strike: ({ controller, droplet }) => {
      controller?.signal("SIGKILL");
      killSteward(droplet);
    },
    exitCodes: [null],
    rests: "others",
  },
  {
    name: "another rollout is started meanwhile",
    phases: ["draining"],
    strike: (scene) => second(scene, scene.image, "0", 4),
    exitCodes: [0],
  },
  {
    name: "a newer rollout waits while this one fails",
    phases: ["starting"],
    ...broken("never-healthy"),
    fleet: { rollout: { smokeBoot: false } },
    strike: async (scene) => second(scene, await scene.world.pushReference("v3"), "120", 0),
    exitCodes: [5],
    error: "StepFailed",
    rests: "newer",
  },
  {
    name: "the same image again",
    phases: ["before"],
    release: async (_world, serving) => serving,
    exitCodes: [0],
  },
];
