/** Those who serve while a host is out: who they are, and whether they still do. */
import type { Traffic } from "../../../contract/host.js";
import {
  isAtWork,
  knownSources,
  trafficNow,
  LOOK_COST_MS,
  observeAll,
  servesBeside,
  SILENCE_MS,
  watched,
  type Context,
  type Member,
} from "../context.js";
import { RolloutError } from "../core/errors.js";
import type { Peer, Verdict } from "../core/gates.js";

/** Share of a processor that looks at the other hosts may take while one leaves. */
const LOOK_SHARE = 0.1;
/** Milliseconds between two such looks, at least: one that shows a host absent is repeated at once. */
const AROUND_MS = 1000;
/** Looks in a row that show a host which is to serve meanwhile not serving: a busy one may be slow once or twice. */
const ABSENCES = 3;

/** Those who serve meanwhile: the listed hosts, and beside a fleet of one the superseded ones that still do. */
export function peersOf(context: Context, leaving: readonly Member[]): Member[] {
  const staying = context.members.filter((member) => !leaving.includes(member));
  const others = staying.filter((member) => !member.superseded);
  if (others.length > 0) return others;
  return staying.filter((member) => member.locked && servesBeside(member));
}

/** Those who are to serve while a host is out, and are not out themselves. */
export const peersLeft = (context: Context, member: Member): Member[] =>
  peersOf(context, [member, ...context.members.filter(isLeaving)]);

/**
 * Looks now and then at those that are to serve meanwhile: which nodes the balancer has, and whether they do serve. Nobody waits for the
 * answers, as a host that is gone gives none.
 */
export function lookAround(context: Context): void {
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

export const peerOf = (context: Context, member: Member, traffic = trafficNow(context, member)): Peer => ({
  ...{ name: member.info.name, traffic },
});

/**
 * Whether a host that is to serve meanwhile still is in rotation, at the nodes that had it there.
 * @param traffic null for one that does not answer; by default what it said last
 */
function standing(context: Context, member: Member, traffic?: null): Verdict {
  const sources = knownSources(context).filter((source) => context.nodes.includes(source));
  return context.parts.gates.quorum([peerOf(context, member, traffic)], sources, context.check);
}

/** One that failed is being put back. */
const isLeaving = (member: Member): boolean => isAtWork(member) || member.status === "failed";

/**
 * A host that the balancer still asks had better stay when another one fails.
 * @throws RolloutError QuorumLost
 */
export function stayIfNeeded(context: Context, member: Member): void {
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
export function stayIfUnasked(context: Context, member: Member, traffic: Traffic): void {
  const sources = knownSources(context).filter((source) => context.nodes.includes(source));
  const verdict = context.parts.gates.asked(traffic, sources, context.check);
  if (verdict.pass || sources.length === 0) return;
  throw new RolloutError(
    "NotEjected",
    `${member.info.name} stays as it is: ${verdict.why}; look at ${context.manifest.fleetTag ? "its tag" : "the balancer's own list of hosts"}, at the firewall, and at the private network`,
  );
}
