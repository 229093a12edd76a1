/** Which rate of requests this machine can send and answer, decided from what was measured. Pure. */
import type { LoadReport } from "./report.js";

/** Requests a second, most first. */
export const RATES = [250, 180, 120, 80, 50, 30, 20] as const;

/**
 * The machine keeps up with a rate when 99 of 100 ordinary requests are answered within so many milliseconds. Beyond that it is behind
 * with its work, and requests wait for ever longer.
 */
export const KEEPS_UP_MS = 250;

/** Answers as quick as that come from a machine with little else to do: it has enough left for a rollout. */
export const QUIET_MS = 50;
/** Share of what a machine keeps up with that it is given where it has other work: the rollout needs the rest. */
const BUSY_SHARE = 0.5;

/** What a short load at one rate came to. */
export interface RateMeasured extends Pick<
  LoadReport,
  "sent" | "ok" | "failed" | "notMeasured" | "durationMs" | "p99Ms"
> {
  readonly ratePerSecond: number;
}

/** take: this rate · measure: this one next · too-busy: not even the least one */
export type RateChoice =
  { readonly do: "take" | "measure"; readonly ratePerSecond: number } | { readonly do: "too-busy" };

/** @param measured so far, in order */
export function chooseRate(measured: readonly RateMeasured[]): RateChoice {
  const last = measured.at(-1);
  if (!last) return { do: "measure", ratePerSecond: RATES[0] };
  if (keepsUp(last)) return { do: "take", ratePerSecond: shareOf(last) };
  const lower = RATES.filter((rate) => rate < last.ratePerSecond);
  // What was answered shows where to go on: to try each rate in between would only keep the machine busy.
  const ratePerSecond = lower.find((rate) => rate <= answeredPerSecond(last)) ?? lower.at(-1);
  return ratePerSecond === undefined ? { do: "too-busy" } : { do: "measure", ratePerSecond };
}

/** At the lowest rate late answers are answers too: only what was lost or not sent is too much. */
const keepsUp = ({ ratePerSecond, sent, failed, notMeasured, p99Ms }: RateMeasured): boolean =>
  sent > 0 &&
  failed === 0 &&
  notMeasured === 0 &&
  p99Ms !== null &&
  (p99Ms <= KEEPS_UP_MS || ratePerSecond <= Math.min(...RATES));

/** What the machine can send and answer while a rollout is under way; the lowest rate at least. */
function shareOf({ ratePerSecond, p99Ms }: RateMeasured): number {
  if (p99Ms !== null && p99Ms <= QUIET_MS) return ratePerSecond;
  return RATES.find((rate) => rate <= ratePerSecond * BUSY_SHARE) ?? Math.min(...RATES);
}

const answeredPerSecond = ({ ok, durationMs }: RateMeasured): number => (ok * 1000) / Math.max(1, durationMs);
