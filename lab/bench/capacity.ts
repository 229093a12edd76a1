/** For how long the fleet was not whole, in the balancer's own view. Pure. */
import type { Change } from "../site.js";

/** `Date.now()` of its begin and its end. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * Seconds within a span in which at least one node of the balancer sent nothing to at least one droplet.
 *
 * @param changes all since the balancer began, oldest first: it begins with every droplet out of rotation
 * @param pairs droplets times nodes: as many there are of one node and one droplet
 */
export function secondsBelowFull(changes: readonly Change[], pairs: number, { fromMs, toMs }: Span): number {
  const up = new Set<string>();
  let sum = 0;
  let sinceMs = fromMs;
  const passTo = (atMs: number): void => {
    const untilMs = Math.min(Math.max(atMs, sinceMs), toMs);
    if (up.size < pairs) sum += untilMs - sinceMs;
    sinceMs = untilMs;
  };
  for (const { node, dropletId, up: isUp, atMs } of changes) {
    passTo(atMs);
    if (isUp) up.add(`${node} ${dropletId}`);
    else up.delete(`${node} ${dropletId}`);
  }
  passTo(toMs);
  return sum / 1000;
}
