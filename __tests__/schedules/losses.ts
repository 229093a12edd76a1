/** What befalls a fleet beside its rollout: hosts that its balancer loses, and hosts that are not what they seem. */
import { barrierKinds } from "../../lab/sim/balancer.js";
import type { Loss } from "../../lab/sim/world.js";
import type { HostStatus } from "../../scripts/rollout/core/events.js";

/** When and of what the balancer loses a host. */
export interface LossPlan extends Loss {
  /** Index of a listed host. */
  readonly host: number;
  /** Intervals of the balancer's check from the rollout's start; below 0 it comes before. With `on`, from that event. */
  readonly at: number;
  /** Counts from the first host that gets this status. @default - from the rollout's start */
  readonly on?: HostStatus | undefined;
}

/**
 * Hosts that only seem to serve, or not to. redirects: the health path answers 301, which a balancer takes for healthy and the rollout does not
 * · draining: an earlier rollout that is gone has drained it
 */
export const seemingKinds = ["redirects", "draining"] as const;
export interface Seeming {
  readonly kind: (typeof seemingKinds)[number];
  /** When a draining one began to, in intervals of the balancer's check from the rollout's start: below 0. */
  readonly at: number;
}

/** What befalls a fleet beside its rollout. */
export interface Beside {
  readonly losses: readonly LossPlan[];
  /** The first of the hosts that have a container, one for each. */
  readonly seeming: readonly Seeming[];
}

/** All ways of losing a host, for the coverage: a single node, and a balancer that hangs, count apart. */
export const lossKinds = [...barrierKinds, "node", "hang"] as const;

/** Only where requests are dropped does the balancer have anything to hang with. */
export const isHang = ({ kind, hangs }: Loss): boolean => hangs === true && (kind === "link" || kind === "requests");

export function kindOf(loss: Loss): (typeof lossKinds)[number] {
  if (isHang(loss)) return "hang";
  return loss.kind !== "tag" && loss.node !== null ? "node" : loss.kind;
}
