/** Where requests go right now, as the hosts count them: probes that passed a while ago do not show that. */
import type { Lifecycle } from "../../../contract/host.js";
import { observeSilent, watched, type Context, type Member } from "../context.js";
import { landedBetween } from "../core/landed.js";

/** Milliseconds that looks go on after the last one that ended. Clients fail meanwhile, and a host that is gone answers none. */
const PATIENCE_MS = 2000;

export interface Landings {
  /** Those that the other hosts got. */
  readonly elsewhere: number;
  /** Those that failed although a host got them. */
  readonly failedOnHosts: number;
}

/**
 * Sends some requests and asks the hosts which of them they got. Whoever does not answer in time has counted none.
 * @param patienceMs how long looks go on after the last one that ended
 */
export function landings(
  context: Context,
  member: Member,
  others: readonly Member[],
  patienceMs = PATIENCE_MS,
): Promise<Landings> {
  const all = [...new Set([member, ...others, ...watched(context)])];
  return context.prober.holding(async () => {
    const before = await shownPromptly(context, all, patienceMs);
    const answered = await context.knocks.join();
    const after = await shownPromptly(context, [...before.keys()], patienceMs);
    const landed = (members: readonly Member[]): number =>
      members.reduce((sum, one) => sum + landedBetween(before.get(one), after.get(one)), 0);
    return { elsewhere: landed(others), failedOnHosts: landed(all) - answered };
  });
}

/**
 * What those say that answer in time. A look that takes longer goes on, and its host is not looked at again for this until it has ended: such
 * looks would else take the turns of all others.
 */
async function shownPromptly(
  context: Context,
  members: readonly Member[],
  patienceMs: number,
): Promise<Map<Member, Lifecycle | null>> {
  const shown = new Map<Member, Lifecycle | null>();
  const asked = members.filter(({ isLate }) => !isLate);
  const underWay = new Set(asked);
  const { clock } = context.ports;
  const ended = new AbortController();
  let endedMs = 0;
  const looks = asked.map(async (member) => {
    const [observation] = await observeSilent(context, [member]);
    underWay.delete(member);
    endedMs = clock.now();
    member.isLate = false;
    if (observation && !ended.signal.aborted) shown.set(member, observation.lifecycle);
  });
  const silence = async (): Promise<void> => {
    await Promise.race(looks);
    for (let leftMs = patienceMs; leftMs > 0 && !ended.signal.aborted; leftMs = endedMs + patienceMs - clock.now())
      await clock.sleep(leftMs, ended.signal);
  };
  await Promise.race([Promise.all(looks), silence()]);
  ended.abort();
  for (const member of underWay) member.isLate = true;
  return shown;
}
