/** Where requests go right now, as the hosts count them: probes that passed a while ago do not show that. */
import type { Lifecycle } from "../../../contract/host.js";
import { observeSilent, watched, type Context, type Member } from "../context.js";
import { landedBetween } from "../core/landed.js";

/** Milliseconds that looks go on after the last one that ended. Clients fail meanwhile, and a host that is gone answers none. */
const PATIENCE_MS = 2000;

export interface Landings {
  /** Those that each host got. Whoever did not answer in time has counted none. */
  readonly by: ReadonlyMap<Member, number>;
  /** At least so many failed although a host got them. */
  readonly failedOnHosts: number;
}

/** How many of them these hosts got. */
export const landedOn = ({ by }: Landings, members: readonly Member[]): number =>
  members.reduce((sum, one) => sum + (by.get(one) ?? 0), 0);

/**
 * Sends some requests and asks the hosts which of them they got. Others may send some meanwhile: what they send may have been answered by a
 * host, as long as it has not failed.
 * @param patienceMs how long looks go on after the last one that ended
 */
export function countLandings(context: Context, patienceMs = PATIENCE_MS): Promise<Landings> {
  return context.prober.holding(async () => {
    const mayBeAnswered = context.ownRequests.mark();
    const before = await shownPromptly(context, watched(context), patienceMs);
    await context.knocks.join();
    const after = await shownPromptly(context, [...before.keys()], patienceMs);
    const by = new Map([...before].map(([one, then]) => [one, landedBetween(then, after.get(one))]));
    const landed = [...by.values()].reduce((sum, one) => sum + one, 0);
    return { by, failedOnHosts: landed - mayBeAnswered() };
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
