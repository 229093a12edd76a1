/** What must be so before and after a rollout: the balancer asks every host, and sends requests to all of them. */
import { knownSources, trafficNow, listed, observeAll, pause, watched, type Context, type Member } from "../context.js";
import { RolloutError } from "../core/errors.js";
import { blindWaitMs } from "../core/floor.js";
import { toldByOne, type Verdict } from "../core/gates.js";
import { areClientsAsBefore, expectAnswers, whyClientsFail } from "./clients.js";
import { silentFirst, whyUnknown } from "./late.js";
import { peerOf } from "./peers.js";

/** What to do where looks take too long. */
export const WHAT_IS_SLOW = "look at what takes that long";

/**
 * Every listed host gets requests, as far as it can tell. One that came back a moment ago gets the time that the balancer needs to see it.
 * Clients must not fail at the end either, whatever the hosts tell: nobody may have asked since the last host came back. Few failures may be
 * the first of many, so they get that time as well.
 * @throws RolloutError NotConverged, ClientsFail
 */
export async function expectRotation(context: Context): Promise<void> {
  const members = listed(context);
  // Of those that are handed over, what each node of the balancer was answered is proven by itself.
  const drained = members.filter(({ strategy }) => strategy === "drain");
  const sinceMs = context.ports.clock.now();
  await expectAnswers(context);
  // The balancer needs its time to take a host in, and what fails until then is not held against the release. A whole window comes after that.
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
    if (drained.length > 0) await observeAll(context, members);
    const verdict = allInRotation(context, drained);
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

/** As far as their kernels tell. */
const allInRotation = (context: Context, members: readonly Member[]): Verdict =>
  context.parts.gates.quorum(
    silentFirst(members.map((member) => peerOf(context, member))),
    knownSources(context),
    context.check,
  );

/**
 * The balancer asks every host that serves, before anything is changed: what it does not ask is out of rotation, whatever it answers. One that came up a
 * moment ago gets the time that the balancer needs to take a host in.
 * @throws RolloutError NotInRotation
 */
export async function expectAsked(context: Context, members: readonly Member[]): Promise<void> {
  if (members.length === 0) return;
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
export function onOneWord(context: Context): string {
  const hosts = context.members.map((member) => ({ ...member.info, traffic: trafficNow(context, member) }));
  const lone = toldByOne(hosts, context.check).map(({ node, host }) => `${host} of node ${node}`);
  if (lone.length === 0) return "";
  return ` (one host alone tells: ${lone.join(", ")}; where the balancer has no such node, that host is what is wrong)`;
}

/** Null when every node asks every one of them. One that says nothing right now is left to the quorum. */
export function notAsked(context: Context, members: readonly Member[]): RolloutError | null {
  const sources = knownSources(context);
  for (const member of members) {
    const traffic = trafficNow(context, member);
    if (traffic?.state !== "serving") continue;
    const verdict = context.parts.gates.asked(traffic, sources, context.check);
    if (!verdict.pass) return notInRotation(context, member, verdict.why);
  }
  return null;
}
