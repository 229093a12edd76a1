/** Axes: where a value lies, and which values get a mark. Pure. */

/** A straight line from values to pixels. */
export interface Scale {
  readonly from: number;
  readonly to: number;
  readonly at: (value: number) => number;
}

/** Maps `domain` onto `range`; what lies outside is put on the edge. */
export function scale(domain: readonly [number, number], range: readonly [number, number]): Scale {
  const [from, to] = domain;
  const span = to - from || 1;
  return {
    from,
    to,
    at: (value) => range[0] + (Math.min(Math.max(value, from), to) - from) * ((range[1] - range[0]) / span),
  };
}

const SECOND_STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600];

/** At most `most` moments within the domain, at steps that people read easily. */
export function timeTicks(domain: readonly [number, number], most: number): number[] {
  const span = domain[1] - domain[0];
  const hours = Math.ceil(span / most / 3600) * 3600;
  const step = SECOND_STEPS.find((candidate) => span / candidate <= most) ?? hours;
  const first = Math.ceil(domain[0] / step);
  const count = Math.floor(domain[1] / step) - first + 1;
  // Multiplied, not added up: 0.1 + 0.2 would be written on the axis in full.
  return Array.from({ length: count }, (_, index) => Math.round((first + index) * step * 10) / 10);
}

const ROUND = [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10];

/** The next number that reads easily at the end of an axis; at least 1. */
export function roundedUp(value: number): number {
  if (value <= 1) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return power * (ROUND.find((factor) => factor * power >= value) ?? 10);
}
