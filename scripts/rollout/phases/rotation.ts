/** Leaving and entering the balancer's rotation, by evidence or by the article's fixed waits. */
import type { Lifecycle } from "../../../contract/host.js";
import {
  emit,
  isAtWork,
  knownSources,
  lifecycleNow,
  listed,
  LOOK_COST_MS,
  mostProbes,
  observe,
  observeAll,
  observeSilent,
  pause,
  pollMs,
  secondsSince,
  sendWitness,
  servesBeside,
  setStatus,
  SILENCE_MS,
  watched,
  type Context,
  type Member,
} from "../context.js";
import { RolloutError, type ErrorCode } from "../core/errors.js";
import { blindWaitMs } from "../core/floor.js";
import { toldByOne, WITNESS_PER_HOST, type AdmissionInput, type Peer, type Verdict } from "../core/gates.js";
import { landedBetween } from "../core/landed.js";
import type { Observation } from "../ports.js";
import {
  areClientsAsBefore,
  expectAnswers,
  heedClients,
  heedClientsOf,
  heedOutage,
  renewBaseline,
  whyClientsFail,
} from "./clients.js";
import { silentFirst, whyUnknown } from "./late.js";

/** Share of a processor that looks at the other hosts may take while one leaves. */
const LOOK_SHARE = 0.1;
/** Milliseconds between two such looks, at least: one that shows a host absent is repeated at once. */
const AROUND_MS = 1000;
/** Looks in a row that show a host which is to serve meanwhile not serving: a busy one may be slow once or twice. */
const ABSENCES = 3;
/** Milliseconds, per second of the balancer's interval, before a window that was not quiet is tried again. */
const AFTER_NOISE_MS_PER_SECOND = 250;
/** Looks in a row without an answer from the app before the host counts as lost. */
const SILENT_LOOKS = 10;
/** What to do where looks take too long. */
const WHAT_IS_SLOW = "look at what takes that long";

/** What leaving rotation took. */
export interface Ejection {
  /** Seconds to the first failed probe. */
  readonly firstProbeSeconds: number;
  /** Process that was drained: the steward stops no other. */
  readonly instance: string;
}

