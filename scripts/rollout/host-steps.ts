/**
 * One host's replacement as data: what each order to the steward does, step by step, and how each step is taken back.
 * The steward's shell script is rendered from it (commands/steward.ts) and the lab's simulation interprets it.
 */
import type { Slot } from "../../contract/host.js";
import type { Manifest } from "../../contract/manifest.js";
import type { ObservedCheck, RolloutPolicy } from "../../contract/policy.js";
import type { Release } from "../../contract/release.js";
import { blindWaitMs } from "./core/floor.js";

/** One thing done on a host. */
export type Operation =
  /** When it ends, whatever ends it, Docker leaves it so. */
  | { readonly do: "stay-down"; readonly slot: Slot }
  /** The same, where a container has the slot's name. */
  | { readonly do: "may-stay-down"; readonly slot: Slot }
  /** Started if it has ended, and by Docker itself from now on. */
  | { readonly do: "bring-back"; readonly slot: Slot }
  /** The health ports are refused, and requests are still served. */
  | { readonly do: "drain" }
  /**
   * The app is asked to close each connection with its next answer there, those that a balancer keeps. It never fails: what is open tells whether the
   * app did. Nothing happens where there is no container, or its release has no port for that.
   */
  | { readonly do: "let-go"; readonly slot: Slot }
  /** Takes a drain back; nothing happens where nothing was refused. */
  | { readonly do: "raise" }
  /** Refuses to go on unless the process that the order's argument names is still there and draining. */
  | { readonly do: "expect-drained" }
  /** Refuses to go on when the health path has an answer after all that a balancer takes for healthy, 200 to 399: clients may be there. */
  | { readonly do: "expect-down" }
  /** Refuses to go on when less is free where Docker keeps its data: not even a container that is there could be started again. */
  | { readonly do: "expect-space"; readonly megabytes: number }
  /** Refuses to go on when the containers' network has no address that is free for a new container. */
  | { readonly do: "expect-address" }
  /**
   * Whoever waits to dismiss the container in the slot does not. Refuses to go on when it is being stopped already: it would still answer, and then end.
   */
  | { readonly do: "end-dismissal"; readonly slot: Slot }
  | { readonly do: "stop"; readonly slot: Slot; readonly timeoutSeconds: number }
  | { readonly do: "start"; readonly slot: Slot }
  | SetAside
  | Dismissal
  /** Nothing happens when there is no container in `from`. */
  | { readonly do: "move"; readonly from: Slot; readonly to: Slot }
  /** The same; one in `to` that has ended makes room, and beside one that runs nothing happens. */
  | { readonly do: "put-by"; readonly from: Slot; readonly to: Slot }
  | { readonly do: "remove"; readonly slot: Slot }
  /** Refuses to go on while a container has the slot's name. */
  | { readonly do: "expect-free"; readonly slot: Slot }
  | { readonly do: "run"; readonly slot: Slot; readonly release: Release }
  /** New connections to the host's ports go to that port of the container; nothing happens where they do already. */
  | { readonly do: "lead"; readonly slot: Slot; readonly port: number }
  /** To the container that has the slot's name again, on the port of its own release, also after a reboot; nowhere when there is none. */
  | { readonly do: "lead-back"; readonly slot: Slot }
  /** Where the front leads now is where it leads after a reboot. */
  | { readonly do: "keep-lead" }
  /** The host's ports lead nowhere any more. */
  | { readonly do: "lead-nowhere" }
  | { readonly do: "retire" };

/**
 * Stops a container that clients were led away from, once nothing is open there. Nothing happens where there is none, where it has ended, or where it has
 * another slot by then: somebody has gone back to it.
 */
export interface Dismissal {
  readonly do: "dismiss";
  readonly slot: Slot;
  /** Most seconds for what is open there to end. */
  readonly idleSeconds: number;
  /** Whether it is stopped after that, which cuts what is open; else the step fails. */
  readonly cuts: boolean;
  /** Seconds from SIGTERM to SIGKILL. */
  readonly timeoutSeconds: number;
  /** Seconds that it stays up in any case, for a way back. */
  readonly warmSeconds: number;
}

