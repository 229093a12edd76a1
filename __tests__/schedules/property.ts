/** One random schedule: what is drawn, and what must hold of it. */
import fc from "fast-check";
import { faultKinds, faultPhases, type FaultPhase, type FaultPlan } from "../../lab/sim/faults.js";
import type { SimWorld } from "../../lab/sim/world.js";
import type { Receipt } from "../../scripts/rollout/core/receipt.js";
import type { Parts } from "../../scripts/rollout/context.js";
import { standardParts } from "../../scripts/rollout/run.js";
import { simulate } from "../support/sim.js";
import { simulateFault, type Course } from "./fault-run.js";
import { outOfTurn, takeBackMs, unseen } from "./loss-bounds.js";
import { besides, suitedBeside } from "./loss-draws.js";
import { simulateLosses } from "./loss-run.js";
import type { Beside, Seeming } from "./losses.js";
import { optionsOf, schedule, type Schedule } from "./schedule.js";

/** As short as the rules allow, so that a paused or dead controller is soon beyond it. */
const leaseSecondsOf = ({ interval, unhealthy, liveUnhealthy, candid }: Schedule): number =>
  Math.max(10, (Math.max(unhealthy, candid ? liveUnhealthy : 0) + 1) * interval);
/** A fault of this length lasts for three leases. */
const BEYOND_LEASE = Infinity;

/** Of a short phase, or one with few calls, most draws begin too late. */
const SHORT: Partial<Record<FaultPhase, number>> = { preflight: 2, ejected: 4 };

const fault: fc.Arbitrary<FaultPlan> = fc.record({
  kind: fc.constantFrom(...faultKinds),
  phase: fc.oneof(...faultPhases.map((phase) => ({ weight: SHORT[phase] ?? 1, arbitrary: fc.constant(phase) }))),
  call: fc.oneof({ weight: 3, arbitrary: fc.nat(3) }, fc.nat(40)),
  lastsMs: fc.constantFrom(1000, 20_000, BEYOND_LEASE),
});

/** With lengths that suit the schedule's lease. */
const suited = (plan: Schedule, { faults, ...rest }: Course): Course => ({
  ...rest,
  faults: faults.map(({ lastsMs, ...one }) => ({
    ...one,
    lastsMs: lastsMs === BEYOND_LEASE ? 3 * leaseSecondsOf(plan) * 1000 : lastsMs,
  })),
});

/** Most often one fault of a deploy, with nobody beside it. */
const course: fc.Arbitrary<Course> = fc.record({
  wants: fc.oneof({ weight: 9, arbitrary: fc.constant("deploy" as const) }, fc.constant("rollback" as const)),
  faults: fc.oneof({ weight: 5, arbitrary: fc.tuple(fault) }, { weight: 1, arbitrary: fc.tuple(fault, fault) }),
  contenderWaits: fc.oneof({ weight: 9, arbitrary: fc.constant(null) }, fc.constantFrom(0, 600)),
});

export interface Draw extends Beside {
  readonly plan: Schedule;
  /** Null in one of three: the ordinary path, an order to stop, or a loss. */
  readonly course: Course | null;
}
type Befalls = Omit<Draw, "plan">;
const alone: Beside = { losses: [], seeming: [] };
const befalls: fc.Arbitrary<Befalls> = fc.oneof(
  { weight: 8, arbitrary: course.map((drawn) => ({ course: drawn, ...alone })) },
  { weight: 1, arbitrary: fc.constant({ course: null, ...alone }) },
  { weight: 3, arbitrary: besides.map((drawn) => ({ course: null, ...drawn })) },
);
export const draw: fc.Arbitrary<Draw> = fc
  .record({ plan: schedule, befallen: befalls })
  .map(({ plan, befallen: { course: drawn, ...rest } }) => ({
    ...suitedBeside(plan, rest),
    course: drawn && suited(plan, drawn),
  }));

/** Longer than any request, than nothing may be open after it, and than a stop. */
const DISMISSED_MS = 20_000;

export interface Outcome {
  /** Every property that does not hold, in words. */
  readonly broken: readonly string[];
  /** Such as `cut-after at draining`; what did not come to pass is left out. */
  readonly struck: readonly string[];
  /** Requests of clients. */
  readonly sent: number;
}

/** @param parts of rollouts whose balancer loses hosts; a test exchanges them to show what they are good for */
export async function outcomeOf({ plan, course: drawn, ...rest }: Draw, parts = standardParts): Promise<Outcome> {
  try {
    if (rest.losses.length > 0) return await beside(plan, rest, parts);
    return await (drawn ? befallen(plan, drawn) : undisturbed(plan));
  } catch (error) {
    // A rollout that never ends, or a bug: what is thrown says which.
    return { broken: [error instanceof Error ? (error.stack ?? error.message) : String(error)], struck: [], sent: 0 };
  }
}

/** No request fails, every host is on the release in the end, and no probe is waited for in vain. */
async function undisturbed(plan: Schedule): Promise<Outcome> {
  const { world, receipt, receipts } = await simulate({
    ...optionsOf(plan),
    // A container that was handed over from ends by itself, once nothing is open there.
    after: (now) => now.clock.sleep(plan.view === "handoff" || plan.view === "auto" ? DISMISSED_MS : 0),
    reruns: plan.stopMs === null ? 0 : 1,
    stopAt: (event) => (event.name === "started" && plan.stopMs !== null ? plan.stopMs : false),
  });
  const last = receipts.at(-1) ?? receipt;
  const broken = [
    ...clients(world, plan),
    ...exitCode(receipt, plan.stopMs === null ? [0] : [0, 130]),
    ...onTarget(world, last),
    ...keptToGoBack(world, last),
    ...retired(world, plan),
    ...wasted(plan, receipts),
  ];
  return { broken, struck: [], sent: world.sent };
}

