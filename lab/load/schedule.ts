/** When which request is due, whatever became of those before: an open loop does not wait for answers. Pure. */

/** What a load sends. */
export interface Mix {
  readonly ratePerSecond: number;
  /** Share of requests to `/slow`. 0 to 1. */
  readonly slowShare: number;
  /** Share of requests on kept connections; the others open one each. 0 to 1. */
  readonly keepAliveShare: number;
}

export interface Planned {
  /** Milliseconds from the start. */
  readonly dueMs: number;
  readonly slow: boolean;
  readonly keepAlive: boolean;
}

/** The request of that number. Shares are spread evenly, not drawn by lot, so that every run sends the same. */
export function planned(number: number, { ratePerSecond, slowShare, keepAliveShare }: Mix): Planned {
  return {
    dueMs: (number * 1000) / ratePerSecond,
    slow: falls(number, slowShare),
    // Shifted, so that slow requests use both kinds of connection.
    keepAlive: falls(Math.floor(number / 2) + number, keepAliveShare),
  };
}

/** Number of requests that are due by a moment. */
export const dueBy = (ms: number, ratePerSecond: number): number => Math.floor((ms * ratePerSecond) / 1000) + 1;

/** Whether the share's count goes up with this number. */
const falls = (number: number, share: number): boolean => Math.floor((number + 1) * share) > Math.floor(number * share);
