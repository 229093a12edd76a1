/** How often which fault began in which phase. Pure. */
import { faultKinds, faultPhases } from "../../lab/sim/faults.js";

/** By `<kind> at <phase>`. */
export type Coverage = Readonly<Record<string, number>>;

/** Of so many schedules each fault is to begin in each phase {@link LEAST} times, or there is less to them than their number says. */
export const WHOLE = 5000;
export const LEAST = 20;

export const added = (one: Coverage, other: Coverage): Coverage =>
  Object.entries(other).reduce((sum, [cell, count]) => ({ ...sum, [cell]: (sum[cell] ?? 0) + count }), one);

/** Every fault at every phase, with its count. */
export const cells = (coverage: Coverage): { readonly cell: string; readonly count: number }[] =>
  faultKinds.flatMap((kind) =>
    faultPhases.map((phase) => {
      const cell = `${kind} at ${phase}`;
      return { cell, count: coverage[cell] ?? 0 };
    }),
  );

/** Those that began too seldom. */
export const thin = (coverage: Coverage): string[] =>
  cells(coverage).flatMap(({ cell, count }) => (count < LEAST ? [`${cell}: ${count} times, not ${LEAST}`] : []));
