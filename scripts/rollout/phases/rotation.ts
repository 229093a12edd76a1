/** Leaving and entering the balancer's rotation, by evidence or by the article's fixed waits. */
import type { Lifecycle } from "../../../contract/host.js";
import {
  emit,
  isAtWork,
  knownSources,
  listed,
  LOOK_COST_MS,
  mostProbes,
  observe,
  observeAll,
  pause,
  secondsSince,
  sendWitness,
  servesBeside,
  setStatus,
  watched,
  type Context,
  type Member,
} from "../context.js";
import { RolloutError } from "../core/errors.js";
import { blindWaitMs } from "../core/floor.js";
import { WITNESS_PER_HOST, type AdmissionInput, type Verdict } from "../core/gates.js";
import type { Observation } from "../ports.js";

/** Share of a processor that looks at the other hosts may take while one leaves. */
const LOOK_SHARE = 0.1;
/** Milliseconds between two such looks, at least: one that shows a host absent is repeated at once. */
const AROUND_MS = 1000;
/** Looks in a row that show a host which is to serve meanwhile not serving: a busy one may be slow once or twice. */
const ABSENCES = 3;
/** Milliseconds without any answer to a look: longer than a connection takes to be made anew. */
const SILENCE_MS = 12_000;
/** Milliseconds, per second of the balancer's interval, before a window that was not quiet is tried again. */
const AFTER_NOISE_MS_PER_SECOND = 250;
/** Looks in a row without an answer from the app before the host counts as lost. */
const SILENT_LOOKS = 10;

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
 * The hosts that leave next: all others serve right now. One that came back a moment ago gets the time that the balancer needs to see it.
 * @param choose from what was seen a moment ago; called after every look
 * @throws RolloutError QuorumLost
 */
export async function quorum(context: Context, choose: () => readonly Member[]): Promise<readonly Member[]> {
  const entryMs = blindWaitMs(context.check.healthyThreshold, context.check);
  // Health alone does not tell that the balancer has taken a host in: it has to hold for as long as that takes.
  const seasonedMs = context.surveyedMs + entryMs - context.ports.clock.now();
  if (context.manifest.rollout.gate === "fixed-wait" && seasonedMs > 0) await pause(context, seasonedMs);
  const until = context.ports.clock.now() + entryMs;
  for (;;) {
    context.refreshedMs = context.ports.clock.now();
    await observeAll(context, watched(context));
    const leaving = choose();
    const verdict = await quorumVerdict(context, leaving);
    if (verdict.pass) {
      for (const member of context.members) Object.assign(member, { absences: 0, look: null });
      return leaving;
    }
    if (verdict.final || context.ports.clock.now() >= until) {
      const names = leaving.map((member) => member.info.name).join(", ");
      throw new RolloutError(
        "QuorumLost",
        `${names} may not leave rotation now: ${verdict.why}; mend that host, then run the rollout again`,
      );
    }
    await pause(context);
  }
}

async function quorumVerdict(context: Context, leaving: readonly Member[]): Promise<Verdict> {
  const others = peersOf(context, leaving);
  const peers = await Promise.all(
    others.map(async (member) => ({
      name: member.info.name,
      lifecycle: member.lifecycle,
      health: context.manifest.rollout.gate === "fixed-wait" ? await healthOf(context, member) : null,
    })),
  );
  return context.parts.gates.quorum(peers, knownSources(context), context.check, context.manifest.rollout.gate);
}

/** Those who serve meanwhile: the listed hosts, and beside a fleet of one the superseded ones that still do. */
function peersOf(context: Context, leaving: readonly Member[]): Member[] {
  const staying = context.members.filter((member) => !leaving.includes(member));
  const others = staying.filter((member) => !member.superseded);
  if (others.length > 0) return others;
  return staying.filter((member) => member.locked && servesBeside(member));
}

async function healthOf(context: Context, member: Member): Promise<number | null> {
  return observe(context, member).then(
    (observation) => observation.health,
    () => null,
  );
}

/**
 * Waits until the balancer has let a drained host go and nothing is in flight on it.
 * @param mayStay ends it with QuorumLost when the host is needed after all, as another one stopped serving meanwhile
 * @throws RolloutError NotEjected, DrainTimeout, InstanceChanged, QuorumLost
 */
export async function awaitEjection(context: Context, member: Member, { mayStay = false } = {}): Promise<Ejection> {
  const began = context.ports.clock.now();
  if (context.manifest.rollout.gate === "fixed-wait") return awaitBlindEjection(context, member, began);
  const drained = await presentLifecycle(context, member);
  let firstProbeSeconds: number | null = null;
  for (;;) {
    const lifecycle = await sameInstance(context, member, drained.instance);
    if (firstProbeSeconds === null && mostProbes(context, member, "failed") > 0)
      firstProbeSeconds = secondsSince(context, began);
    lookAround(context);
    const why = await notYetEjected(context, member, lifecycle, began);
    if (why === null) break;
    if (mayStay) stayIfNeeded(context, member);
    failAfterDeadline(context, began, "NotEjected", `${member.info.name} was not let go by the balancer: ${why}`);
    await pause(context);
  }
  // Counted before the wait for requests in flight: that one depends on clients, not on the balancer.
  const probes = { taken: mostProbes(context, member, "failed"), floor: context.check.unhealthyThreshold };
  member.receipt = { ...member.receipt, drain: probes };
  await awaitIdle(context, member, drained.instance);
  const witness = context.witnessReachable ? WITNESS_PER_HOST * listed(context).length : 0;
  emit(context, "ejected", { seconds: secondsSince(context, began), probes, witness }, member);
  setStatus(context, member, "ejected");
  return { firstProbeSeconds: firstProbeSeconds ?? secondsSince(context, began), instance: drained.instance };
}

