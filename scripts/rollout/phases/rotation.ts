/** Leaving the balancer's rotation, by what the hosts' kernels saw. */
import type { Traffic } from "../../../contract/host.js";
import {
  emit,
  knownSources,
  listed,
  mostProbes,
  observeAll,
  pause,
  secondsSince,
  setStatus,
  watched,
  type Context,
  type Member,
} from "../context.js";
import { RolloutError, type ErrorCode } from "../core/errors.js";
import { blindWaitMs } from "../core/floor.js";
import { whyNot, type Verdict } from "../core/gates.js";
import { heedClients, heedOutage, renewBaseline, whileHeeding, whyClientsFail } from "./clients.js";
import { WHAT_IS_SLOW, notAsked, onOneWord } from "./in-rotation.js";
import { silentFirst, whyUnknown } from "./late.js";
import { lookAround, peerOf, peersLeft, peersOf, stayIfNeeded, stayIfUnasked } from "./peers.js";
import { failAfterDeadline, presentTraffic, sameInstance } from "./present.js";

/** Milliseconds, per second of the balancer's interval, before a window that was not quiet is tried again. */
const AFTER_NOISE_MS_PER_SECOND = 250;

/** What leaving rotation took. */
export interface Ejection {
  /** Seconds to the first failed probe. */
  readonly firstProbeSeconds: number;
  /** Process that was drained: the steward stops no other. */
  readonly instance: string;
}

/**
 * The hosts that leave next: all others serve right now. One that came back a moment ago gets the time that the balancer needs to see it. The
 * last look begins when that is over: one that takes longer than all of it is not the only one.
 * @param choose from what was seen a moment ago; called after every look
 * @throws RolloutError QuorumLost, NotInRotation, ClientsFail
 */
export async function quorum(context: Context, choose: () => readonly Member[]): Promise<readonly Member[]> {
  const entryMs = blindWaitMs(context.check.healthyThreshold, context.check);
  await renewBaseline(context);
  const until = context.ports.clock.now() + entryMs;
  for (;;) {
    context.refreshedMs = context.ports.clock.now();
    const isLast = context.refreshedMs >= until;
    await observeAll(context, watched(context));
    const leaving = choose();
    const verdict = mayLeave(context, leaving);
    if (verdict.pass) {
      context.nodes = knownSources(context);
      for (const member of context.members) Object.assign(member, { absences: 0, look: null });
      return leaving;
    }
    if (verdict.final || isLast) throw verdict.error;
    await pause(context);
  }
}

type Leave =
  | { readonly pass: true }
  | { readonly pass: false; readonly final?: boolean | undefined; readonly error: RolloutError };

/** Clients are served, every other host is in rotation, and so are those that leave: what the balancer has lost would not be taken in again. */
function mayLeave(context: Context, leaving: readonly Member[]): Leave {
  const names = leaving.map((member) => member.info.name).join(", ");
  const no = (code: ErrorCode, why: string, fix: string, final?: boolean): Leave => {
    const message = `${names} may not leave rotation now: ${why}; ${fix}, then run the rollout again${onOneWord(context)}`;
    return { pass: false, final, error: new RolloutError(code, message) };
  };
  const failing = whyClientsFail(context);
  if (failing !== null) return no("ClientsFail", failing, "look at what the hosts answer");
  const verdict = quorumVerdict(context, leaving);
  if (!verdict.pass) {
    const unknown = verdict.final ? null : whyUnknown(context, peersOf(context, leaving));
    if (unknown !== null) return no("QuorumLost", unknown, WHAT_IS_SLOW);
    return no("QuorumLost", verdict.why, "mend that host", verdict.final);
  }
  const listedOnes = leaving.filter((member) => !member.superseded);
  const unasked = notAsked(context, listedOnes);
  return unasked === null ? { pass: true } : { pass: false, error: unasked };
}

function quorumVerdict(context: Context, leaving: readonly Member[]): Verdict {
  const peers = peersOf(context, leaving).map((member) => peerOf(context, member));
  return context.parts.gates.quorum(silentFirst(peers), knownSources(context), context.check);
}

/** What ends the wait for an ejection early. */
interface Watched {
  readonly mayStay?: boolean;
  readonly heedsClients?: boolean;
  readonly retreats?: boolean;
}

/**
 * Waits until the balancer has let a drained host go and nothing is in flight on it.
 * @param mayStay ends it with QuorumLost when the host is needed after all, as another one stopped serving meanwhile
 * @param heedsClients ends it with ClientsFail when clients fail meanwhile, whatever hosts say @default - as `mayStay`
 * @param retreats ends it with NotEjected when clients fail as nobody else gets requests
 * @throws RolloutError NotEjected, DrainTimeout, InstanceChanged, QuorumLost, ClientsFail
 */
