/** What may befall a droplet, its SSH and its Docker. */
import { FRONT_HELPER } from "../../../contract/host.js";
import { dateProgram, type TroubledDroplet } from "../../trouble.js";
import type { ErrorCode } from "../../../scripts/rollout/core/errors.js";
import { changingSteps, type Phase } from "../phase.js";
import {
  another,
  impatient,
  lastDroplet,
  onTheHost,
  SHORT_MS,
  shellOn,
  theHost,
  untilKept,
  type Fault,
  type Scene,
} from "../fault.js";

async function powerCycle(droplet: TroubledDroplet): Promise<void> {
  await droplet.powerOff();
  droplet.powerOn();
  await droplet.booted();
}

/** A container that is none of the fleet's. */
const runForeign = (droplet: TroubledDroplet, image: string): Promise<void> =>
  shellOn(droplet, `docker run -d --name foreign ${image}`);

/** Somebody else has its health port refused, or takes that back. */
const front = (droplet: TroubledDroplet, verb: "drop" | "raise"): Promise<void> =>
  shellOn(droplet, `sudo -n ${FRONT_HELPER} ${verb} api`);

async function removeForeign({ droplet }: Scene): Promise<void> {
  await droplet.shell("docker rm -f foreign");
}

/** Longer than the suite's lease of 10 s. */
const LONG_MS = 25_000;
const HOUR_SECONDS = 3600;

const diskFull: readonly (readonly [when: string, Phase, exitCode: number, ErrorCode])[] = [
  ["before the start", "before", 3, "HostUnfit"],
  ["when the image is pulled", "locked", 3, "PullFailed"],
  ["when the old container is to be stopped", "draining", 5, "StepFailed"],
];