/** Stops the container of a release and keeps it under the name `failed`, for its log. One of another release is left alone. */
export interface SetAside {
  readonly do: "set-aside";
  readonly slot: Slot;
  readonly release: string;
  readonly timeoutSeconds: number;
  /** Null: no balancer asks it, or it asks no other. */
  readonly retreat: Retreat | null;
}

/**
 * What comes before the stop where the health path has an answer that a balancer takes for healthy, 200 to 399: it may have taken the
 * container in, although it never became what the rollout waited for. One that cannot be drained is stopped at once.
 */
export interface Retreat {
  /** `front`: the health ports are refused. `led-away`: the ports lead elsewhere again, so nobody has to let go. */
  readonly via: "front" | "led-away";
  /** Seconds after which the balancer has let go. */
  readonly ejectionSeconds: number;
  /** Most seconds for requests to end after that. */
  readonly idleSeconds: number;
}

/** What must become true before the next step; it fails at once on a container that restarted or ended, and when a newer order has come. */
export interface Condition {
  readonly ready: Slot;
  /** That the container serves on. */
  readonly port: number;
  readonly timeoutSeconds: number;
  /** Seconds that it must stay ready before it counts: a container that crashes soon after its start was ready once. */
  readonly steadySeconds: number;
}

export interface HostStep {
  /** Unique within the plan, words of small letters joined by "-"; journal and events name it. */
  readonly name: string;
  readonly run?: Operation;
  /** Also done when `run` or `until` itself fails. */
  readonly undo?: Operation;
  readonly until?: Condition;
}

/**
 * `retreat` takes a new container out of rotation, so that it can be taken back; `undo` takes back, last first, all that was done
 * since the last `commit`; `leave` ends the steward and frees the lock. A stage that fails is taken back at once, but for `commit`:
 * clients are on that container, and it has to leave rotation first.
 */
export type OrderName = "drain" | "replace" | "retreat" | "commit" | "stop" | "undo" | "leave";

/** Orders that are lists of steps. */
export type StagedOrder = Exclude<OrderName, "undo" | "leave">;

export interface HostPlan {
  readonly release: Release | null;
  /** What becomes, once the lock is free, of a container that was handed over from; null where none ever is. */
  readonly dismissal: Dismissal | null;
  readonly stages: Readonly<Record<StagedOrder, readonly HostStep[]>>;
}

/**
 * What is on a host: no container · one that does not serve · one that the balancer no longer has, whether it serves or not · one that serves
 * and nobody beside it, so that it cannot leave rotation · one that the balancer may send requests to.
 */
export const standings = ["empty", "down", "untagged", "alone", "in-rotation"] as const;
export type Standing = (typeof standings)[number];

/** What is known of the host when its steps are laid out. */
export interface HostContext {
  readonly release: Release | null;
  readonly policy: RolloutPolicy;
  readonly check: ObservedCheck;
  readonly standing: Standing;
  /** Whether the release is an earlier one: the container that is left for it is then no container to go back to. */
  readonly goesBack: boolean;
  /** Whether the container before is of the release and still runs: the ports are led back to it, and nothing is started. */
  readonly isWarm: boolean;
  /** Whether the container that serves, or the one that is to, closes the connections that a balancer keeps when it is asked to. */
  readonly letsGo: boolean;
}

/** Orders in which the host is kept in the fleet; a superseded host has only drain and stop. */
export function hostSteps(context: HostContext): HostPlan {
  const { release, policy } = context;
  const handsOver = release !== null && isHandedOver(context);
  return {
    release,
    dismissal: policy.strategy === "handoff" ? dismissal(context) : null,
    stages: {
      drain: context.standing === "in-rotation" && !handsOver ? drain(context) : [],
      replace: release ? replacement(release, context) : [],
      retreat: [{ name: "retreat", run: { do: "drain" } }, ...letGo("retreat-let-go", "current", context)],
      commit: commit(context),
      stop: stop(context),
    },
  };
}

