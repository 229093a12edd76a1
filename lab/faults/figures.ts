/** The figures of the fault suite, and what they say. Pure. */
import { z } from "zod";
import { machineForm } from "../figures/machine.js";
import { notMeasuredText } from "../load/accounting.js";
import { siteNames } from "../site-names.js";
import { faultStrategies } from "./fault.js";
import { phases } from "./phase.js";

const count = z.int().min(0);

/** A host as it was when the rollout had ended and every lease after it. */
const hostEnd = z.object({
  name: z.string(),
  /** Of the container that runs as the fleet's; null: none. */
  release: z.enum(["before", "target", "other"]).nullable(),
  /** Whether every node of the balancer sends to it. */
  inRotation: z.boolean(),
  /** Whether a reboot would start that container and no other, and no other runs. */
  comesBack: z.boolean(),
  /** Whether a run has left something to be ended there. */
  unfinished: z.boolean(),
});
export type HostEnd = z.output<typeof hostEnd>;

const faultRow = z.object({
  site: z.enum(siteNames),
  /** Figures from before there were two are of drains. */
  strategy: z.enum(faultStrategies).default("drain"),
  commit: z.string(),
  fault: z.string(),
  phase: z.enum(phases),
  /** Requests of the whole run: from before the rollout to the end of the run after it. */
  sent: count,
  failed: count,
  /** Due and not sent. Figures from before these were told apart count them as failed. */
  notMeasured: count.default(0),
  /**
   * Requests inside a process at the moment when the fault ended that process; in a fleet of one also what the exchange of its only
   * process costs.
   */
  allowedFailed: count,
  hosts: z.array(hostEnd),
  /** Seconds from the rollout's end until every host was at rest; null: not all came to rest by themselves. Missing: it was not looked at yet. */
  restedSeconds: z.number().nullable().optional(),
  /** Null: killed. */
  exitCode: z.int().nullable(),
  rerunExitCode: z.int().nullable(),
  /** Whether every host runs what the run after it was to bring. */
  onTarget: z.boolean(),
  /** Why it does not hold; empty: it does. */
  problems: z.array(z.string()),
});
export type FaultRow = z.output<typeof faultRow>;

export const faultFigures = z.object({
  machine: machineForm,
  /** ISO 8601 in UTC. */
  date: z.string(),
  settings: z.object({
    droplets: count,
    ratePerSecond: z.number(),
    slowShare: z.number(),
    slowMs: z.number(),
    leaseSeconds: z.number(),
  }),
  /** Lines that there are to be; one whose fault could not be tried at all is missing. */
  due: count,
  rows: z.array(faultRow),
});
export type FaultFigures = z.output<typeof faultFigures>;

/** What was seen of one fault. */
export type Seen = Omit<FaultRow, "problems" | "commit">;

export interface Expected {
  /** How the rollout may end; null: killed. */
  readonly exitCodes: readonly (number | null)[];
  /** Name of a host that only the run after it mends. */
  readonly exempt: string | null;
  /** What the others may rest on. */
  readonly releases: readonly HostEnd["release"][];
  /** Seconds within which they must be at rest. */
  readonly restSeconds: number;
}

/** What the exit code says of the hosts; those of a rollout that was ended from outside may rest on either. */
const told: Readonly<Record<number, HostEnd["release"]>> = { 0: "target", 3: "before", 4: "before", 5: "before" };

/** Everything about it that must not be. */
export function problemsOf(seen: Seen, { exitCodes, exempt, releases, restSeconds }: Expected): string[] {
  const { sent, failed, notMeasured, allowedFailed, hosts, exitCode, rerunExitCode, onTarget, restedSeconds } = seen;
  const one = exitCode === null ? undefined : told[exitCode];
  const mayRunOn = one === undefined || !releases.includes(one) ? releases : [one];
  const allowed = exitCodes.map((code) => code ?? "killed").join(" or ");
  return [
    ...(sent > 0 ? [] : ["no request was sent"]),
    ...(failed > allowedFailed ? [`${failed} requests failed, ${allowedFailed} at most may`] : []),
    ...(notMeasured > 0 ? [notMeasuredText(notMeasured)] : []),
    ...(exitCodes.includes(exitCode) ? [] : [`it ended with ${exitCode ?? "a signal"}, not ${allowed}`]),
    ...hosts
      .filter(({ name }) => name !== exempt)
      .flatMap(({ name, release, inRotation, comesBack, unfinished }) => [
        ...(mayRunOn.includes(release) ? [] : [`${name} runs ${release ?? "nothing"}, and it ended with ${exitCode}`]),
        ...(inRotation ? [] : [`${name} is not in rotation`]),
        ...(comesBack ? [] : [`${name} would not come back by itself, or with something else`]),
        ...(unfinished ? [`a run has left ${name} unfinished`] : []),
      ]),
    ...((restedSeconds ?? 0) <= restSeconds
      ? []
      : [`the hosts came to rest after ${restedSeconds} s, not within ${restSeconds} s`]),
    ...(rerunExitCode === 0 && onTarget
      ? []
      : [`the run after it ended with ${rerunExitCode ?? "a signal"}, off target`]),
  ];
}