export async function awaitEjection(
  context: Context,
  member: Member,
  { mayStay = false, retreats = false, heedsClients = mayStay }: Watched = {},
): Promise<Ejection> {
  const began = context.ports.clock.now();
  const drained = await presentTraffic(context, member);
  let firstProbeSeconds: number | null = null;
  let silence: Silence | null = null;
  for (;;) {
    const traffic = await sameInstance(context, member, drained.instance);
    if (firstProbeSeconds === null && mostProbes(context, member, "failed") > 0)
      firstProbeSeconds = secondsSince(context, began);
    lookAround(context);
    if (heedsClients) heedClients(context, member);
    if (retreats) await heedOutage(context, member, () => peersLeft(context, member), began);
    const heed = (): void => (heedsClients ? heedClients(context, member) : undefined);
    const looked: EjectionLook = await lookForEjection(context, member, traffic, began, silence, heed);
    silence = looked.silence;
    if (looked.why === null) break;
    if (mayStay) stayIfNeeded(context, member);
    if (mayStay) stayIfUnasked(context, member, traffic);
    failAfterDeadline(context, began, "NotEjected", `${member.info.name} ${looked.why}`);
    await pause(context);
  }
  // Counted before the wait for requests in flight: that one depends on clients, not on the balancer.
  const probes = { taken: mostProbes(context, member, "failed"), floor: context.check.unhealthyThreshold };
  member.receipt = { ...member.receipt, drain: probes };
  await awaitIdle(context, member, drained.instance, heedsClients);
  emit(context, "ejected", { seconds: secondsSince(context, began), probes, witness: silence?.sent ?? 0 }, member);
  setStatus(context, member, "ejected");
  return { firstProbeSeconds: firstProbeSeconds ?? secondsSince(context, began), instance: drained.instance };
}

/** Rounds of witness requests in a row during which nobody came to a drained host. */
interface Silence {
  /** When the first of them began. */
  readonly fromMs: number;
  readonly sent: number;
  readonly answered: number;
}

interface EjectionLook {
  /** Null once the host is out of rotation. */
  readonly why: string | null;
  readonly silence: Silence | null;
}

/** It is out of rotation after enough failed probes, and enough witness requests that did not land here. */
async function lookForEjection(
  context: Context,
  member: Member,
  before: Traffic,
  beganMs: number,
  silence: Silence | null,
  heed: () => void,
): Promise<EjectionLook> {
  const { gates } = context.parts;
  const ejected = (traffic: Traffic): Verdict =>
    gates.ejected({
      ...{ traffic, sources: knownSources(context), check: context.check },
      waitedMs: context.ports.clock.now() - beganMs,
      witnessReachable: context.witnessReachable === true,
    });
  const notLetGo = (why: string): EjectionLook => ({ why: `was not let go by the balancer: ${why}`, silence: null });
  const verdict = ejected(before);
  if (!verdict.pass) return notLetGo(verdict.why);
  if (!context.witnessReachable) {
    // A node that has not let go sends on: clients of an interval show it, where some come.
    const came = whyNot(gates.quiet({ after: before, windowMs: context.check.checkIntervalSeconds * 1000 }));
    return came === null ? { why: null, silence: null } : notLetGo(came);
  }
  const kept = silence ?? { fromMs: context.ports.clock.now(), sent: 0, answered: 0 };
  const round = await whileHeeding(context, context.quietWindows.join(), heed);
  const after = await sameInstance(context, member, before.instance);
  // Nobody knows when in that look the host was asked: at its end, to be sure.
  const windowMs = context.ports.clock.now() - kept.fromMs;
  const longer = { ...kept, sent: kept.sent + round.sent, answered: kept.answered + round.answered };
  const { baseline } = context.prober;
  // A front that was loaded anew meanwhile has forgotten who came, and its probes as well.
  const noise = whyNot(ejected(after)) ?? whyNot(gates.quiet({ after, windowMs }));
  const tooFew = whyNot(gates.sampled({ ...longer, baseline, hosts: listed(context).length }));
  if (noise === null && tooFew === null) return { why: null, silence: longer };
  await pause(context, context.check.checkIntervalSeconds * AFTER_NOISE_MS_PER_SECOND);
  return noise === null
    ? { why: `gets no requests any more, but too few are answered by the others: ${tooFew ?? ""}`, silence: longer }
    : notLetGo(noise);
}

/** Waits for requests that were accepted before the balancer let go. */
async function awaitIdle(context: Context, member: Member, instance: string, heedsClients: boolean): Promise<void> {
  const began = context.ports.clock.now();
  const { drainTimeoutSeconds, onDrainTimeout } = context.manifest.rollout;
  for (;;) {
    const traffic = await sameInstance(context, member, instance);
    if (heedsClients) heedClients(context, member);
    if (context.parts.gates.idle(traffic).pass) return;
    if (secondsSince(context, began) >= drainTimeoutSeconds) {
      if (onDrainTimeout === "halt") {
        const what =
          traffic.open === null ? "its connections could not be counted" : `${traffic.open} connections are still open`;
        throw new RolloutError(
          "DrainTimeout",
          `${member.info.name}: ${what} after ${drainTimeoutSeconds} s (drainTimeoutSeconds); raise it, or set onDrainTimeout to "cut"`,
        );
      }
      cut(context, member, traffic.open ?? 0);
      return;
    }
    await pause(context);
  }
}

function cut(context: Context, member: Member, connections: number): void {
  member.receipt = { ...member.receipt, cut: member.receipt.cut + connections };
  emit(context, "cut", { connections }, member);
}

/** A fleet of one cannot leave rotation: it is replaced in a moment without requests, if one comes. */
export async function awaitIdleMoment(context: Context, member: Member): Promise<void> {
  const began = context.ports.clock.now();
  for (;;) {
    const traffic = await presentTraffic(context, member);
    if (context.parts.gates.idle(traffic).pass) return;
    if (secondsSince(context, began) >= context.manifest.rollout.drainTimeoutSeconds) {
      cut(context, member, traffic.open ?? 0);
      return;
    }
    await pause(context, 50);
  }
}
