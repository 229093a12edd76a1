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
  /** Started if it has ended, and by Docker itself from now on. */
  | { readonly do: "bring-back"; readonly slot: Slot }
  /** Health turns 503, requests are still served. `article` asks `GET /shutdown` on the service port instead. */
  | { readonly do: "drain"; readonly via: "control" | "article" }
  /** Refuses to go on unless the process that the order's argument names is still there and draining. */
  | { readonly do: "expect-drained" }
  /** Refuses to go on when the health path has an answer after all that a balancer takes for healthy, 200 to 399: clients may be there. */
  | { readonly do: "expect-down" }
  /** Refuses to go on when less is free where Docker keeps its data: not even a container that is there could be started again. */
  | { readonly do: "expect-space"; readonly megabytes: number }
  | { readonly do: "stop"; readonly slot: Slot; readonly timeoutSeconds: number }
  | { readonly do: "start"; readonly slot: Slot }
  | SetAside
  | Revival
  /** Nothing happens when there is no container in `from`. */
  | { readonly do: "move"; readonly from: Slot; readonly to: Slot }
  | { readonly do: "remove"; readonly slot: Slot }
  /** Refuses to go on while a container has the slot's name. */
  | { readonly do: "expect-free"; readonly slot: Slot }
  | { readonly do: "run"; readonly slot: Slot; readonly release: Release }
  | { readonly do: "retire" };

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
  readonly via: "control" | "article";
  /** Seconds after which the balancer has let go. */
  readonly ejectionSeconds: number;
  /** Most seconds for requests to end after that. */
  readonly idleSeconds: number;
}

/**
 * The way back of a drain. `control` asks the app to take it back, again and again; one that does not, or has no such request (`article`), is
 * restarted. Not before the balancer has let it go for certain and its requests have ended, so for as long as the policy lets them take; and not
 * at all when it has ended, or its health has an answer meanwhile that a balancer takes for healthy, 200 to 399.
 */
export interface Revival {
  readonly do: "revive";
  readonly via: "control" | "article";
  readonly slot: Slot;
  /** Seconds until it is restarted: the balancer has let go by then. */
  readonly patienceSeconds: number;
  /** Most seconds for requests to end after that. */
  readonly idleSeconds: number;
  /** Seconds from SIGTERM to SIGKILL. */
  readonly timeoutSeconds: number;
}

