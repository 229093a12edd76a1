/**
 * How long Docker waits before a restart: 100 ms, twice as long after every further one, a minute at most, and from the
 * beginning again once a container has run for ten seconds.
 *
 * @see https://docs.docker.com/reference/cli/docker/container/run/#restart
 */
export const firstRestartDelayMs = 100;
const LONGEST_MS = 60_000;
const LONG_ENOUGH_MS = 10_000;

/** @param dueMs the delay whose turn it is · @param ranMs how long the container ran before it ended */
export const nextRestartDelayMs = (dueMs: number, ranMs: number): number =>
  ranMs >= LONG_ENOUGH_MS ? firstRestartDelayMs : Math.min(dueMs, LONGEST_MS);