function replacement(release: Release, context: HostContext): HostStep[] {
  if (isLedBack(context)) return leadBack(release, context);
  return isHandedOver(context) ? handOver(release, context) : replace(release, context);
}

/** Of the container that clients were led away from. */
const letGo = (name: string, slot: Slot, { letsGo }: HostContext): HostStep[] =>
  letsGo ? [{ name, run: { do: "let-go", slot } }] : [];

/** Also from a container that does not serve: nobody is cut by that. */
const isLedBack = (context: HostContext): boolean =>
  context.isWarm && (isHandedOver(context) || (context.policy.strategy === "handoff" && context.standing === "down"));

const restartOff: HostStep = {
  name: "restart-off",
  run: { do: "stay-down", slot: "current" },
  undo: { do: "bring-back", slot: "current" },
};

const retreatOf = (policy: RolloutPolicy, check: ObservedCheck): Retreat => ({
  via: "front",
  ejectionSeconds: ejectionSecondsOf(check),
  idleSeconds: policy.drainTimeoutSeconds,
});

const ejectionSecondsOf = (check: ObservedCheck): number =>
  Math.ceil(blindWaitMs(check.unhealthyThreshold, check) / 1000);

/** Longest, in seconds, that the steps of one order wait together: stops, a start, two dismissals, and the waits of a retreat. */
export const longestSeconds = ({ rollout, service }: Manifest, check: ObservedCheck): number =>
  ejectionSecondsOf(check) +
  3 * rollout.drainTimeoutSeconds +
  rollout.readyTimeoutSeconds +
  4 * service.stopTimeoutSeconds;

/** Restart policy off first: a crash while draining must not bring the host back into rotation. */
function drain(context: HostContext): HostStep[] {
  const { release } = context;
  return [
    // Before the drain, so that it is taken back last: what a full disk keeps from being renamed must not keep the host drained. A host
    // that is retired keeps what it has.
    ...(release ? [...dismissals(context), failedClear, ...makeRoom, expectAddress] : []),
    restartOff,
    { name: "drain", run: { do: "drain" }, undo: { do: "raise" } },
    // While the balancer lets the host go, requests still come, and each of these connections ends with one of them.
    ...letGo("drain-let-go", "current", context),
  ];
}

const failedClear: HostStep = { name: "failed-clear", run: { do: "remove", slot: "failed" } };
/** The container that is kept now makes room for the one that serves. */
const makeRoom: readonly HostStep[] = [
  { name: "older-clear", run: { do: "remove", slot: "older" } },
  {
    name: "previous-older",
    run: { do: "move", from: "previous", to: "older" },
    undo: { do: "move", from: "older", to: "previous" },
  },
];

/** Before the host leaves rotation: what is removed first has made its address free. */
const expectAddress: HostStep = { name: "expect-address", run: { do: "expect-address" } };

/**
 * Megabytes for what Docker writes when it makes or starts a container, some kilobytes, and for the logs that cloud-init lets one have, 30 MB
 * (constructs/host-files.ts).
 */
const SPACE_TO_START_MB = 50;

/** Preflight has seen more; an image, a log or somebody else may have taken it since. */
function expectSpace({ minFreeDiskMb }: RolloutPolicy): HostStep[] {
  const megabytes = Math.min(SPACE_TO_START_MB, minFreeDiskMb);
  return megabytes > 0 ? [{ name: "expect-space", run: { do: "expect-space", megabytes } }] : [];
}

const frontBack: HostStep = { name: "front-back", undo: { do: "lead-back", slot: "current" } };

