/** One random schedule: what is drawn, and what must hold of it. */
import fc from "fast-check";
import { faultKinds, faultPhases, type FaultPhase, type FaultPlan } from "../../lab/sim/faults.js";
import type { SimWorld } from "../../lab/sim/world.js";
import type { Receipt } from "../../scripts/rollout/core/receipt.js";
import { simulate } from "../support/sim.js";
import { simulateFault } from "./fault-run.js";
import { optionsOf, schedule, type Schedule } from "./schedule.js";

/** Short, so that a paused or dead controller is soon beyond it. */
const LEASE_SECONDS = 10;

/** Of a short phase, or one with few calls, most draws begin too late. */
const SHORT: Partial<Record<FaultPhase, number>> = { preflight: 2, smoke: 2, ejected: 3 };

const fault: fc.Arbitrary<FaultPlan> = fc.record({
  kind: fc.constantFrom(...faultKinds),
  phase: fc.oneof(...faultPhases.map((phase) => ({ weight: SHORT[phase] ?? 1, arbitrary: fc.constant(phase) }))),
  call: fc.oneof({ weight: 3, arbitrary: fc.nat(3) }, fc.nat(40)),
  lastsMs: fc.constantFrom(1000, 20_000, 3 * LEASE_SECONDS * 1000),
});

export interface Draw {
  readonly plan: Schedule;
  /** Null in one of five: the ordinary path, or an order to stop. */
  readonly fault: FaultPlan | null;
}
export const draw: fc.Arbitrary<Draw> = fc
  .record({ plan: schedule, fault: fc.option(fault, { nil: null, freq: 5 }) })
  .map(({ plan, fault: what }) => ({ plan: { ...plan, smoke: plan.smoke || what?.phase === "smoke" }, fault: what }));

export interface Outcome {
  /** Every property that does not hold, in words. */
  readonly broken: readonly string[];
  /** Such as `cut-after at draining`; null when nothing befell the rollout. */
  readonly struck: string | null;
  /** Requests of clients. */
  readonly sent: number;
}

export async function outcomeOf({ plan, fault }: Draw): Promise<Outcome> {
  try {
    return await (fault ? befallen(plan, fault) : undisturbed(plan));
  } catch (error) {
    // A rollout that never ends, or a bug: what is thrown says which.
    return { broken: [error instanceof Error ? (error.stack ?? error.message) : String(error)], struck: null, sent: 0 };
  }
}

/** No request fails, every host is on the release in the end, and no probe is waited for in vain. */
async function undisturbed(plan: Schedule): Promise<Outcome> {
  const { world, receipt, receipts } = await simulate({
    ...optionsOf(plan),
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
  return { broken, struck: null, sent: world.sent };
}

/** No request fails, a lease later every host serves that served before, and one run more brings all onto the release. */
async function befallen(plan: Schedule, what: FaultPlan): Promise<Outcome> {
  const { world, faults, receipt, down, rerun } = await simulateFault(optionsOf(plan, LEASE_SECONDS), what);
  const broken = [
    ...clients(world, plan),
    ...down.map((host) => `a lease later ${host}`),
    ...(receipt ? exitCode(receipt, [0, 3, 5, 6]) : []),
    ...onTarget(world, rerun),
  ];
  return { broken, struck: faults.struck === null ? null : `${what.kind} at ${what.phase}`, sent: world.sent };
}

const clients = ({ broken, failures }: SimWorld, { hosts }: Schedule): string[] => [
  ...broken,
  // A fleet of one has nowhere to send its clients meanwhile.
  ...(hosts > 1 ? failures.map(({ atMs, reason }) => `a request of ${atMs} ms failed: ${reason}`) : []),
];

const exitCode = ({ exitCode: code, error }: Receipt, allowed: readonly number[]): string[] =>
  allowed.includes(code) ? [] : [`exit code ${code} (${error?.message ?? "no error"})`];

function onTarget(world: SimWorld, { error, hosts, release }: Receipt): string[] {
  if (error) return [`the last run failed: ${error.message}`];
  return hosts
    .filter(({ action }) => action !== "retired" && action !== "skipped")
    .flatMap(({ name }) => {
      const machine = world.machine(name);
      const is = `${machine.state("current")?.release}, ${machine.serving?.state}, restart ${machine.restartPolicy("current")}`;
      const should = `${release?.id}, serving, restart always`;
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
    machine.retired && !machine.isRunning("current") && machine.restartPolicy("current") === "no"
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
