/** Looks that take so long that nobody's word is evidence by the time that all of them have ended. */
import { watched, type Context, type Member } from "../context.js";
import { tellsNothing, type Peer } from "../core/gates.js";

/**
 * Why it is not known whether the balancer sends requests to these; null where they can tell, and where one gave no answer, as that one is what is
 * wrong.
 */
export function whyUnknown(context: Context, members: readonly Member[]): string | null {
  if (members.some(({ traffic }) => traffic === null)) return null;
  return members.map((member) => unknown(context, member)).find((why) => why !== null) ?? null;
}

function unknown(context: Context, { info, heardMs }: Member): string | null {
  const late = tellsNothing(context.ports.clock.now() - heardMs, context.check);
  if (late === null) return null;
  const slowest = watched(context).reduce<Member | null>(slower, null);
  const whose = slowest ? `, and the look at ${slowest.info.name} took ${(slowest.lookMs / 1000).toFixed(1)} s` : "";
  return `${info.name} is not known to be in rotation: ${late}${whose}`;
}

const slower = (one: Member | null, other: Member): Member => (one && one.lookMs >= other.lookMs ? one : other);

/** As the gates are asked: those without an answer first, as the others' words may have grown old while one was waited for. */
export const silentFirst = (peers: readonly Peer[]): Peer[] => [
  ...peers.filter(({ traffic }) => traffic === null),
  ...peers.filter(({ traffic }) => traffic !== null),
];
