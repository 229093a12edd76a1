/** A fault of the suite: what is done to a rollout, when, and how it must end. */
import type { FleetConfig } from "../../constructs/index.js";
import type { BalancerOptions } from "../balancer-options.js";
import type { Break } from "../releases.js";
import type { SiteName } from "../site-names.js";
import type { TroubledDroplet, TroubledWorld } from "../trouble.js";
import type { ErrorCode } from "../../scripts/rollout/core/errors.js";
import type { RolloutEvent } from "../../scripts/rollout/core/events.js";
import type { Controller } from "./controller.js";
import type { Phase } from "./phase.js";

/** What a fault may do something to. */
export interface Scene {
  readonly world: TroubledWorld;
  readonly stackFolder: string;
  /** Declares a fleet of another size, as an apply beside the rollout would: droplets come at once, and those that go are deleted. */
  readonly resize: (dropletCount: number) => Promise<void>;
  /** The image that is rolled out. */
  readonly image: string;
  /** The host that the phase is about; the first one where it is about none. */
  readonly droplet: TroubledDroplet;
  /** Null before the rollout. */
  readonly controller: Controller | null;
}

export interface Fault {
  readonly name: string;
  /** Sites that can stand for it. @default - all */
  readonly sites?: readonly SiteName[];
  /** How hosts get the release where it means something. @default - both ways */
  readonly strategies?: readonly FaultStrategy[];
  /** It strikes in each, one rollout at a time. */
  readonly phases: readonly Phase[];
  /** @default - the suite's */
  readonly fleet?: FleetConfig;
  /** @default - one node; it tries another host only where the fault itself takes one away */
  readonly balancer?: BalancerOptions;
  /** What is deployed before it, oldest first. @default - one release that works */
  readonly serving?: (world: TroubledWorld) => Promise<readonly string[]>;
  /** What is rolled out; null: it goes back to the release before. @default - another release that works */
  readonly release?: ((world: TroubledWorld, serving: string) => Promise<string>) | null;
  readonly strike?: (scene: Scene) => Promise<void> | void;
  /** Ends it when the rollout has ended, before the hosts are looked at. @default - nothing is to be ended */
  readonly mend?: (scene: Scene) => Promise<void> | void;
  /** Whose process it ends: requests inside it are lost with it. @default - nobody's */
  readonly kills?: (scene: Scene) => TroubledDroplet;
  /** Why it did not befall anybody; nothing: it did. @default - it did */
  readonly missed?: (scene: Scene) => readonly string[];
  /** How the rollout may end; null: killed. */
  readonly exitCodes: readonly (number | null)[];
  /** Error that the rollout must end with. @default - any that has one of the exit codes */
  readonly error?: ErrorCode | undefined;
  /** Event that it must tell. @default - none */
  readonly tells?: RolloutEvent["name"] | undefined;
  /** The host that only the run after it brings to rest. @default - each comes to rest by itself */
  readonly unrested?: ((scene: Scene) => TroubledDroplet) | undefined;
  /** A container that was handed over from may run on, for those that are not done with it; a reboot ends it. @default - it has ended */
  readonly leavesOld?: boolean;
  /** What the hosts come to rest on: the release before or the one that was rolled out, or another one. @default "usual" */
  readonly restsOn?: "usual" | "another";
  /** What the run after it deploys. @default "same" */
  readonly again?: "same" | "before";
  /** What is otherwise where hosts are handed over. @default - nothing is, but for the phases of a drain */
  readonly handedOver?: Partial<Omit<Fault, "name" | "strategies" | "handedOver">>;
}

/** How the hosts of a line get the release. */
export const faultStrategies = ["drain", "handoff"] as const;
export type FaultStrategy = (typeof faultStrategies)[number];

/** A host that is handed over is never drained: what would strike then strikes while its new container starts. */
const handoffPhase = (phase: Phase): Phase => (phase === "draining" || phase === "ejected" ? "starting" : phase);

/** The fault as it befalls fleets of that strategy; null where it means nothing there. */
export function faultFor(fault: Fault, strategy: FaultStrategy): Fault | null {
  const { handedOver = {}, strategies = faultStrategies, ...rest } = fault;
  if (!strategies.includes(strategy)) return null;
  if (strategy === "drain") return rest;
  const merged = { ...rest, ...handedOver };
  return { ...merged, phases: [...new Set(merged.phases.map(handoffPhase))] };
}

export const sleep = (milliseconds: number): Promise<void> => new Promise((settle) => setTimeout(settle, milliseconds));

/** For what never comes to pass: the least that the suite's declared check allows. */
export const impatient = { progressDeadlineSeconds: 15, drainTimeoutSeconds: 10 } as const;

/** Longer than a quiet moment of a droplet's Docker or SSH, and shorter than the suite's lease of 10 s. */
export const SHORT_MS = 4000;

/** Whatever a rollout does with one host. */
export const onTheHost: readonly Phase[] = ["draining", "ejected", "starting", "ready"];

/** While a rollout has not committed to the new container of a host that it hands over: before the switch, after it, and half way through the commit. */
export const untilKept: readonly Phase[] = ["front-lead", "restart-on", "front-keep"];

export const theHost = ({ droplet }: Scene): TroubledDroplet => droplet;
/** The one that was declared last. */
export const lastDroplet = ({ world, droplet }: Scene): TroubledDroplet => world.droplets.at(-1) ?? droplet;
export const another = ({ world, droplet }: Scene): TroubledDroplet =>
  world.droplets.find(({ id }) => id !== droplet.id) ?? droplet;

/** What the fleet's user runs there. @throws Error when it fails */
export async function shellOn(droplet: TroubledDroplet, script: string): Promise<void> {
  const { exitCode, stderr } = await droplet.shell(script);
  if (exitCode !== 0) throw new Error(`${droplet.name}: ${stderr}`);
}

/** A release that is broken in one way; the run after it goes on with the one before. */
export const broken = (how: Break): Pick<Fault, "release" | "again"> => ({
  release: (world) => world.pushBroken(how),
  again: "before",
});