export const droplets: readonly Fault[] = [
  { name: "SSH cut", phases: onTheHost, strike: ({ droplet }) => droplet.cutSsh(), exitCodes: [0] },
  {
    name: "SSH stalls for less than the lease (half-open TCP)",
    phases: ["draining", "starting", "ready"],
    strike: ({ droplet }) => droplet.freezeSsh(SHORT_MS),
    exitCodes: [0],
  },
  {
    name: "SSH stalls for longer than the lease (half-open TCP)",
    phases: ["draining", "starting", "ready"],
    strike: ({ droplet }) => droplet.freezeSsh(LONG_MS),
    exitCodes: [5, 6],
  },
  ...([HOUR_SECONDS, -HOUR_SECONDS] as const).map((seconds): Fault => ({
    name: `a host's clock jumps an hour ${seconds > 0 ? "ahead" : "back"}`,
    phases: ["draining"],
    strike: ({ droplet }) => droplet.shadow("date", dateProgram(seconds)),
    mend: ({ droplet }) => droplet.shadow("date", null),
    exitCodes: [0],
  })),
  {
    name: "a droplet is added meanwhile",
    phases: ["draining"],
    strike: ({ resize, world }) => resize(world.droplets.length + 1),
    unrested: lastDroplet,
    exitCodes: [0],
  },
  {
    name: "a droplet is deleted meanwhile",
    phases: ["draining", "done"],
    fleet: { dropletCount: 3 },
    strike: ({ resize, world }) => resize(world.droplets.length - 1),
    kills: lastDroplet,
    exitCodes: [5, 6],
  },
  {
    name: "host key changed",
    phases: ["before"],
    strike: ({ droplet }) => droplet.changeHostKey(true),
    mend: ({ droplet }) => droplet.changeHostKey(false),
    exitCodes: [3],
    error: "HostKeyChanged",
  },
  {
    name: "droplet is off before the start",
    phases: ["before"],
    fleet: { rollout: { bootTimeoutSeconds: 10 } },
    strike: ({ droplet }) => droplet.powerOff(),
    mend: async ({ droplet }) => {
      droplet.powerOn();
      await droplet.booted();
    },
    kills: theHost,
    exitCodes: [3],
    error: "HostUnreachable",
  },
  {
    name: "droplet loses power and boots",
    phases: onTheHost,
    strike: ({ droplet }) => powerCycle(droplet),
    kills: theHost,
    exitCodes: [5, 6],
  },
  {
    name: "droplet loses power as a step begins",
    phases: changingSteps.drain,
    strike: ({ droplet }) => powerCycle(droplet),
    kills: theHost,
    exitCodes: [5, 6],
    handedOver: { phases: changingSteps.handoff },
  },
  {
    name: "droplet loses power while its old container drains",
    strategies: ["handoff"],
    phases: ["after"],
    strike: ({ droplet }) => powerCycle(droplet),
    kills: theHost,
    exitCodes: [0],
  },
  {
    name: "another droplet of three loses power and boots",
    phases: ["draining", "ready"],
    // Of two, nobody is left until the one that leaves is back: no rollout can help that once the balancer has let go.
    fleet: { dropletCount: 3 },
    strike: (scene) => powerCycle(another(scene)),
    kills: another,
    exitCodes: [0, 5, 6],
  },
  {
    name: "the old container crashes",
    phases: ["draining", "ejected"],
    strike: ({ droplet }) => droplet.crash("api"),
    kills: theHost,
    // A moment before its drain: Docker starts it again, and that one is drained.
    exitCodes: [0, 5],
  },
  {
    name: "new container crashes",
    phases: ["ready"],
    strike: ({ droplet }) => droplet.crash("api"),
    kills: theHost,
    exitCodes: [5],
  },
  // What the kernel does where memory runs out: it kills the process, and says no more. Docker starts it again where its policy says so.
  {
    name: "out of memory: the old container is killed beside the new one",
    strategies: ["handoff"],
    phases: untilKept,
    strike: ({ droplet }) => droplet.crash("api-previous"),
    kills: theHost,
    exitCodes: [0],
  },
  {
    name: "out of memory: the old container is killed while it drains",
    strategies: ["handoff"],
    phases: ["after"],
    strike: ({ droplet }) => droplet.crash("api-previous"),
    kills: theHost,
    exitCodes: [0],
  },
  {
    name: "out of memory: the new container is killed before it is kept",
    strategies: ["handoff"],
    phases: untilKept,
    strike: ({ droplet }) => droplet.crash("api"),
    kills: theHost,
    // One that Docker or the commit starts again may be kept.
    exitCodes: [0, 5],
  },
  {
    name: "out of memory: the new container is killed while the old one drains",
    strategies: ["handoff"],
    phases: ["after"],
    strike: ({ droplet }) => droplet.crash("api"),
    kills: theHost,
    exitCodes: [0],
  },
  {
    name: "the balancer no longer reaches the droplet",
    phases: ["starting"],
    fleet: { rollout: impatient },
    strike: ({ droplet }) => droplet.hideService(true),
    mend: ({ droplet }) => droplet.hideService(false),
    exitCodes: [5, 6],
    error: "NotReadmitted",
    // It would lose what comes to a host that serves.
    strategies: ["drain"],
  },
  {
    name: "Docker is restarted",
    phases: ["draining", "starting", "ready"],
    strike: ({ droplet }) => droplet.restartDocker(SHORT_MS),
    exitCodes: [0, 5],
    handedOver: { phases: ["starting", "front-lead", "ready", "restart-on", "after"] },
  },
  {
    name: "another droplet of three turns unhealthy",
    phases: ["draining"],
    fleet: { dropletCount: 3 },
    strike: (scene) => front(another(scene), "drop"),
    mend: (scene) => front(another(scene), "raise"),
    exitCodes: [5],
    error: "QuorumLost",
  },
  ...diskFull.map(([when, phase, exitCode, error]): Fault => ({
    name: `disk full ${when}`,
    phases: [phase],
    // A release to go back to is there, which has to make room.
    serving: async (world) => [await world.pushReference("v0"), await world.pushReference("v1")],
    strike: ({ droplet }) => droplet.fillDisk(true),
    mend: ({ droplet }) => droplet.fillDisk(false),
    exitCodes: [exitCode],
    error,
    // Docker can write nothing, not even that it is to start the container at the next boot.
    ...(phase === "draining" ? { unrested: theHost } : {}),
  })),
  {
    name: "disk full on the last droplet",
    phases: ["done"],
    strike: (scene) => another(scene).fillDisk(true),
    mend: (scene) => another(scene).fillDisk(false),
    exitCodes: [6],
    error: "StepFailed",
    unrested: another,
  },
  {
    name: "a foreign container keeps an image from being removed at the end",
    phases: ["before"],
    serving: async (world) => [await world.pushReference("v0"), await world.pushReference("v1")],
    strike: async ({ droplet, world }) => runForeign(droplet, await world.pushReference("v0")),
    mend: removeForeign,
    exitCodes: [0],
    tells: "pruneFailed",
  },
];
