/** Every fault of the suite: what is done to a rollout, when, and how it must end. */
import type { FleetConfig } from "../../constructs/index.js";
import type { EmbeddedDroplet } from "../embedded/droplet.js";
import type { EmbeddedWorld } from "../embedded/site.js";
import type { Break } from "../releases.js";
import { Controller } from "./controller.js";
import type { Phase } from "./phase.js";

/** What a fault may do something to. */
export interface Scene {
  readonly world: EmbeddedWorld;
  readonly stackFolder: string;
  /** The image that is rolled out. */
  readonly image: string;
  /** The host that the phase is about; the first one where it is about none. */
  readonly droplet: EmbeddedDroplet;
  /** Null before the rollout. */
  readonly controller: Controller | null;
}

export interface Fault {
  readonly name: string;
  /** It strikes in each, one rollout at a time. */
  readonly phases: readonly Phase[];
  /** @default - the suite's */
  readonly fleet?: FleetConfig;
  /** What is rolled out. @default - a release that works */
  readonly release?: (world: EmbeddedWorld) => Promise<string>;
  readonly strike?: (scene: Scene) => Promise<void> | void;
  /** Whose process it ends: requests inside it are lost with it. @default - nobody's */
  readonly kills?: (scene: Scene) => EmbeddedDroplet;
  /** Why it did not befall anybody; null: it did. @default - it did */
  readonly missed?: (scene: Scene) => string | null;
  /** Before the run after it. @default - nothing */
  readonly mend?: (scene: Scene) => Promise<void> | void;
  /** How the rollout may end; null: killed. */
  readonly exitCodes: readonly (number | null)[];
  /** What the run after it deploys. @default "same" */
  readonly again?: "same" | "before";
}

/** Long enough for every lease of the suite to end. */
const BEYOND_LEASE_MS = 15_000;
const sleep = (milliseconds: number): Promise<void> => new Promise((settle) => setTimeout(settle, milliseconds));

const everywhere: readonly Phase[] = ["locked", "smoke", "draining", "ejected", "starting", "ready", "done", "last"];
const onTheHost: readonly Phase[] = ["draining", "ejected", "starting", "ready"];

const signalled =
  (name: NodeJS.Signals) =>
  ({ controller }: Scene) =>
    controller?.signal(name);

const theHost = ({ droplet }: Scene): EmbeddedDroplet => droplet;
const another = ({ world, droplet }: Scene): EmbeddedDroplet =>
  world.droplets.find(({ id }) => id !== droplet.id) ?? droplet;

async function powerCycle(droplet: EmbeddedDroplet): Promise<void> {
  await droplet.powerOff();
  droplet.powerOn();
  await droplet.booted();
}

const broken = (how: Break): Pick<Fault, "release" | "again"> => ({
  release: (world) => world.pushBroken(how),
  again: "before",
});
const breaks: readonly Break[] = ["never-healthy", "exits-at-once", "crash-loop", "wrong-port"];

/** Of the emulated API: everything that a rollout asks of it. */
const ANY_CALL = /^GET /;
const ALWAYS = 1000;

const answered =
  (status: number) =>
  ({ world }: Scene): string | null =>
    world.api.calls.some((call) => call.status === status) ? null : `no call was answered with ${status}`;

export const faults: readonly Fault[] = [
  { name: "none", phases: ["before"], exitCodes: [0] },
  { name: "controller killed (SIGKILL)", phases: everywhere, strike: signalled("SIGKILL"), exitCodes: [null] },
  { name: "controller told to stop (SIGTERM)", phases: everywhere, strike: signalled("SIGTERM"), exitCodes: [130] },
  { name: "controller told to stop (SIGINT)", phases: ["starting"], strike: signalled("SIGINT"), exitCodes: [130] },
  {
    name: "controller's terminal closed (SIGHUP)",
    phases: ["starting"],
    strike: signalled("SIGHUP"),
    exitCodes: [130],
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
  { name: "SSH cut", phases: onTheHost, strike: ({ droplet }) => droplet.cutSsh(), exitCodes: [0] },
  {
    name: "droplet loses power and boots",
    phases: onTheHost,
    strike: (scene) => powerCycle(theHost(scene)),
    kills: theHost,
    exitCodes: [5, 6],
  },
  {
    name: "another droplet loses power and boots",
    phases: ["draining", "ready"],
    strike: (scene) => powerCycle(another(scene)),
    kills: another,
    exitCodes: [0, 5, 6],
  },
  {
    name: "app crashes while it is drained",
    phases: ["draining", "ejected"],
    strike: ({ droplet }) => droplet.crash("api"),
    kills: theHost,
    exitCodes: [5],
  },
  {
    name: "new container crashes",
    phases: ["ready"],
    strike: ({ droplet }) => droplet.crash("api"),
    kills: theHost,
    exitCodes: [5],
  },
  ...breaks.flatMap((how): Fault[] => [
    { name: `release: ${how}`, phases: ["before"], ...broken(how), exitCodes: [3] },
    {
      name: `release: ${how}, no smoke boot`,
      phases: ["before"],
      ...broken(how),
      fleet: { rollout: { smokeBoot: false } },
      exitCodes: [5],
    },
  ]),
  {
    name: "image is not in the registry",
    phases: ["before"],
    release: async (world) => (await world.pushReference("v2")).replace(/[0-9a-f]{64}$/, "0".repeat(64)),
    again: "before",
    exitCodes: [3],
  },
  {
    name: "API answers 429 once, with Retry-After",
    phases: ["before"],
    strike: ({ world }) => world.api.fail(ANY_CALL, 429, 1, { "retry-after": "1" }),
    missed: answered(429),
    exitCodes: [0],
  },
  {
    name: "API breaks the connection once",
    phases: ["before"],
    strike: ({ world }) => world.api.fail(ANY_CALL, 0),
    missed: answered(0),
    exitCodes: [0],
  },
  ...[401, 500].map((status): Fault => ({
    name: `API answers ${status} to every call`,
    phases: ["before"],
    strike: ({ world }) => world.api.fail(ANY_CALL, status, ALWAYS),
    mend: ({ world }) => world.api.mend(),
    exitCodes: [3],
  })),
  {
    name: "another rollout is started meanwhile",
    phases: ["draining"],
    strike: async ({ world, stackFolder, image }) => {
      const code = await new Controller(world, { image, stackFolder }).ended;
      if (code !== 4) throw new Error(`the second rollout ended with ${code}, not 4`);
    },
    exitCodes: [0],
  },
];