/** What entering rotation took. */
export interface Readmission {
  /** Seconds to the first passed probe. */
  readonly firstProbeSeconds: number;
  /** Process that was taken in. */
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
  // Health alone does not tell that the balancer has taken a host in: it has to hold for as long as that takes.
  const seasonedMs = context.surveyedMs + entryMs - context.ports.clock.now();
  if (context.manifest.rollout.gate === "fixed-wait" && seasonedMs > 0) await pause(context, seasonedMs);
  await renewBaseline(context);
  const until = context.ports.clock.now() + entryMs;
  for (;;) {
    context.refreshedMs = context.ports.clock.now();
    const isLast = context.refreshedMs >= until;
    await observeAll(context, watched(context));
    const leaving = choose();
    const verdict = await mayLeave(context, leaving);
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
async function mayLeave(context: Context, leaving: readonly Member[]): Promise<Leave> {
  const names = leaving.map((member) => member.info.name).join(", ");
  const no = (code: ErrorCode, why: string, fix: string, final?: boolean): Leave => {
    const message = `${names} may not leave rotation now: ${why}; ${fix}, then run the rollout again${onOneWord(context)}`;
    return { pass: false, final, error: new RolloutError(code, message) };
  };
  const failing = whyClientsFail(context);
  if (failing !== null) return no("ClientsFail", failing, "look at what the hosts answer");
  const verdict = await quorumVerdict(context, leaving);
  if (!verdict.pass) {
    const unknown = verdict.final ? null : whyUnknown(context, peersOf(context, leaving));
    if (unknown !== null) return no("QuorumLost", unknown, WHAT_IS_SLOW);
    return no("QuorumLost", verdict.why, "mend that host", verdict.final);
  }
  const listedOnes = leaving.filter((member) => !member.superseded);
  const unasked = context.manifest.rollout.gate === "evidence" ? notAsked(context, listedOnes) : null;
  return unasked === null ? { pass: true } : { pass: false, error: unasked };
}

async function quorumVerdict(context: Context, leaving: readonly Member[]): Promise<Verdict> {
  const others = peersOf(context, leaving);
  const peers = await Promise.all(
    others.map(async (member) => ({
      name: member.info.name,
      lifecycle: lifecycleNow(context, member),
      health: context.manifest.rollout.gate === "fixed-wait" ? await healthOf(context, member) : null,
    })),
  );
  const { gate } = context.manifest.rollout;
  return context.parts.gates.quorum(silentFirst(peers), knownSources(context), context.check, gate);
}

/** Those who serve meanwhile: the listed hosts, and beside a fleet of one the superseded ones that still do. */
function peersOf(context: Context, leaving: readonly Member[]): Member[] {
  const staying = context.members.filter((member) => !leaving.includes(member));
  const others = staying.filter((member) => !member.superseded);
  if (others.length > 0) return others;
  return staying.filter((member) => member.locked && servesBeside(member));
}

/** Null without an answer. @throws RolloutError StewardLost, which is no word on what serves there */
async function healthOf(context: Context, member: Member): Promise<number | null> {
  const [observation] = await observeAll(context, [member]);
  return observation?.health ?? null;
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
  if (context.manifest.rollout.gate === "fixed-wait") return awaitBlindEjection(context, member, began, heedsClients);
  const drained = await presentLifecycle(context, member);
  let firstProbeSeconds: number | null = null;
  let silence: Silence | null = null;
  for (;;) {
    const lifecycle = await sameInstance(context, member, drained.instance);
    if (firstProbeSeconds === null && mostProbes(context, member, "failed") > 0)
      firstProbeSeconds = secondsSince(context, began);
    lookAround(context);
    if (heedsClients) heedClients(context, member);
    if (retreats) await heedOutage(context, member, () => peersLeft(context, member), began);
    const heed = (): void => (heedsClients ? heedClients(context, member) : undefined);
    const looked: EjectionLook = await lookForEjection(context, member, lifecycle, began, silence, heed);
    silence = looked.silence;
    if (looked.why === null) break;
    if (mayStay) stayIfNeeded(context, member);
    if (mayStay) stayIfUnasked(context, member, lifecycle);
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

/** Rounds of witness requests in a row of which none landed on a drained host. */
interface Silence {
  /** What it said before the first of them, and when. */
  readonly before: Lifecycle;
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
  before: Lifecycle,
  beganMs: number,
  silence: Silence | null,
  heed: () => void,
): Promise<EjectionLook> {
  const { gates } = context.parts;
  const waitedMs = context.ports.clock.now() - beganMs;
  const input = {
    lifecycle: before,
    sources: knownSources(context),
    check: context.check,
    waitedMs,
    witnessReachable: context.witnessReachable === true,
  };
  const verdict = gates.ejected(input);
  if (!verdict.pass) return { why: `was not let go by the balancer: ${verdict.why}`, silence: null };
  if (!context.witnessReachable) return { why: null, silence: null };
  const kept = silence ?? { before, fromMs: context.ports.clock.now(), sent: 0, answered: 0 };
  const round = await whileHeeding(context, context.quietWindows.join(), heed);
  const after = await sameInstance(context, member, before.instance);
  const longer = { ...kept, sent: kept.sent + round.sent, answered: kept.answered + round.answered };
  const windowMs = context.ports.clock.now() - kept.fromMs;
  const { baseline } = context.prober;
  const noise = whyNot(gates.quiet({ before: kept.before, after, windowMs }));
  const tooFew = whyNot(gates.sampled({ ...longer, baseline, hosts: listed(context).length }));
  if (noise === null && tooFew === null) return { why: null, silence: longer };
  await pause(context, context.check.checkIntervalSeconds * AFTER_NOISE_MS_PER_SECOND);
  return noise === null
    ? { why: `gets no requests any more, but too few are answered by the others: ${tooFew ?? ""}`, silence: longer }
    : { why: `was not let go by the balancer: ${noise}`, silence: null };
}

const whyNot = (verdict: Verdict): string | null => (verdict.pass ? null : verdict.why);

/**
 * Waits for requests that are counted, and heeds something meanwhile: where the balancer hangs, each of them takes as long as a client would
 * wait, and the host must not stay out for all that time.
 */
async function whileHeeding<Result>(context: Context, work: Promise<Result>, heed: () => void): Promise<Result> {
  const ended = new AbortController();
  const heeding = async (): Promise<Result> => {
    while (!ended.signal.aborted) {
      heed();
      await context.ports.clock.sleep(pollMs(context.check), ended.signal);
    }
    return work;
  };
  const heeded = heeding();
  try {
    return await Promise.race([work, heeded]);
  } finally {
    ended.abort();
    for (const left of [work, heeded]) left.catch(() => undefined);
  }
}

/** Waits for requests that were accepted before the balancer let go. */
async function awaitIdle(context: Context, member: Member, instance: string, heedsClients: boolean): Promise<void> {
  const began = context.ports.clock.now();
  const { drainTimeoutSeconds, onDrainTimeout } = context.manifest.rollout;
  for (;;) {
    const lifecycle = await sameInstance(context, member, instance);
    if (heedsClients) heedClients(context, member);
    if (context.parts.gates.idle(lifecycle).pass) return;
    const { inFlight, upgraded } = lifecycle;
    if (secondsSince(context, began) >= drainTimeoutSeconds) {
      if (inFlight > 0 && onDrainTimeout === "halt") {
        throw new RolloutError(
          "DrainTimeout",
          `${member.info.name}: ${inFlight} requests are still in flight after ${drainTimeoutSeconds} s (drainTimeoutSeconds); raise it, or set onDrainTimeout to "cut"`,
        );
      }
      cut(context, member, inFlight, upgraded);
      return;
    }
    await pause(context);
  }
}

function cut(context: Context, member: Member, requests: number, upgraded: number): void {
  member.receipt = { ...member.receipt, cut: member.receipt.cut + requests + upgraded };
  emit(context, "cut", { requests, upgraded }, member);
}

/** A fleet of one cannot leave rotation: it is replaced in a moment without requests, if one comes. */
export async function awaitIdleMoment(context: Context, member: Member): Promise<void> {
  if (context.manifest.rollout.gate === "fixed-wait") return;
  const began = context.ports.clock.now();
  for (;;) {
    const lifecycle = await presentLifecycle(context, member);
    if (context.parts.gates.idle(lifecycle).pass) return;
    const { inFlight, upgraded } = lifecycle;
    if (secondsSince(context, began) >= context.manifest.rollout.drainTimeoutSeconds) {
      cut(context, member, inFlight, upgraded);
      return;
    }
    await pause(context, 50);
  }
}

async function awaitBlindEjection(
  context: Context,
  member: Member,
  began: number,
  heedsClients: boolean,
): Promise<Ejection> {
  const heed = (): void => (heedsClients ? heedClients(context, member) : undefined);
  await waitOut(context, blindWaitMs(context.check.unhealthyThreshold, context.check), heed);
  const { drainTimeoutSeconds, onDrainTimeout } = context.manifest.rollout;
  const idleFrom = context.ports.clock.now();
  for (;;) {
    const { connections } = await observe(context, member);
    heed();
    if (connections === 0) break;
    if (secondsSince(context, idleFrom) >= drainTimeoutSeconds) {
      if (onDrainTimeout === "halt") {
        throw new RolloutError(
          "DrainTimeout",
          connections === null
            ? `${member.info.name}: its connections could not be counted for ${drainTimeoutSeconds} s (drainTimeoutSeconds); the image needs cat for that, or set onDrainTimeout to "cut"`
            : `${member.info.name}: ${connections} connections are still open after ${drainTimeoutSeconds} s (drainTimeoutSeconds); raise it, or set onDrainTimeout to "cut"`,
        );
      }
      cut(context, member, connections ?? 0, 0);
      break;
    }
    await pause(context);
  }
  emit(context, "ejected", { seconds: secondsSince(context, began), probes: null, witness: 0 }, member);
  setStatus(context, member, "ejected");
  return { firstProbeSeconds: context.check.checkIntervalSeconds, instance: "" };
}

/**
 * Every listed host gets requests, as far as it can tell: one that came back a moment ago gets the time that the balancer needs to see it.
 * Clients must not fail at the end either, whatever the hosts tell: nobody may have asked since the last host came back. Few failures may be
 * the first of many, so they get that time as well.
 * @throws RolloutError NotConverged, ClientsFail
 */
export async function expectRotation(context: Context): Promise<void> {
  const members = listed(context);
  const sinceMs = context.ports.clock.now();
  await expectAnswers(context);
  // What fails before the balancer has had its time to take a host in is not held against the release: a whole window comes after that.
  const until =
    context.ports.clock.now() + blindWaitMs(context.check.healthyThreshold, context.check) + context.prober.windowMs;
  let failing: string | null = null;
  let hadTrouble = false;
  for (;;) {
    const asBefore = await areClientsAsBefore(context, sinceMs, hadTrouble);
    hadTrouble ||= !asBefore;
    // Once clients were seen to fail, one lucky window does not end that.
    failing = whyClientsFail(context, sinceMs) ?? (asBefore ? null : failing);
    const isLast = context.ports.clock.now() >= until;
    await observeAll(context, members);
    const verdict = allInRotation(context, members);
    if (verdict.pass && asBefore) return;
    if (isLast) {
      if (verdict.pass && failing === null) return;
      const why = verdict.pass
        ? `clients fail: ${failing ?? ""}; look at what the hosts answer and whether the balancer reaches them`
        : notSentTo(context, members, verdict.why);
      throw new RolloutError(verdict.pass ? "ClientsFail" : "NotConverged", `every host runs the release, but ${why}`);
    }
    await pause(context);
  }
}

function notSentTo(context: Context, members: readonly Member[], why: string): string {
  const unknown = whyUnknown(context, members);
  return unknown === null
    ? `the balancer does not send to all of them: ${why}; look at the firewall and at the balancer's health check`
    : `${unknown}; ${WHAT_IS_SLOW}, then run the rollout again`;
}

/** As far as they can tell; with the fixed-wait gate they cannot. */
const allInRotation = (context: Context, members: readonly Member[]): Verdict =>
  context.manifest.rollout.gate === "fixed-wait"
    ? { pass: true }
    : context.parts.gates.quorum(
        silentFirst(members.map((member) => peerOf(context, member))),
        knownSources(context),
        context.check,
        "evidence",
      );

/**
 * The balancer asks every host that serves, before anything is changed: what it does not ask is out of rotation, whatever the app says. One
 * that came up a moment ago gets the time that the balancer needs to take a host in. Only evidence tells, so not with the fixed-wait gate.
 * @throws RolloutError NotInRotation
 */
export async function expectAsked(context: Context, members: readonly Member[]): Promise<void> {
  if (context.manifest.rollout.gate === "fixed-wait" || members.length === 0) return;
  const until = context.ports.clock.now() + blindWaitMs(context.check.healthyThreshold, context.check);
  for (;;) {
    const isLast = context.ports.clock.now() >= until;
    await observeAll(context, watched(context));
    const error = notAsked(context, members);
    if (error === null) return;
    if (isLast) throw error;
    await pause(context);
  }
}

function notInRotation(context: Context, member: Member, why: string): RolloutError {
  const { info } = member;
  const unknown = whyUnknown(context, [member]);
  const { fleetTag } = context.manifest;
  const where = fleetTag ? `the tag ${fleetTag} on the droplet` : "the balancer's own list of hosts and its check";
  return new RolloutError(
    "NotInRotation",
    unknown === null
      ? `${info.name} is not in rotation: ${why}, although it serves; look at ${where}, at the firewall, and at the private network between the balancer and it${onOneWord(context)}`
      : `${unknown}; ${WHAT_IS_SLOW}, then run the rollout again`,
  );
}

/** Whose word alone it is that there is a node, for a message; empty when each is told of by several hosts. */
function onOneWord(context: Context): string {
  const hosts = context.members.map((member) => ({ ...member.info, lifecycle: lifecycleNow(context, member) }));
  const lone = toldByOne(hosts, context.check).map(({ node, host }) => `${host} of node ${node}`);
  if (lone.length === 0) return "";
  return ` (one host alone tells: ${lone.join(", ")}; where the balancer has no such node, that host is what is wrong)`;
}

/** Null when every node asks every one of them. One that says nothing right now is left to the quorum. */
function notAsked(context: Context, members: readonly Member[]): RolloutError | null {
  const sources = knownSources(context);
  for (const member of members) {
    const lifecycle = lifecycleNow(context, member);
    if (lifecycle?.state !== "serving") continue;
    const verdict = context.parts.gates.asked(lifecycle, sources, context.check);
    if (!verdict.pass) return notInRotation(context, member, verdict.why);
  }
  return null;
}

/**
 * Waits until the balancer sends requests to a new container.
 * @throws RolloutError NotReadmitted, InstanceChanged, ClientsFail
 */
export async function awaitReadmission(context: Context, member: Member): Promise<Readmission> {
  const began = context.ports.clock.now();
  member.enteredMs = null;
  if (context.manifest.rollout.gate === "fixed-wait") return awaitBlindReadmission(context, member, began);
  const fresh = await presentLifecycle(context, member);
  let firstProbeSeconds: number | null = null;
  for (;;) {
    const lifecycle = await sameInstance(context, member, fresh.instance);
    if (firstProbeSeconds === null && mostProbes(context, member, "passed") > 0)
      firstProbeSeconds = secondsSince(context, began);
    lookAround(context);
    await heedClientsOf(context, member, () => peersLeft(context, member));
    // That may have taken long: what was said before is as old by now.
    const why = await notYetReadmitted(context, member, lifecycleNow(context, member) ?? lifecycle, began);
    if (why === null) break;
    failAfterDeadline(context, began, "NotReadmitted", `${member.info.name} was not taken into rotation: ${why}`);
    await pause(context);
  }
  const probes = { taken: mostProbes(context, member, "passed"), floor: context.check.healthyThreshold };
  member.receipt = { ...member.receipt, readmission: probes };
  emit(context, "readmitted", { seconds: secondsSince(context, began), probes }, member);
  return { firstProbeSeconds: firstProbeSeconds ?? 0, instance: fresh.instance };
}

/** Null once in rotation. When all but the witness agrees, some requests are sent so that one can land here, and it is looked at again at once. */
async function notYetReadmitted(
  context: Context,
  member: Member,
  lifecycle: Lifecycle,
  beganMs: number,
): Promise<string | null> {
  const { gates } = context.parts;
  const witnessReachable = context.witnessReachable === true;
  const inputOf = (shown: Lifecycle): AdmissionInput => ({
    lifecycle: shown,
    sources: knownSources(context),
    check: context.check,
    waitedMs: context.ports.clock.now() - beganMs,
    witnessReachable,
  });
  const verdict = gates.readmitted(inputOf(lifecycle));
  if (verdict.pass) return null;
  if (!witnessReachable || !gates.readmitted(inputOf({ ...lifecycle, witnessRequests: 1 })).pass) return verdict.why;
  // Every node has it in rotation: it gets requests, whether or not it counts them.
  member.enteredMs ??= context.ports.clock.now();
  await context.knocks.join();
  const again = gates.readmitted(inputOf(await sameInstance(context, member, lifecycle.instance)));
  return again.pass ? null : again.why;
}

async function awaitBlindReadmission(context: Context, member: Member, began: number): Promise<Readmission> {
  await pause(context, blindWaitMs(context.check.healthyThreshold, context.check));
  const { health } = await observe(context, member);
  if (health !== 200) {
    throw new RolloutError(
      "NotReadmitted",
      `${member.info.name}: the health path answers ${health ?? "nothing"} after the wait for the balancer`,
    );
  }
  emit(context, "readmitted", { seconds: secondsSince(context, began), probes: null }, member);
  return { firstProbeSeconds: context.check.checkIntervalSeconds, instance: "" };
}

/** Those who are to serve while a host is out, and are not out themselves. */
const peersLeft = (context: Context, member: Member): Member[] =>
  peersOf(context, [member, ...context.members.filter(isLeaving)]);

/** A wait of a fixed length, while something is heeded. */
async function waitOut(context: Context, milliseconds: number, heed: () => void): Promise<void> {
  const until = context.ports.clock.now() + milliseconds;
  for (;;) {
    heed();
    const leftMs = until - context.ports.clock.now();
    if (leftMs <= 0) return;
    await pause(context, Math.min(leftMs, pollMs(context.check)));
  }
}

/**
 * Judges a new container by what clients see once it gets requests, before it is kept: `minReadySeconds` may be too short for anybody to ask.
 * Where nothing was asked before, there is nothing to judge it by until the end; where only time tells, nobody knows who gets requests.
 * @throws RolloutError ClientsFail
 */
export async function expectClientsServed(context: Context, member: Member): Promise<void> {
  if (context.manifest.rollout.gate === "fixed-wait" || context.prober.baseline === null) return;
  const { clock } = context.ports;
  // Noted before the requests are sent, as those that were sent earlier do not count.
  member.enteredMs ??= clock.now();
  await expectAnswers(context);
  const until = clock.now() + context.prober.windowMs;
  for (;;) {
    await heedClientsOf(context, member, () => peersLeft(context, member));
    // By chance a few requests may all land on one host, or hardly any on this one: where some failed, a whole window is judged.
    if (clock.now() >= until || context.prober.areAsBefore(member.enteredMs)) return;
    await pause(context);
  }
}

/**
 * Watches a new container for `minReadySeconds`: it must neither restart nor stop serving, nor fail the balancer's probes. One that fails
 * them at the end is watched until they pass again or the balancer lets it go.
 * @throws RolloutError InstanceChanged, ClientsFail
 */
export async function awaitMinReady(context: Context, member: Member, instance: string): Promise<void> {
  const { minReadySeconds } = context.manifest.rollout;
  const began = context.ports.clock.now();
  const failed = (): number => mostProbes(context, member, "failed");
  while (secondsSince(context, began) < minReadySeconds || failed() > 0) {
    await pause(context);
    const state = await stateNow(context, member, instance);
    const why = failed() >= context.check.unhealthyThreshold ? "failing the balancer's health checks" : state;
    const message = `${member.info.name} did not stay ready for minReadySeconds (${minReadySeconds} s): it is ${why}`;
    if (why !== "serving") throw new RolloutError("InstanceChanged", message);
    await heedClientsOf(context, member, () => peersLeft(context, member));
    failAfterDeadline(context, began + minReadySeconds * 1000, "NotReadmitted", `${message}, and fails probes`);
  }
}

async function stateNow(context: Context, member: Member, instance: string): Promise<string> {
  if (context.manifest.rollout.gate === "evidence") return (await sameInstance(context, member, instance)).state;
  const health = await present(context, member, "the health path", ({ health: answer }) => answer);
  return health === 200 ? "serving" : `answering ${health}`;
}

/**
 * Waits until no request through the balancer goes to a host that cannot be asked itself: what was answered is what the others
 * have seen.
 * @param onSomeLeft done after each time that some may still go there; may throw @default - nothing is
 * @throws RolloutError NotEjected, StewardLost
 */
export async function awaitTrafficElsewhere(
  context: Context,
  leaving: readonly Member[],
  onSomeLeft: () => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  const began = context.ports.clock.now();
  if (!context.witnessReachable || context.manifest.rollout.gate === "fixed-wait")
    return pause(context, blindWaitMs(context.check.unhealthyThreshold, context.check));
  for (;;) {
    const verdict = await elsewhere(context, leaving);
    if (verdict.pass) return;
    const names = leaving.map((member) => member.info.name).join(", ");
    failAfterDeadline(context, began, "NotEjected", `${names} may still get requests: ${verdict.why}`);
    await onSomeLeft();
    await pause(context);
  }
}

async function elsewhere(context: Context, leaving: readonly Member[]): Promise<Verdict> {
  const others = watched(context).filter((member) => !leaving.includes(member));
  const told = (looks: readonly (Observation | null)[]): (Lifecycle | null)[] =>
    looks.map((look) => look?.lifecycle ?? null);
  return context.prober.holding(async () => {
    // Nobody else works on these hosts, to whom it would show that a steward is gone.
    const before = told(await observeAll(context, others));
    const { sent, answered } = await sendWitness(context, WITNESS_PER_HOST * context.members.length);
    const after = told(await observeSilent(context, others));
    const landed = after.reduce((sum, then, index) => sum + landedBetween(before[index], then), 0);
    return context.parts.gates.elsewhere({ sent, answered, landed });
  });
}

/**
 * Looks now and then at those that are to serve meanwhile: which nodes the balancer has, and whether they do serve. Nobody waits for the
 * answers, as a host that is gone gives none.
 */
function lookAround(context: Context): void {
  const now = context.ports.clock.now();
  const staying = watched(context).filter((member) => !isAtWork(member));
  const due = now - context.refreshedMs >= Math.max(AROUND_MS, (staying.length * LOOK_COST_MS) / LOOK_SHARE);
  if (due) context.refreshedMs = now;
  // One that was not seen to serve is looked at again at once, if it is to.
  const needed = peersOf(context, context.members.filter(isLeaving)).filter(({ absences }) => absences > 0);
  for (const member of due ? staying : needed) if (!member.look) void look(context, member);
}

async function look(context: Context, member: Member): Promise<void> {
  const mine = (member.look = { sinceMs: context.ports.clock.now() });
  await observeAll(context, [member]).catch(() => undefined);
  // Of a turn before: since then it was seen to serve.
  if (member.look !== mine) return;
  member.look = null;
  member.absences = standing(context, member).pass ? 0 : member.absences + 1;
}

const peerOf = (context: Context, member: Member, lifecycle = lifecycleNow(context, member)): Peer => ({
  ...{ name: member.info.name, lifecycle, health: null },
});

/**
 * Whether a host that is to serve meanwhile still is in rotation, at the nodes that had it there.
 * @param lifecycle null for one that does not answer; by default what it said last
 */
function standing(context: Context, member: Member, lifecycle?: null): Verdict {
  const sources = knownSources(context).filter((source) => context.nodes.includes(source));
  return context.parts.gates.quorum([peerOf(context, member, lifecycle)], sources, context.check, "evidence");
}

/** One that failed is being put back. */
const isLeaving = (member: Member): boolean => isAtWork(member) || member.status === "failed";

/**
 * A host that the balancer still asks had better stay when another one fails.
 * @throws RolloutError QuorumLost
 */
function stayIfNeeded(context: Context, member: Member): void {
  const longAgo = context.ports.clock.now() - SILENCE_MS;
  const silent = ({ look: pending }: Member): boolean => pending !== null && pending.sinceMs < longAgo;
  const absent = peersOf(context, context.members.filter(isLeaving)).find(
    (peer) => peer.absences >= ABSENCES || silent(peer),
  );
  if (!absent) return;
  const verdict = standing(context, absent, silent(absent) ? null : undefined);
  if (verdict.pass) return;
  throw new RolloutError(
    "QuorumLost",
    `${member.info.name} stays in rotation: ${verdict.why}; mend that host, then run the rollout again`,
  );
}

/**
 * A node that asks others and no longer asks the host itself has lost it: nobody would take a new container in.
 * @throws RolloutError NotEjected
 */
function stayIfUnasked(context: Context, member: Member, lifecycle: Lifecycle): void {
  const sources = knownSources(context).filter((source) => context.nodes.includes(source));
  const verdict = context.parts.gates.asked(lifecycle, sources, context.check);
  if (verdict.pass || sources.length === 0) return;
  throw new RolloutError(
    "NotEjected",
    `${member.info.name} stays as it is: ${verdict.why}; look at ${context.manifest.fleetTag ? "its tag" : "the balancer's own list of hosts"}, at the firewall, and at the private network`,
  );
}

/** What the app says. */
const presentLifecycle = (context: Context, member: Member): Promise<Lifecycle> =>
  present(context, member, "the app's control port", ({ lifecycle }) => lifecycle);

/**
 * What a look shows; a few silent looks in a row are forgiven, as a busy host may need a moment.
 * @throws RolloutError InstanceChanged
 */
async function present<Answer>(
  context: Context,
  member: Member,
  who: string,
  answerOf: (observation: Observation) => Answer | null,
): Promise<Answer> {
  for (let look = 1; ; look += 1) {
    const answer = answerOf(await observe(context, member));
    if (answer !== null) return answer;
    if (look >= SILENT_LOOKS) throw new RolloutError("InstanceChanged", `${member.info.name}: ${who} does not answer`);
    await pause(context);
  }
}

async function sameInstance(context: Context, member: Member, instance: string): Promise<Lifecycle> {
  const lifecycle = await presentLifecycle(context, member);
  if (lifecycle.instance !== instance) {
    throw new RolloutError(
      "InstanceChanged",
      `${member.info.name}: the app's process restarted while it was waited for (${instance} became ${lifecycle.instance})`,
    );
  }
  return lifecycle;
}

function failAfterDeadline(
  context: Context,
  beganMs: number,
  code: "NotEjected" | "NotReadmitted",
  message: string,
): void {
  const limit = context.manifest.rollout.progressDeadlineSeconds;
  if (secondsSince(context, beganMs) >= limit)
    throw new RolloutError(code, `${message} (progressDeadlineSeconds, ${limit} s)`);
}
