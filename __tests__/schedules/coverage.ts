/** How often which fault began in which phase. Pure. */
import { faultKinds, faultPhases } from "../../lab/sim/faults.js";
import { lossKinds, seemingKinds } from "./losses.js";
import { lossMoments, stages } from "./moments.js";

/** By `<kind> at <phase>`. */
export type Coverage = Readonly<Record<string, number>>;

/** Of so many schedules each fault is to begin in each phase {@link LEAST} times, or there is less to them than their number says. */
export const WHOLE = 7000;
export const LEAST = 20;
/** Of a loss at a moment: losses are drawn for one schedule of four, and some moments last for no time. */
export const LEAST_LOSSES = 5;

export const added = (one: Coverage, other: Coverage): Coverage =>
  Object.entries(other).reduce((sum, [cell, count]) => ({ ...sum, [cell]: (sum[cell] ?? 0) + count }), one);

const lossCells = [
  ...lossKinds.flatMap((kind) => lossMoments.map((moment) => `${kind} at ${moment}`)),
  ...seemingKinds.flatMap((kind) => stages.map((moment) => `${kind} at ${moment}`)),
];

/**
 * What may begin when: every fault at every phase, and every loss of a host at every moment. A loss also begins while a host is at work that
 * only seems to serve, or not to.
 */
export const named: readonly string[] = [
  ...faultKinds.flatMap((kind) => faultPhases.map((phase) => `${kind} at ${phase}`)),
  ...lossCells,
];

/** Each of them, with its count. */
export const cells = (coverage: Coverage): { readonly cell: string; readonly count: number }[] =>
  named.map((cell) => ({ cell, count: coverage[cell] ?? 0 }));

/** Those that began too seldom. */
export const thin = (coverage: Coverage): string[] =>
  cells(coverage).flatMap(({ cell, count }) => {
    const least = lossCells.includes(cell) ? LEAST_LOSSES : LEAST;
    return count < least ? [`${cell}: ${count} times, not ${least}`] : [];
  });