/** The old container is stopped and kept; the new one takes its name. */
function replace(release: Release, context: HostContext): HostStep[] {
  const { policy, check, standing } = context;
  const stopTimeoutSeconds = release.service.stopTimeoutSeconds;
  const setAside: HostStep[] = [
    ...expectSpace(policy),
    ...(standing === "in-rotation" ? [{ name: "expect-drained", run: { do: "expect-drained" } } as const] : []),
    ...(standing === "in-rotation" ? [] : [...makeRoom, expectAddress, restartOff]),
    {
      name: "old-stop",
      run: { do: "stop", slot: "current", timeoutSeconds: stopTimeoutSeconds },
      undo: { do: "start", slot: "current" },
    },
    {
      name: "old-keep",
      run: { do: "move", from: "current", to: "previous" },
      undo: { do: "move", from: "previous", to: "current" },
    },
  ];
  return [
    // Before anything changes: the host is looked at anew, and the rollout is planned anew.
    ...expectDown(standing),
    ...(standing === "in-rotation" ? [] : dismissals(context)),
    ...(standing === "in-rotation" ? [] : [failedClear]),
    // Before all else, so that it is taken back last: clients are led back once the container that they are led to runs.
    frontBack,
    ...(standing === "empty" ? [] : setAside),
    // Before the step whose undo stops whatever has that name.
    { name: "name-free", run: { do: "expect-free", slot: "current" } },
    {
      name: "new-run",
      run: { do: "run", slot: "current", release },
      undo: {
        ...{ do: "set-aside", slot: "current", release: release.id, timeoutSeconds: stopTimeoutSeconds },
        // Where nobody serves beside it, clients lose less by a stop at once.
        retreat: standing === "alone" ? null : retreatOf(policy, check),
      },
    },
    {
      name: "new-ready",
      until: {
        ...{ ready: "current", port: release.service.port },
        ...{ timeoutSeconds: policy.readyTimeoutSeconds, steadySeconds: 0 },
      },
    },
    { name: "front-lead", run: { do: "lead", slot: "current", port: release.service.port } },
  ];
}

/** Whether the ports are led over from a container that serves. */
const isHandedOver = ({ policy, standing }: HostContext): boolean =>
  policy.strategy === "handoff" && (standing === "in-rotation" || standing === "alone");

/** Seconds that a new container has to stay ready before the ports lead to it: one that crashes soon after its start was ready once. */
const STEADY_SECONDS = 1;

/** The new container starts beside the old one, which has its name kept and is led back to if anything fails. */
function handOver(release: Release, context: HostContext): HostStep[] {
  const { policy } = context;
  const { port, stopTimeoutSeconds: timeoutSeconds } = release.service;
  return [
    // One that an earlier rollout has handed over from, and that still answers somebody.
    ...dismissals(context),
    failedClear,
    ...makeRoom,
    ...expectSpace(policy),
    // Taken back last: the front is kept as it was.
    frontBack,
    // A commit that fails half way has told the old one to stay down.
    { name: "old-on", undo: { do: "bring-back", slot: "current" } },
    {
      name: "old-keep",
      run: { do: "move", from: "current", to: "previous" },
      undo: { do: "move", from: "previous", to: "current" },
    },
    { name: "name-free", run: { do: "expect-free", slot: "current" } },
    {
      name: "new-run",
      run: { do: "run", slot: "current", release },
      undo: {
        ...{ do: "set-aside", slot: "current", release: release.id, timeoutSeconds },
        retreat: { via: "led-away", ejectionSeconds: 0, idleSeconds: policy.drainTimeoutSeconds },
      },
    },
    {
      name: "new-ready",
      until: {
        ...{ ready: "current", port },
        ...{ timeoutSeconds: policy.readyTimeoutSeconds, steadySeconds: STEADY_SECONDS },
      },
    },
    {
      name: "front-lead",
      run: { do: "lead", slot: "current", port },
      undo: { do: "lead-back", slot: "previous" },
    },
    ...letGo("old-let-go", "previous", context),
  ];
}

/** For a container that has run all the while, before a new one is started instead. */
const WARM_SECONDS = 5;

