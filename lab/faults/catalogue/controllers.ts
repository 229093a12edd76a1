/** What may befall whoever rolls out, and who else does. */
import { environmentNames } from "../../../contract/manifest.js";
import type { TroubledDroplet } from "../../trouble.js";
import { Controller } from "../controller.js";
import { broken, onTheHost, shellOn, sleep, theHost, type Fault, type Scene } from "../fault.js";
import type { Phase } from "../phase.js";

/** Long enough for every lease of the suite to end. */
const BEYOND_LEASE_MS = 15_000;
const everywhere: readonly Phase[] = ["locked", ...onTheHost, "done", "last"];

const signalled =
  (name: NodeJS.Signals) =>
  ({ controller }: Scene): void =>
    controller?.signal(name);

/** Kills the steward that has a droplet in hand. */
export const killSteward = (droplet: TroubledDroplet): Promise<void> => shellOn(droplet, STEWARD_KILLED);

const STEWARD_KILLED = `cd .evenkeel/api || exit
run=$(basename "$(dirname "$(readlink recover.sh)")")
pid=$(cat "runs/$run/pid")
case $(ps -ww -o args= -p "$pid") in
  *"runs/$run/steward.sh"*) kill -9 "$pid" ;;
  *) echo "process $pid is no steward" >&2 && exit 1 ;;
esac`;

async function second({ world, stackFolder }: Scene, image: string, wait: string, expected: number): Promise<void> {
  const order = { image, stackFolder, environment: { [environmentNames.wait]: wait } };
  const code = await new Controller(world, order).ended;
  if (code !== expected) throw new Error(`the second rollout ended with ${code}, not ${expected}`);
}

export const controllers: readonly Fault[] = [
  { name: "controller killed (SIGKILL)", phases: everywhere, strike: signalled("SIGKILL"), exitCodes: [null] },
  {
    name: "fleet of one: controller killed (SIGKILL)",
    phases: ["locked", "starting"],
    fleet: { dropletCount: 1 },
    strike: signalled("SIGKILL"),
    exitCodes: [null],
  },
  {
    name: "controller told to stop (SIGTERM)",
    phases: everywhere,
    strike: signalled("SIGTERM"),
    exitCodes: [130],
    error: "Interrupted",
  },
  {
    name: "controller told to stop (SIGINT)",
    phases: ["starting", "locked", "draining", "ejected", "ready", "done", "last"],
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
    error: "StewardLost",
    // It is told to start before the host is: nothing may have changed yet.
    handedOver: { exitCodes: [3, 5, 6] },
  },
  {
    name: "controller and steward killed (SIGKILL): a lock whose process is gone",
    phases: ["draining", "starting", "ready"],
    strike: async ({ controller, droplet }) => {
      controller?.signal("SIGKILL");
      await killSteward(droplet);
    },
    exitCodes: [null],
    unrested: theHost,
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
    strike: async (scene) => second(scene, await scene.world.pushReference("v3"), "120", 0),
    exitCodes: [5],
    error: "StepFailed",
    restsOn: "another",
  },
  {
    name: "the same image again",
    phases: ["before"],
    release: async (_world, serving) => serving,
    exitCodes: [0],
  },
];