/** What must become true before the next step; it fails at once on a container that restarted or ended, and when a newer order has come. */
export interface Condition {
  readonly ready: Slot;
  readonly release: string;
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
export type OrderName = "smoke" | "drain" | "replace" | "retreat" | "commit" | "stop" | "undo" | "leave";

/** Orders that are lists of steps. */
export type StagedOrder = Exclude<OrderName, "undo" | "leave">;

export interface HostPlan {
  readonly release: Release | null;
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
}

/** Orders in which the host is kept in the fleet; a superseded host has only drain and stop. */
export function hostSteps(context: HostContext): HostPlan {
  const { release, policy } = context;
  return {
    release,
    stages: {
      smoke: release ? smoke(release, policy) : [],
      drain: context.standing === "in-rotation" ? drain(context) : [],
      replace: release ? replace(release, context) : [],
      retreat: [{ name: "retreat", run: drainOperation(policy) }],
      commit: commit(context),
      stop: stop(context),
    },
  };
}

/** Nothing else watches the smoke boot's container, so it is watched here; in rotation the balancer's probes take longer. */
const LEAST_STEADY_SECONDS = 1;

function smoke(release: Release, policy: RolloutPolicy): HostStep[] {
  return [
    { name: "smoke-clear", run: { do: "remove", slot: "smoke" } },
    {
      name: "smoke-run",
      run: { do: "run", slot: "smoke", release },
      undo: {
        do: "set-aside",
        slot: "smoke",
        release: release.id,
        timeoutSeconds: stopTimeout(release),
        retreat: null,
      },
    },
    {
      name: "smoke-ready",
      until: {
        ready: "smoke",
        release: release.id,
        timeoutSeconds: policy.readyTimeoutSeconds,
        steadySeconds: Math.max(LEAST_STEADY_SECONDS, policy.minReadySeconds),
      },
    },
    { name: "smoke-remove", run: { do: "remove", slot: "smoke" } },
  ];
}

const restartOff: HostStep = {
  name: "restart-off",
  run: { do: "stay-down", slot: "current" },
  undo: { do: "bring-back", slot: "current" },
};

const viaOf = ({ gate }: RolloutPolicy): "control" | "article" => (gate === "evidence" ? "control" : "article");
const drainOperation = (policy: RolloutPolicy): Operation => ({ do: "drain", via: viaOf(policy) });

const retreatOf = (policy: RolloutPolicy, check: ObservedCheck): Retreat => ({
  via: viaOf(policy),
  ejectionSeconds: ejectionSecondsOf(check),
  idleSeconds: policy.drainTimeoutSeconds,
});

const ejectionSecondsOf = (check: ObservedCheck): number =>
  Math.ceil(blindWaitMs(check.unhealthyThreshold, check) / 1000);

/** Longest, in seconds, that the steps of one order wait together: stops, a start, and the waits of a revival or of a retreat. */
export const longestSeconds = ({ rollout, service }: Manifest, check: ObservedCheck): number =>
  ejectionSecondsOf(check) + rollout.drainTimeoutSeconds + rollout.readyTimeoutSeconds + 2 * service.stopTimeoutSeconds;

/** Restart policy off first: a crash while draining must not bring the host back into rotation. */
function drain({ policy, check, release }: HostContext): HostStep[] {
  const letGoSeconds = ejectionSecondsOf(check);
  const revive: Revival = {
    ...{ do: "revive", via: viaOf(policy), slot: "current", timeoutSeconds: stopTimeout(release) },
    patienceSeconds: policy.gate === "evidence" ? Math.max(letGoSeconds, policy.readyTimeoutSeconds) : letGoSeconds,
    idleSeconds: policy.drainTimeoutSeconds,
  };
  return [
    // Before the drain, so that it is taken back last: what a full disk keeps from being renamed must not keep the host drained. A host
    // that is retired keeps what it has.
    ...(release ? [failedClear, ...makeRoom] : []),
    restartOff,
    { name: "drain", run: drainOperation(policy), undo: revive },
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

/** The old container is stopped and kept; the new one takes its name. */
function replace(release: Release, { policy, check, standing }: HostContext): HostStep[] {
  const stopTimeoutSeconds = release.service.stopTimeoutSeconds;
  const setAside: HostStep[] = [
    ...expectSpace(policy),
    ...(standing === "in-rotation" && policy.gate === "evidence"
      ? [{ name: "expect-drained", run: { do: "expect-drained" } } as const]
      : []),
    ...(standing === "in-rotation" ? [] : [...makeRoom, restartOff]),
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
    ...(standing === "in-rotation" ? [] : [failedClear]),
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
      until: { ready: "current", release: release.id, timeoutSeconds: policy.readyTimeoutSeconds, steadySeconds: 0 },
    },
  ];
}

/** What was gone back from is kept for its log only. Where a rollback leads, the history alone tells. */
function commit({ goesBack }: HostContext): HostStep[] {
  return [
    { name: "restart-on", run: { do: "bring-back", slot: "current" } },
    { name: "older-remove", run: { do: "remove", slot: "older" } },
    ...(goesBack
      ? [
          { name: "failed-remove", run: { do: "remove", slot: "failed" } } as const,
          { name: "previous-aside", run: { do: "move", from: "previous", to: "failed" } } as const,
        ]
      : []),
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
        ]),
    { name: "retire", run: { do: "retire" } },
  ];
}

/** One that came to itself since it was looked at is in rotation again, and nobody has drained it. */
const expectDown = (standing: Standing): HostStep[] =>
  standing === "down" ? [{ name: "expect-down", run: { do: "expect-down" } }] : [];

/** Without a release to take it from: Docker's own default. */
const stopTimeout = (release: Release | null): number => release?.service.stopTimeoutSeconds ?? 10;