/** Null once the host is out of rotation: enough failed probes, then a quiet window of witness requests. */
async function notYetEjected(
  context: Context,
  member: Member,
  before: Lifecycle,
  beganMs: number,
): Promise<string | null> {
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
  if (!verdict.pass) return verdict.why;
  if (!context.witnessReachable) return null;
  const windowMs = context.ports.clock.now();
  const hosts = listed(context).length;
  const answered = await context.quietWindows.join();
  const after = await sameInstance(context, member, before.instance);
  const window = context.ports.clock.now() - windowMs;
  const quiet = gates.quiet({ before, after, windowMs: window, answered, hosts });
  if (quiet.pass) return null;
  await pause(context, context.check.checkIntervalSeconds * AFTER_NOISE_MS_PER_SECOND);
  return quiet.why;
}

/** Waits for requests that were accepted before the balancer let go. */
async function awaitIdle(context: Context, member: Member, instance: string): Promise<void> {
  const began = context.ports.clock.now();
  const { drainTimeoutSeconds, onDrainTimeout } = context.manifest.rollout;
  for (;;) {
    const lifecycle = await sameInstance(context, member, instance);
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

async function awaitBlindEjection(context: Context, member: Member, began: number): Promise<Ejection> {
  await pause(context, blindWaitMs(context.check.unhealthyThreshold, context.check));
  const { drainTimeoutSeconds, onDrainTimeout } = context.manifest.rollout;
  const idleFrom = context.ports.clock.now();
  for (;;) {
    const { connections } = await observe(context, member);
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
 * @throws RolloutError NotConverged
 */
export async function expectRotation(context: Context): Promise<void> {
  const { gate } = context.manifest.rollout;
  if (gate === "fixed-wait") return;
  const members = listed(context);
  const until = context.ports.clock.now() + blindWaitMs(context.check.healthyThreshold, context.check);
  for (;;) {
    await observeAll(context, members);
    const peers = members.map(({ info, lifecycle }) => ({ name: info.name, lifecycle, health: null }));
    const verdict = context.parts.gates.quorum(peers, knownSources(context), context.check, gate);
    if (verdict.pass) return;
    if (context.ports.clock.now() >= until) {
      throw new RolloutError(
        "NotConverged",
        `every host runs the release, but the balancer does not send to all of them: ${verdict.why}; look at the firewall and at the balancer's health check`,
      );
    }
    await pause(context);
  }
}

/**
 * Waits until the balancer sends requests to a new container.
 * @throws RolloutError NotReadmitted, InstanceChanged
 */
export async function awaitReadmission(context: Context, member: Member): Promise<Readmission> {
  const began = context.ports.clock.now();
  if (context.manifest.rollout.gate === "fixed-wait") return awaitBlindReadmission(context, member, began);
  const fresh = await presentLifecycle(context, member);
  let firstProbeSeconds: number | null = null;
  for (;;) {
    const lifecycle = await sameInstance(context, member, fresh.instance);
    if (firstProbeSeconds === null && mostProbes(context, member, "passed") > 0)
      firstProbeSeconds = secondsSince(context, began);
    lookAround(context);
    const why = await notYetReadmitted(context, member, lifecycle, began);
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

/**
 * Watches a new container for `minReadySeconds`: it must neither restart nor stop serving, nor fail the balancer's probes. One that fails
 * them at the end is watched until they pass again or the balancer lets it go.
 * @throws RolloutError InstanceChanged
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
 * @throws RolloutError NotEjected
 */
export async function awaitTrafficElsewhere(context: Context, leaving: readonly Member[]): Promise<void> {
  const began = context.ports.clock.now();
  if (!context.witnessReachable || context.manifest.rollout.gate === "fixed-wait")
    return pause(context, blindWaitMs(context.check.unhealthyThreshold, context.check));
  for (;;) {
    const verdict = await elsewhere(context, leaving);
    if (verdict.pass) return;
    const names = leaving.map((member) => member.info.name).join(", ");
    failAfterDeadline(context, began, "NotEjected", `${names} may still get requests: ${verdict.why}`);
    await pause(context);
  }
}

async function elsewhere(context: Context, leaving: readonly Member[]): Promise<Verdict> {
  const others = watched(context).filter((member) => !leaving.includes(member));
  const landed = async (): Promise<number> => {
    await observeAll(context, others);
    return others.reduce((sum, { lifecycle }) => sum + (lifecycle?.witnessRequests ?? 0), 0);
  };
  context.watchHeld = true;
  try {
    await context.watching;
    const before = await landed();
    const sent = WITNESS_PER_HOST * context.members.length;
    const answered = await sendWitness(context, sent);
    return context.parts.gates.elsewhere({ sent, answered, landed: (await landed()) - before });
  } finally {
    context.watchHeld = false;
  }
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
  await observeAll(context, [member]);
  // Of a turn before: since then it was seen to serve.
  if (member.look !== mine) return;
  member.look = null;
  member.absences = member.lifecycle?.state === "serving" ? 0 : member.absences + 1;
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
  const peer = { name: absent.info.name, lifecycle: silent(absent) ? null : absent.lifecycle, health: null };
  const verdict = context.parts.gates.quorum([peer], knownSources(context), context.check, "evidence");
  if (verdict.pass) return;
  throw new RolloutError(
    "QuorumLost",
    `${member.info.name} stays in rotation: ${verdict.why}; mend that host, then run the rollout again`,
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