/** The container before still runs, and gets its name back. The one that is left is called the failed one, so that whoever was to stop the other finds it no more. */
function leadBack(release: Release, { policy, ...context }: HostContext): HostStep[] {
  const { port } = release.service;
  const undo = { do: "bring-back", slot: "current" } as const;
  return [
    failedDismiss({ policy, ...context }),
    failedClear,
    frontBack,
    // What is left of one that does not serve is nothing to go back to by itself, when nobody is heard any more.
    { name: context.standing === "down" ? "down-on" : "old-on", undo },
    {
      name: "old-failed",
      run: { do: "move", from: "current", to: "failed" },
      undo: { do: "move", from: "failed", to: "current" },
    },
    // Of a commit that fails half way: the host's own is to be the only one that a boot brings back.
    { name: "warm-off", undo: { do: "may-stay-down", slot: "previous" } },
    {
      name: "warm-back",
      run: { do: "move", from: "previous", to: "current" },
      undo: { do: "move", from: "current", to: "previous" },
    },
    // Once it has its name again: from then on nobody begins to.
    { name: "dismissal-ended", run: { do: "end-dismissal", slot: "current" } },
    {
      name: "new-ready",
      until: { ready: "current", port, timeoutSeconds: WARM_SECONDS, steadySeconds: 0 },
    },
    {
      name: "front-lead",
      run: { do: "lead", slot: "current", port },
      undo: { do: "lead-back", slot: "failed" },
    },
    ...letGo("failed-let-go", "failed", { policy, ...context }),
  ];
}

/** What an earlier rollout has handed over from may still answer somebody: nothing is removed that does. */
const dismissals = (context: HostContext): HostStep[] => [
  { name: "old-dismiss", run: { ...dismissal(context), warmSeconds: 0 } },
  failedDismiss(context),
];

const failedDismiss = (context: HostContext): HostStep => ({
  name: "failed-dismiss",
  run: { ...dismissal(context), slot: "failed", warmSeconds: 0 },
});

const dismissal = ({ policy, release }: HostContext): Dismissal => ({
  ...{ do: "dismiss", slot: "previous", idleSeconds: policy.drainTimeoutSeconds },
  ...{ cuts: policy.onDrainTimeout === "cut", timeoutSeconds: stopTimeout(release) },
  warmSeconds: policy.keepWarmSeconds,
});

/** What was gone back from is kept for its log only. Where a rollback leads, the history alone tells. */
function commit(context: HostContext): HostStep[] {
  const { goesBack, release, policy } = context;
  const olderRemove: HostStep = { name: "older-remove", run: { do: "remove", slot: "older" } };
  const handsOver = policy.strategy === "handoff";
  const wasLedBack = isLedBack(context);
  return [
    { name: "restart-on", run: { do: "bring-back", slot: "current" } },
    // Also of a host that was on the release before: its ports may be others by now.
    ...(release
      ? [{ name: "front-led", run: { do: "lead", slot: "current", port: release.service.port } } as const]
      : []),
    // Until the old container is to stay down, what fails leaves it as it was.
    ...(handsOver ? [olderRemove] : []),
    { name: "front-keep", run: { do: "keep-lead" } },
    // After the front: until then a reboot brings the old container back.
    ...(handsOver
      ? [{ name: "old-stay-down", run: { do: "may-stay-down", slot: wasLedBack ? "failed" : "previous" } } as const]
      : [olderRemove]),
    ...(goesBack ? [{ name: "previous-aside", run: { do: "put-by", from: "previous", to: "failed" } } as const] : []),
  ];
}

/** A superseded host: its container is stopped for good. Docker would start it at the next boot, although it was stopped by hand. */
function stop({ standing, release }: HostContext): HostStep[] {
  return [
    ...expectDown(standing).map((step) => ({ ...step, name: `retired-${step.name}` })),
    ...(standing === "empty"
      ? []
      : [
          { ...restartOff, name: "retired-restart-off" },
          {
            name: "retired-stop",
            run: { do: "stop", slot: "current", timeoutSeconds: stopTimeout(release) },
          } as const,
          { name: "retired-front", run: { do: "lead-nowhere" } } as const,
        ]),
    { name: "retire", run: { do: "retire" } },
  ];
}

/** One that came to itself since it was looked at is in rotation again, and nobody has drained it. */
const expectDown = (standing: Standing): HostStep[] =>
  standing === "down" ? [{ name: "expect-down", run: { do: "expect-down" } }] : [];

/** Without a release to take it from: Docker's own default. */
const stopTimeout = (release: Release | null): number => release?.service.stopTimeoutSeconds ?? 10;