/** No request fails, a lease later every host serves that served before, and one run more brings all onto the release. */
async function befallen(plan: Schedule, drawn: Course): Promise<Outcome> {
  const { world, faults, receipt, contender, down, rerun } = await simulateFault(
    optionsOf(plan, leaseSecondsOf(plan)),
    drawn,
  );
  const alone = contender === null;
  const broken = [
    ...clients(world, plan),
    ...down.map((host) => `a lease later ${host}`),
    ...(receipt ? exitCode(receipt, alone ? [0, 3, 5, 6] : [0, 3, 4, 5, 6]) : []),
    ...(contender ? exitCode(contender, [0, 3, 4, 5, 6]) : []),
    ...onTarget(world, rerun),
  ];
  const struck = drawn.faults.flatMap(({ kind, phase }, index) =>
    faults[index]?.struck === null ? [] : [`${kind} at ${phase}`],
  );
  return { broken, struck, sent: world.sent };
}

/**
 * Clients lose no more than they would without a rollout, and one take-back, and what no prober can tell from chance. For what is known before
 * the first host leaves they lose nothing beyond that, but for whose turn it is.
 */
async function beside(plan: Schedule, befallen: Beside, parts: Parts): Promise<Outcome> {
  const { world, receipt, struck, lost, twin, known } = await simulateLosses(plan, befallen, parts);
  const takeBack = (plan.rate * takeBackMs(plan, befallen)) / 1000;
  const most = twin + Math.ceil(known ? outOfTurn(befallen, twin) : takeBack + unseen(plan, befallen, receipt.seconds));
  const broken = [
    ...world.broken,
    // A fleet of one has nowhere to send its clients meanwhile.
    ...(plan.hosts > 1 && lost > most
      ? [`${lost} requests were lost; ${twin} without a rollout, ${most} at most`]
      : []),
    ...exitCode(receipt, known ? [3] : [0, 3, 5, 6]),
    ...idle(world, plan, befallen.seeming),
  ];
  return { broken, struck, sent: world.sent };
}

/** Whatever became of the rollout, every host that served serves. One that drained before it did not. */
const idle = (world: SimWorld, { hosts, empty }: Schedule, seems: readonly Seeming[]): string[] =>
  Array.from({ length: hosts - empty }, (_, index) => index)
    .filter((index) => seems[index]?.kind !== "draining")
    .map((index) => world.machine(`api-${empty + index + 1}`))
    .flatMap((machine) =>
      machine.serving?.state === "serving"
        ? []
        : [`${machine.name} is ${machine.serving?.state ?? "empty"} in the end`],
    );

const clients = ({ broken, failures }: SimWorld, { hosts, view }: Schedule): string[] => [
  ...broken,
  // A fleet of one has nowhere to send its clients meanwhile, unless it is handed over.
  ...(hosts > 1 || view === "handoff"
    ? failures.map(({ atMs, reason }) => `a request of ${atMs} ms failed: ${reason}`)
    : []),
];

const exitCode = ({ exitCode: code, error }: Receipt, allowed: readonly number[]): string[] =>
  allowed.includes(code) ? [] : [`exit code ${code} (${error?.message ?? "no error"})`];

function onTarget(world: SimWorld, { error, hosts, release }: Receipt): string[] {
  if (error) return [`the last run failed: ${error.message}`];
  return hosts
    .filter(({ action }) => action !== "retired" && action !== "skipped")
    .flatMap(({ name }) => {
      const machine = world.machine(name);
      const is = `${machine.state("current")?.release}, ${machine.serving?.state}, restart ${machine.restartPolicy("current")}, front for ${machine.keptSlot}`;
      const should = `${release?.id}, serving, restart always, front for current`;
      return is === should ? [] : [`${name} is ${is} in the end, not ${should}`];
    });
}

/** The container that was replaced is there, and comes back by itself in no case. */
const keptToGoBack = (world: SimWorld, { hosts }: Receipt): string[] =>
  hosts.flatMap(({ name, action }) => {
    if (action !== "replaced") return [];
    const machine = world.machine(name);
    const kept = machine.state("previous")?.running === false && machine.restartPolicy("previous") === "no";
    return kept ? [] : [`${name} does not keep its old container stopped`];
  });

const retired = (world: SimWorld, { superseded }: Schedule): string[] =>
  Array.from({ length: superseded }, (_, index) => world.machine(String(index + 1))).flatMap((machine) =>
    machine.retired &&
    !machine.front &&
    !machine.keptSlot &&
    !machine.isRunning("current") &&
    machine.restartPolicy("current") === "no"
      ? []
      : [`${machine.name} is superseded and not retired`],
  );

/**
 * A threshold that nobody was told costs the probes that it takes, and so does a view of time alone. The app counts on where a run that
 * was stopped had drained it.
 */
const wasted = ({ candid, view }: Schedule, receipts: readonly Receipt[]): string[] => {
  const restored = (name: string): boolean =>
    receipts.some(({ hosts }) => hosts.some((host) => host.name === name && host.action === "restored"));
  return candid && view === "full"
    ? receipts
        .flatMap(({ hosts }) => hosts.filter(({ name }) => !restored(name)))
        .flatMap(({ name, drain, readmission }) =>
          [drain, readmission].flatMap((count) =>
            count && count.taken > count.floor + 1 ? [`${name} took ${count.taken} probes of ${count.floor}`] : [],
          ),
        )
    : [];
};
