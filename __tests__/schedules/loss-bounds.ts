/** What a rollout may cost clients beside what its balancer loses. */
import { HANG_MS } from "../../lab/sim/app.js";
import { GIVE_UP_MS } from "../../lab/sim/balancer.js";
import { probeLifeMs } from "../../scripts/rollout/core/gates.js";
import { WINDOW_MS } from "../../scripts/rollout/core/prober.js";
import { isHang, type Beside, type LossPlan, type Seeming } from "./losses.js";
import { optionsOf, type Schedule } from "./schedule.js";

/** Milliseconds of commands and of the steward's ticks on the way back. */
const ORDERS_MS = 5000;
/** Standard deviations that chance is given. */
const CHANCE = 4;

/**
 * The length of one take-back, in milliseconds. Failures are seen within the prober's window and the time that a request takes to be given up.
 * The way back takes the commands, the requests still on the host, stop and start, and the balancer's time to take it in again.
 */
export function takeBackMs(plan: Schedule, { losses }: Beside): number {
  const { healthCheck: check, service } = optionsOf(plan).manifest;
  const process = plan.longestRequestMs + service.stopTimeoutSeconds * 1000 + plan.startMs;
  const probes = check.healthyThreshold + 1;
  const giveUpMs = losses.some(isHang) ? HANG_MS : GIVE_UP_MS;
  return WINDOW_MS + giveUpMs + ORDERS_MS + process + probes * check.checkIntervalSeconds * 1000;
}

/**
 * Requests that clients lose beyond the twin's where no host leaves. The rollout's own requests take turns with theirs, so that more or fewer of
 * theirs go to a host that is lost meanwhile. Where the only loss is an old one, nobody's request goes there.
 */
export const outOfTurn = ({ losses }: Beside, twin: number): number =>
  losses.length > 1 ? CHANCE * Math.sqrt(twin) : 0;

/** Of a window of the prober, which holds about ten requests: half of them more are told from chance whatever failed before. */
const CERTAIN_SHARE = 0.5;

/**
 * Requests that fail beyond the twin's, unseen, while hosts are out for so many seconds: one of many that loses its requests, and passes its
 * probes, gets those of the hosts that are out as well.
 */
export function unseen(plan: Schedule, beside: Beside, seconds: number): number {
  const failed = unseenShare(plan, beside) * plan.rate * seconds;
  return failed + CHANCE * Math.sqrt(failed);
}

/** A share that is enough for the prober is none of these: it takes the drain back. */
function unseenShare(plan: Schedule, { losses, seeming }: Beside): number {
  const silent = losses.filter(({ kind }) => kind === "requests");
  const others = new Set(losses.filter(({ kind }) => kind !== "requests").map(({ host }) => host % plan.hosts)).size;
  const ill = silent.reduce((sum, { node }) => sum + (node === null ? 1 : 1 / plan.phases.length), 0);
  const draining = seeming.filter(({ kind }) => kind === "draining").length;
  const shareOf = (hosts: number): number => Math.min(1, ill / Math.max(1, hosts));
  const most = plan.hosts - plan.empty + plan.superseded;
  const rises = range(most - others - draining, most).flatMap((serving) => {
    const left = Math.min(serving - plan.unavailable, plan.superseded > 0 ? plan.hosts - others : serving);
    return range(left, serving).map((staying) => shareOf(staying) - shareOf(serving));
  });
  return Math.max(0, ...rises.filter((rise) => rise < CERTAIN_SHARE));
}

/** Whole numbers from `from` to `to`. */
const range = (from: number, to: number): number[] =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);

/** Of a host that gets requests: the balancer has let it go, and no probe is evidence any more. One that is drained is brought back. */
export function isKnown(plan: Schedule, losses: readonly LossPlan[], seeming: readonly Seeming[]): boolean {
  const { healthCheck: check } = optionsOf(plan).manifest;
  const unhealthy = Math.max(plan.unhealthy, plan.liveUnhealthy);
  const lost = new Set(losses.map(({ host }) => host % plan.hosts).filter((host) => host >= plan.empty));
  const others = plan.hosts - plan.empty > lost.size;
  const drains = (host: number): boolean => seeming[host - plan.empty]?.kind === "draining";
  const lifeMs = Math.max(probeLifeMs(check), (unhealthy + 1) * check.checkIntervalSeconds * 1000);
  return losses.some(({ kind, node, host, at, on, lastsMs }) => {
    // A node that asks no host at all is one that the balancer no longer has.
    if (node !== null && kind !== "tag" && !others) return false;
    const serves = host % plan.hosts >= plan.empty && !drains(host % plan.hosts);
    return (
      serves &&
      on === undefined &&
      kind !== "requests" &&
      lastsMs === null &&
      -at * plan.interval * 1000 > lifeMs + GIVE_UP_MS
    );
  });
}
