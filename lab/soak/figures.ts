/** The figures of a soak, and what they say. Pure. */
import type { Machine } from "../figures/machine.js";
import type { RolloutPolicy } from "../../contract/policy.js";
import type { SiteName } from "../site-names.js";
import type { ShapeName } from "./shapes.js";
import { notMeasuredText } from "../load/accounting.js";
import type { Progress } from "../load/load.js";

interface Counts {
  readonly sent: number;
  readonly failed: number;
}

/** Of our own load, which has to be sent whole. */
interface LoadCounts extends Counts {
  /** Due and not sent. */
  readonly notMeasured: number;
}

/** Requests are counted from the end of the rollout before to the end of this one. */
export interface SoakRollout extends LoadCounts {
  readonly seconds: number;
  readonly exitCode: number;
}

export interface SoakSettings {
  readonly site: SiteName;
  readonly droplets: number;
  /** Seconds between two probes of the balancer. */
  readonly interval: number;
  /** Rollouts that were asked for. */
  readonly rollouts: number;
  readonly strategy: RolloutPolicy["strategy"];
  readonly shape: ShapeName;
  /** Hosts after the first one that are handed over at once. */
  readonly maxParallel: number;
  readonly ratePerSecond: number;
  readonly slowShare: number;
  readonly slowMs: number;
  readonly keepAliveShare: number;
  readonly secondToolPerSecond: number;
}

/** Counts are of the whole load, with what was under way at its end. */
export interface SoakFigures extends LoadCounts {
  readonly machine: Machine;
  /** ISO 8601 in UTC. */
  readonly date: string;
  readonly commit: string;
  readonly settings: SoakSettings;
  readonly rollouts: readonly SoakRollout[];
  /** What autocannon counted alongside. */
  readonly secondTool: Counts;
  /** The same load for as long without any rollout; null where nobody asked for it. */
  readonly control: LoadCounts | null;
  /** How far the load's own process was late. */
  readonly generator: { readonly stalledMs: number; readonly longestStallMs: number };
}

/** Counts between two moments of a load. */
export const between = (before: Progress, after: Progress): LoadCounts => ({
  sent: after.sent - before.sent,
  failed: after.failed - before.failed,
  notMeasured: after.notMeasured - before.notMeasured,
});

/** Whether another one may follow. */
export const isGood = ({ exitCode, failed, notMeasured }: SoakRollout): boolean =>
  exitCode === 0 && failed === 0 && notMeasured === 0;

/** Why the soak has failed; null: it has not. */
export function whyFailed(
  figures: Omit<SoakFigures, "machine" | "date" | "commit" | "settings" | "generator">,
): string | null {
  const { rollouts, sent, failed, notMeasured, secondTool, control } = figures;
  const number = rollouts.findIndex(({ exitCode }) => exitCode !== 0) + 1;
  if (number > 0) return `rollout ${number} ended with exit code ${rollouts[number - 1]?.exitCode ?? -1}`;
  if (failed > 0) return `${failed} of ${sent} requests failed by the end of rollout ${rollouts.length}`;
  if (notMeasured > 0) return notMeasuredText(notMeasured);
  if (control !== null && control.failed > 0)
    return `${control.failed} of ${control.sent} requests failed without any rollout`;
  return secondTool.failed > 0 ? `autocannon saw ${secondTool.failed} of its ${secondTool.sent} requests fail` : null;
}
