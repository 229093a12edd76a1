/** Where requests go right now, as the hosts' kernels count them: probes that passed a while ago do not show that. */
import type { Traffic } from "../../../contract/host.js";
import { observeSilent, watched, type Context, type Landings, type Member } from "../context.js";
import { landedBetween } from "../core/landed.js";
import { Rounds } from "../rounds.js";

/** How many came to these hosts. */
export const landedOn = ({ by }: Landings, members: readonly Member[]): number =>
  members.reduce((sum, one) => sum + (by.get(one) ?? 0), 0);

/** Rounds of requests, each between two looks at all hosts. Clients may send some meanwhile. */
export class LandingRounds {
  /** Looked at by an earlier round, which did not wait for the end of that look. */
  readonly #late = new Set<Member>();
  readonly #rounds = new Rounds(() => this.#count());

  /** @param patienceMs how long looks go on after the last one that ended; those that take longer show nothing */
  constructor(
    private readonly contextOf: () => Context,
    private readonly patienceMs: number,
  ) {}

  /** Of a round that begins after this call; one serves all who ask meanwhile. */
  join(): Promise<Landings> {
    return this.#rounds.join();
  }

  #count(): Promise<Landings> {
    const context = this.contextOf();
    const { prober, knocks } = context;
    return prober.holding(async () => {
      const before = await this.#shown(watched(context));
      const { sent, answered } = await knocks.join();
      const after = await this.#shown([...before.keys()]);
      const by = new Map([...before].map(([one, then]) => [one, landedBetween(then, after.get(one))]));
      return { by, answered, failed: sent - answered };
    });
  }

  /**
   * What those say that answer in time. A look that takes longer goes on. Until it has ended, its host is not looked at again for this: such
   * looks would else take the turns of all others.
   */
  async #shown(members: readonly Member[]): Promise<Map<Member, Traffic | null>> {
    const shown = new Map<Member, Traffic | null>();
    const asked = members.filter((member) => !this.#late.has(member));
    const underWay = new Set(asked);
    const context = this.contextOf();
    const { clock } = context.ports;
    const ended = new AbortController();
    let endedMs = 0;
    const looks = asked.map(async (member) => {
      const [observation] = await observeSilent(context, [member]);
      underWay.delete(member);
      endedMs = clock.now();
      this.#late.delete(member);
      if (!observation || ended.signal.aborted) return;
      shown.set(member, observation.traffic);
    });
    const silence = async (): Promise<void> => {
      await Promise.race(looks);
      for (let leftMs = this.patienceMs; leftMs > 0 && !ended.signal.aborted;) {
        await clock.sleep(leftMs, ended.signal);
        leftMs = endedMs + this.patienceMs - clock.now();
      }
    };
    await Promise.race([Promise.all(looks), silence()]);
    ended.abort();
    for (const member of underWay) this.#late.add(member);
    return shown;
  }
}
