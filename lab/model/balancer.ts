/**
 * How one node of a balancer decides which targets get requests, as HAProxy does it. No timers and no I/O: the embedded
 * world drives it with real time, the simulation with a virtual clock.
 *
 * @see https://docs.haproxy.org/2.6/configuration.html#5.2-rise rise, fall and inter
 * @see https://docs.digitalocean.com/products/networking/load-balancers/how-to/manage/ "Health checks"
 */

/** Consecutive results that change a target's state. */
export interface Thresholds {
  /** Failed probes that take a target out of rotation. */
  readonly fall: number;
  /** Passed probes that bring a target into rotation. */
  readonly rise: number;
}

/** What one node knows of one target. */
export interface Target {
  readonly up: boolean;
  /** Consecutive probes that contradict the present state; one that confirms it starts the count anew. */
  readonly contrary: number;
}

/** A new member is DOWN: DigitalOcean sends it nothing before it has passed `rise` probes. */
export const newTarget = (): Target => ({ up: false, contrary: 0 });

/** The target after one more probe. */
export function probed(target: Target, passed: boolean, { fall, rise }: Thresholds): Target {
  if (passed === target.up) return target.contrary === 0 ? target : { up: target.up, contrary: 0 };
  const contrary = target.contrary + 1;
  const enough = contrary >= (target.up ? fall : rise);
  return enough ? { up: !target.up, contrary: 0 } : { up: target.up, contrary };
}

/** DigitalOcean counts 200 to 399 as a passed probe. */
export const isPass = (status: number): boolean => status >= 200 && status <= 399;

/**
 * The target whose turn it is: the one after `last` in `order` among those that are up.
 *
 * @param order every target, up or not, in the order in which they joined
 * @param last the target that got the request before this one; null before the first
 */
export function pick<Id>(order: readonly Id[], isUp: (id: Id) => boolean, last: Id | null): Id | null {
  const start = last === null ? 0 : order.indexOf(last) + 1;
  for (let step = 0; step < order.length; step += 1) {
    const candidate = order[(start + step) % order.length];
    if (candidate !== undefined && isUp(candidate)) return candidate;
  }
  return null;
}

/** When probes happen: at `phaseMs` and then every `intervalMs`. */
export interface ProbeTimes {
  readonly intervalMs: number;
  /** Moment of some probe on the same clock; any of them will do. */
  readonly phaseMs: number;
}

/** The first moment for a probe strictly after `now`. */
export function nextProbeAt({ intervalMs, phaseMs }: ProbeTimes, now: number): number {
  const passed = Math.floor((now - phaseMs) / intervalMs);
  const next = phaseMs + (passed + 1) * intervalMs;
  // The sum may be rounded down to `now` itself.
  return next > now ? next : next + intervalMs;
}

/**
 * Phase of a node's probes of one target. Nodes are spread over the interval unless their phases are given; targets of a node
 * are spread as HAProxy does at its start, so that they are not all probed in one moment.
 */
export function phaseOf(
  node: { readonly index: number; readonly count: number; readonly phaseMs?: number | undefined },
  target: { readonly index: number; readonly count: number },
  intervalMs: number,
): number {
  const ofNode = node.phaseMs ?? (node.index / node.count) * intervalMs;
  return ofNode + (target.index / target.count) * intervalMs;
}
