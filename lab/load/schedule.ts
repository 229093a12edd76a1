/** When which request is due, whatever became of those before: an open loop does not wait for answers. Pure. */

/** What a load sends. */
export interface Mix {
  readonly ratePerSecond: number;
  /** Share of requests to `/slow`. 0 to 1. */
  readonly slowShare: number;
  /** Share of requests that take longer still. 0 to 1, together with the slow ones at most 1. */
  readonly verySlowShare: number;
  /** Share of requests on kept connections; the others open one each. 0 to 1. */
  readonly keepAliveShare: number;
}

/** How long a request is made to take. */
export type Pace = "ordinary" | "slow" | "verySlow";

export interface Planned {
  /** Milliseconds from the start. */
  readonly dueMs: number;
  readonly pace: Pace;
  readonly keepAlive: boolean;
}

/** The request of that number. Shares are spread evenly, not drawn by lot, so that every run sends the same. */
export function planned(number: number, mix: Mix): Planned {
  const { pace, index } = paceOf(number, mix);
  // Within each pace, so that slow requests use both kinds of connection as well.
  return { dueMs: (number * 1000) / mix.ratePerSecond, pace, keepAlive: falls(index, mix.keepAliveShare) };
}

/** Number of requests that are due by a moment. */
export const dueBy = (ms: number, ratePerSecond: number): number => Math.floor((ms * ratePerSecond) / 1000) + 1;

/**
 * How long the request takes, and how many took as long before it. The very slow ones are spread among all that are slow, so that
 * neither share takes from the other.
 */
function paceOf(number: number, { slowShare, verySlowShare }: Mix): { pace: Pace; index: number } {
  const share = slowShare + verySlowShare;
  const slowBefore = Math.floor(number * share);
  if (!falls(number, share)) return { pace: "ordinary", index: number - slowBefore };
  // Computed once: rounded another way it would count one twice, or none.
  const ofSlow = verySlowShare / share;
  const verySlowBefore = Math.floor(slowBefore * ofSlow);
  return falls(slowBefore, ofSlow)
    ? { pace: "verySlow", index: verySlowBefore }
    : { pace: "slow", index: slowBefore - verySlowBefore };
}

/** Whether the share's count goes up with this number. */
const falls = (number: number, share: number): boolean => Math.floor((number + 1) * share) > Math.floor(number * share);
