/** Reading the fleet's history from the hosts' copies, and writing it onto every listed host. */
import type { History, HistoryEntry } from "../../../contract/history.js";
import { emit, listed, machinesOf, superseded, surveyOf, surveysOf, type Context } from "../context.js";
import { RolloutError } from "../core/errors.js";
import { afterDeploy, afterRollback, newestHistory, signHistory, withPending } from "../core/history.js";
import { isGenuine, releaseServed, serves } from "../core/target.js";
import { settled } from "../settled.js";

/** Takes in the copies that the last looks at the hosts showed, superseded hosts among them. */
export function learnHistory(context: Context): void {
  const copies = [...surveysOf(context.members)].map(([host, { history }]) => [host, history] as const);
  context.history = newestHistory(new Map(copies), context.request.recordKeys, context.manifest);
}

/** Takes in what the fleet served as this rollout began, and says what of the hosts' files counts for nothing. */
export function learnBefore(context: Context): void {
  learnHistory(context);
  learnServed(context);
  tellIgnored(context);
}

/** Takes in what the fleet serves by the last looks, before any of it is changed. */
export function learnServed(context: Context): void {
  const [own, beside] = [surveysOf(listed(context)), surveysOf(superseded(context))];
  context.before = releaseServed(own, beside, context.history, machinesOf(context));
  const wholeFleet = [...own.values()].every(serves);
  const servedFrom = context.ports.clock.date().toISOString();
  context.first = "release" in context.before && wholeFleet ? { release: context.before.release, servedFrom } : null;
}

function tellIgnored(context: Context): void {
  for (const member of context.members) {
    const copy = context.history.ignored.find(({ host }) => host === member.info.name);
    if (copy) emit(context, "historyIgnored", { why: copy.why }, member);
    const altered = member.survey?.releases.filter((release) => !isGenuine(release)) ?? [];
    for (const { id } of altered) emit(context, "releaseAltered", { release: id }, member);
  }
}

/**
 * Writes down where a rollback leads before it changes any host: one that is broken off is gone to its end by the next.
 * @throws RolloutError StewardLost, or when a host cannot be written to; no host has changed
 */
export async function beginWayBack(context: Context, back: NonNullable<History["pending"]>): Promise<void> {
  const { history } = context.history;
  if (!history) throw new Error("there is no history to go back by");
  const begun = withPending(history, { from: back.from, to: back.to });
  const signed = signHistory(begun, context.request.recordKeys);
  await settled(listed(context).map(({ host }) => host.keepHistory(signed)));
  context.history = { ...context.history, history: begun };
}

/**
 * Writes down that the whole fleet was seen to serve the release. A host that cannot be written to keeps an older copy, which the others outvote:
 * that is told, and the rollout has ended well all the same.
 * @throws RolloutError StewardLost
 * @param back id of the release that was gone back to; null after a deploy
 */
export async function keepHistory(context: Context, back: string | null): Promise<void> {
  const { release, ports, request, manifest, first } = context;
  if (!release) throw new Error("nothing was rolled out");
  const { history } = context.history;
  const entry: HistoryEntry = { release, servedFrom: ports.clock.date().toISOString() };
  const kept =
    history && back !== null ? afterRollback(history, back, entry) : afterDeploy(history, manifest, entry, first);
  context.history = { history: kept, ignored: [] };
  const signed = signHistory(kept, request.recordKeys);
  await Promise.all(
    listed(context).map(async (member) => {
      try {
        await member.host.keepHistory(signed);
      } catch (error) {
        // Another rollout may have written its own since.
        if (!(error instanceof RolloutError) || error.code === "StewardLost") throw error;
        emit(context, "historyNotKept", { why: error.message }, member);
      }
    }),
  );
}

/** Releases of the containers on the listed hosts: also one that does not serve makes the fleet a mixed one. */
export const releasesOnHosts = (context: Context): (string | null)[] =>
  listed(context).flatMap((member) => {
    const { current } = surveyOf(member).containers;
    return current ? [current.release] : [];
  });
