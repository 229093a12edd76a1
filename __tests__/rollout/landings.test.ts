import { describe, expect, it } from "@jest/globals";
import { VirtualClock } from "../../lab/sim/clock.js";
import type { Context, Member } from "../../scripts/rollout/context.js";
import { OwnRequests } from "../../scripts/rollout/own-requests.js";
import { landedOn, LandingRounds } from "../../scripts/rollout/phases/landings.js";
import { says } from "./support.js";

interface Host {
  /** Milliseconds that each look takes, by its turn; the last one goes for all later ones. */
  readonly looksMs: readonly number[];
  /** Requests that it gets of those that are sent. */
  readonly gets: number;
  /** Turn of a look in which the app says nothing. @default - there is none */
  readonly silentTurn?: number;
}

interface Counted {
  /** What all hosts but the first got. */
  readonly elsewhere: number;
  readonly failedOnHosts: number;
  readonly tookMs: number;
}

/** What is counted, and how long that takes. Each host got 100 requests before; as many are sent as the hosts get. */
async function count(hosts: readonly Host[], answered: number, patienceMs = 2000): Promise<Counted> {
  const clock = new VirtualClock();
  let sent = false;
  const wanted = hosts.reduce((sum, { gets }) => sum + gets, 0);
  const failures = Array.from({ length: wanted - answered }, () => "503");
  const ownRequests = new OwnRequests({ send: async (count) => ({ sent: count, answered, failures, slowestMs: 0 }) });
  const members = hosts.map(({ looksMs, gets, silentTurn }, index) => {
    let turn = 0;
    const observe = async () => {
      const lookMs = looksMs[Math.min(turn, looksMs.length - 1)] ?? 0;
      turn += 1;
      await clock.sleep(lookMs);
      const lifecycle = turn - 1 === silentTurn ? null : says({ witnessRequests: 100 + (sent ? gets : 0) });
      return { journal: [], stewardAlive: true, lifecycle };
    };
    const info = { name: `api-${index + 1}` };
    return { info, journal: [], heardMs: 0, locked: true, outOfSight: false, host: { observe } };
  }) as unknown as Member[];
  const join = async (): Promise<number> => {
    sent = true;
    return (await ownRequests.send(wanted)).answered;
  };
  const holding = <Result>(work: () => Promise<Result>): Promise<Result> => work();
  const ports = { clock };
  const context = { members, ports, prober: { holding }, knocks: { join }, ownRequests } as unknown as Context;
  const landings = await clock.run(new LandingRounds(() => context, patienceMs).join(), 600_000);
  const { failedOnHosts } = landings;
  return { elsewhere: landedOn(landings, members.slice(1)), failedOnHosts, tookMs: clock.now() };
}

const quick = { looksMs: [20], gets: 3 };

describe("where requests go", () => {
  it("is what the hosts have counted: elsewhere, and failed although a host got them", async () =>
    expect(await count([quick, quick, quick], 7)).toMatchObject({ elsewhere: 6, failedOnHosts: 2 }));

  it("is known without a host that does not answer", async () => {
    const { tookMs, ...counted } = await count([quick, quick, { looksMs: [90_000], gets: 3 }], 6);
    expect(counted).toEqual({ elsewhere: 3, failedOnHosts: 0 });
    expect(tookMs).toBeLessThan(3000);
  });

  it("is known of a slow host where there is the time to wait for it", async () => {
    const slow = { looksMs: [2500], gets: 3 };
    expect(await count([quick, slow], 3)).toMatchObject({ elsewhere: 0, failedOnHosts: 0 });
    expect(await count([quick, slow], 3, 12_000)).toMatchObject({ elsewhere: 3, failedOnHosts: 3 });
  });

  it("is not what a host says that answers the second look alone: what it counted before is not known", async () =>
    expect(await count([quick, { looksMs: [90_000, 20], gets: 3 }], 3)).toMatchObject({ elsewhere: 0 }));

  it.each([0, 1])("is not what a host counts whose app says nothing at one look (%d)", async (silentTurn) => {
    const { elsewhere, failedOnHosts } = await count([quick, { ...quick, silentTurn }], 6);
    expect(elsewhere).toBe(0);
    expect(failedOnHosts).toBeLessThanOrEqual(0);
  });

  it("waits for hosts that answer one after the other, as those of a large fleet do", async () => {
    const slow = Array.from({ length: 9 }, (_, index) => ({ looksMs: [1000 * (index + 1)], gets: 1 }));
    expect(await count([quick, ...slow], 12)).toMatchObject({ elsewhere: 9, failedOnHosts: 0 });
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
