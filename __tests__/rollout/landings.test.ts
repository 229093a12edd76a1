import { describe, expect, it } from "@jest/globals";
import { VirtualClock } from "../../lab/sim/clock.js";
import type { Context, Member } from "../../scripts/rollout/context.js";
import type { WitnessReport } from "../../scripts/rollout/ports.js";
import { landedOn, LandingRounds } from "../../scripts/rollout/phases/landings.js";
import { says } from "./support.js";

interface Host {
  /** Milliseconds that each look takes, by its turn; the last one goes for all later ones. */
  readonly looksMs: readonly number[];
  /** Requests that it gets of those that are sent. */
  readonly gets: number;
  /** Turn of a look in which it does not tell what comes. @default - there is none */
  readonly silentTurn?: number;
  /** What it counted before. @default 100 */
  readonly before?: number;
  /** What it counts after the requests. @default - what it got more */
  readonly after?: number;
  /** Its container was replaced meanwhile. */
  readonly isReplaced?: boolean;
}

interface Counted {
  /** What all hosts but the first got. */
  readonly elsewhere: number;
  readonly failed: number;
  readonly tookMs: number;
}

/** What is counted, and how long that takes. As many are sent as the hosts get. */
async function count(hosts: readonly Host[], answered: number, patienceMs = 2000): Promise<Counted> {
  const clock = new VirtualClock();
  let sent = false;
  const wanted = hosts.reduce((sum, { gets }) => sum + gets, 0);
  const failures = Array.from({ length: wanted - answered }, () => "503");
  const members = hosts.map(({ looksMs, gets, silentTurn, before = 100, after = before + gets, isReplaced }, index) => {
    let turn = 0;
    const observe = async () => {
      const lookMs = looksMs[Math.min(turn, looksMs.length - 1)] ?? 0;
      turn += 1;
      await clock.sleep(lookMs);
      const instance = sent && isReplaced ? "two" : "one";
      const traffic = turn - 1 === silentTurn ? null : says({ instance, requests: sent ? after : before });
      return { journal: [], stewardAlive: true, traffic };
    };
    const info = { name: `api-${index + 1}` };
    return { info, journal: [], heardMs: 0, locked: true, outOfSight: false, host: { observe } };
  }) as unknown as Member[];
  const join = async (): Promise<WitnessReport> => {
    sent = true;
    return Promise.resolve({ sent: wanted, answered, failures, slowestMs: 0 });
  };
  const holding = <Result>(work: () => Promise<Result>): Promise<Result> => work();
  const ports = { clock };
  const context = { members, ports, prober: { holding }, knocks: { join } } as unknown as Context;
  const landings = await clock.run(new LandingRounds(() => context, patienceMs).join(), 600_000);
  const { failed } = landings;
  return { elsewhere: landedOn(landings, members.slice(1)), failed, tookMs: clock.now() };
}

const quick = { looksMs: [20], gets: 3 };

describe("where requests go", () => {
  it("is what the hosts have counted, and how many of the rollout's own requests failed", async () =>
    expect(await count([quick, quick, quick], 7)).toMatchObject({ elsewhere: 6, failed: 2 }));

  it("is all that a host counts anew, as nothing had come there for long", async () =>
    expect(await count([quick, { ...quick, after: 3 }], 6)).toMatchObject({ elsewhere: 3, failed: 0 }));

  it("is also what clients have sent meanwhile", async () =>
    expect(await count([quick, { ...quick, after: 117 }], 6)).toMatchObject({ elsewhere: 17, failed: 0 }));

  it("is not what came to another container than before", async () =>
    expect(await count([quick, { ...quick, isReplaced: true }, quick], 9)).toMatchObject({ elsewhere: 3 }));

  it("is known without a host that does not answer", async () => {
    const { tookMs, ...counted } = await count([quick, quick, { looksMs: [90_000], gets: 3 }], 6);
    expect(counted).toEqual({ elsewhere: 3, failed: 3 });
    expect(tookMs).toBeLessThan(3000);
  });

  it("is known of a slow host where there is the time to wait for it", async () => {
    const slow = { looksMs: [2500], gets: 3 };
    expect(await count([quick, slow], 3)).toMatchObject({ elsewhere: 0, failed: 3 });
    expect(await count([quick, slow], 3, 12_000)).toMatchObject({ elsewhere: 3, failed: 3 });
  });

  it("is not what a host says that answers the second look alone: what it counted before is not known", async () =>
    expect(await count([quick, { looksMs: [90_000, 20], gets: 3 }], 3)).toMatchObject({ elsewhere: 0 }));

  it.each([0, 1])("is not what a host counts that does not tell at one look (%d)", async (silentTurn) =>
    expect(await count([quick, { ...quick, silentTurn }, quick], 8)).toMatchObject({ elsewhere: 3, failed: 1 }),
  );

  it("waits for hosts that answer one after the other, as those of a large fleet do", async () => {
    const slow = Array.from({ length: 9 }, (_, index) => ({ looksMs: [1000 * (index + 1)], gets: 1 }));
    expect(await count([quick, ...slow], 12)).toMatchObject({ elsewhere: 9, failed: 0 });
  });

  it("waits for hosts that all take long to answer, as on a busy machine", async () =>
    expect(
      await count(
        [
          { looksMs: [5000], gets: 0 },
          { looksMs: [5500], gets: 2 },
        ],
        2,
      ),
    ).toMatchObject({ elsewhere: 2 }));
});
