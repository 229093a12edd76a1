import { EventEmitter, once } from "node:events";
import { describe, expect, it } from "@jest/globals";
import {
  betweenLooks,
  heedingStop,
  knownSources,
  mostProbes,
  observeAll,
  observeSilent,
  type Context,
  type Member,
} from "../../scripts/rollout/context.js";
import type { Observation } from "../../scripts/rollout/ports.js";
import { systemClock } from "../../scripts/rollout/adapters/system.js";
import { testManifest } from "../support/fleet.js";
import { check, probed, says } from "./support.js";

/** What the two functions read of a context. */
const fleet = (...told: Member["traffic"][]): Context =>
  ({
    check,
    ports: { clock: { now: () => 10_000 } },
    members: told.map((traffic, index) => ({
      traffic,
      heardMs: 10_000,
      info: { name: `api-${index + 1}`, address: `203.0.113.${index + 1}`, privateAddress: `10.110.0.${index + 2}` },
    })),
  }) as unknown as Context;

describe("the balancer's nodes", () => {
  it("are all that any host of the fleet has been probed by", () =>
    expect(
      knownSources(fleet(says({ probes: [probed("10.0.0.1", {})] }), null, says({ probes: [probed("10.0.0.2", {})] }))),
    ).toEqual(["10.0.0.1", "10.0.0.2"]));

  it("are gone with the look that showed them: one that nobody repeats grows old", () => {
    const looked = fleet(says({ probes: [probed("10.0.0.1", {})] }), says({ probes: [probed("10.0.0.2", {})] }));
    const [first] = looked.members;
    if (first) first.heardMs = 0;
    expect(knownSources(looked)).toEqual(["10.0.0.2"]);
  });

  it("are none of the fleet's own addresses: a droplet may ask itself", () =>
    expect(
      knownSources(
        fleet(says({ probes: [probed("10.110.0.2", {}), probed("203.0.113.1", {}), probed("10.0.0.1", {})] })),
      ),
    ).toEqual(["10.0.0.1"]));
});

describe("the most probes of a node that failed", () => {
  const looked = fleet(
    says({ probes: [probed("10.0.0.1", { failed: 3, agoMs: 4000 }), probed("10.0.0.2", { failed: 2, agoMs: 1000 })] }),
  );
  const failed = (sinceMs?: number): number[] =>
    looked.members.map((one) => mostProbes(looked, one, "failed", sinceMs));

  it("are those of any of them, however long ago", () => expect(failed()).toEqual([3]));

  it("are since a moment only those of a node that has asked since: others asked the container before", () => {
    expect(failed(6000)).toEqual([3]);
    expect(failed(6001)).toEqual([2]);
    expect(failed(9001)).toEqual([0]);
  });
});

describe("a look at what several hosts count together", () => {
  const member = (name: string, seen: Partial<Observation> | Error): Member =>
    ({
      info: { name },
      journal: [],
      heardMs: 0,
      traffic: says({ probes: [] }),
      host: {
        observe: async () => {
          if (seen instanceof Error) throw seen;
          return { journal: [], stewardAlive: true, traffic: null, ...seen };
        },
      },
    }) as unknown as Member;
  const context = { ...fleet(), manifest: testManifest() } as unknown as Context;
  const heard = says({ requests: 7 });
  const lost = member("api-1", { stewardAlive: false, traffic: heard });
  const members = [lost, member("api-2", new Error("no route")), member("api-3", { traffic: heard })];

  it("does not fail when one of them has lost its steward: that one is silent, and the others count", async () => {
    await observeSilent(context, members);
    expect(members.map(({ traffic }) => traffic)).toEqual([null, null, heard]);
  });

  it("fails for whoever works on that host", () =>
    expect(observeAll(context, members)).rejects.toMatchObject({ code: "StewardLost" }));
});

describe("a look that takes longer than one that began after it", () => {
  const shows = (requests: number): Observation =>
    ({ journal: [], stewardAlive: true, traffic: says({ requests }) }) as unknown as Observation;

  /** What is known once a second look has shown 9 requests, and then the first one has ended. */
  async function known(end: () => Observation): Promise<Member["traffic"]> {
    const secondEnded = new EventEmitter();
    const looks = [once(secondEnded, "end").then(end), Promise.resolve(shows(9))];
    const host = { observe: () => looks.shift() };
    const member = { info: { name: "api-1" }, journal: [], heardMs: 0, traffic: null, host } as unknown as Member;
    let nowMs = 0;
    const context = { ports: { clock: { now: () => (nowMs += 10) } } } as unknown as Context;
    const first = observeSilent(context, [member]);
    await observeSilent(context, [member]);
    secondEnded.emit("end");
    await first;
    return member.traffic;
  }

  it("does not change what that one showed", async () =>
    expect(await known(() => shows(2))).toEqual(says({ requests: 9 })));

  it("does not make the host silent when it fails", async () => {
    const fail = (): never => {
      throw new Error("no route");
    };
    expect(await known(fail)).toEqual(says({ requests: 9 }));
  });
});

describe("the time between two looks", () => {
  const busy = (draining: number, serving: number, lookMs = 20): Context =>
    ({
      members: [
        ...Array.from({ length: draining }, () => ({ status: "draining", lookMs })),
        ...Array.from({ length: serving }, () => ({ status: "serving", lookMs: 9000 })),
      ],
    }) as unknown as Context;

  it("is as wished while few hosts are at work", () => expect(betweenLooks(busy(5, 295), 150)).toBe(150));

  it("grows with the hosts that are at work, so that looking at them takes no more time than there is", () =>
    expect(betweenLooks(busy(100, 200), 150)).toBe(2 * betweenLooks(busy(50, 250), 150)));

  it("is as long as the slowest look at one that is at work, a second at most: its host has other work to do", () => {
    expect(betweenLooks(busy(1, 2, 400), 150)).toBe(400);
    expect(betweenLooks(busy(1, 2, 5000), 150)).toBe(1000);
  });
});

describe("a wait for work that is done elsewhere", () => {
  const stop = new AbortController();
  const context = (deadlineMs: number, signal = stop.signal): Context =>
    ({
      ports: { clock: systemClock },
      request: { signal },
      manifest: testManifest(),
      deadlineMs,
    }) as unknown as Context;
  const never = (): Promise<never> => new Promise(() => undefined);

  it("gives back what comes of it, and throws what goes wrong with it", async () => {
    expect(await heedingStop(context(Infinity), async () => 7)).toBe(7);
    await expect(heedingStop(context(Infinity), () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  });

  it("ends when the time is up", () =>
    expect(heedingStop(context(systemClock.now() + 20), never)).rejects.toMatchObject({ code: "RolloutTimeout" }));

  it("ends when the time is up, although a timer ends before its time", async () => {
    let now = 0;
    const early = {
      now: () => now,
      sleep: async (milliseconds: number) => void (now += Math.max(1, milliseconds - 1)),
    };
    const parts = { ...context(20), ports: { clock: early } } as unknown as Context;
    await expect(heedingStop(parts, never)).rejects.toMatchObject({ code: "RolloutTimeout" });
  });

  it("ends with an order to stop, and does not begin after one", async () => {
    const order = new AbortController();
    const waiting = heedingStop(context(Infinity, order.signal), never);
    order.abort();
    await expect(waiting).rejects.toMatchObject({ code: "Interrupted" });
    let begun = false;
    const late = heedingStop(context(Infinity, order.signal), async () => (begun = true));
    await expect(late).rejects.toMatchObject({ code: "Interrupted" });
    expect(begun).toBe(false);
  });
});
