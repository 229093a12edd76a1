import { describe, expect, it } from "@jest/globals";
import { betweenLooks, heedingStop, knownSources, type Context, type Member } from "../../scripts/rollout/context.js";
import { systemClock } from "../../scripts/rollout/adapters/system.js";
import { testManifest } from "../support/fleet.js";
import { check, probed, says } from "./support.js";

/** What the two functions read of a context. */
const fleet = (...lifecycles: Member["lifecycle"][]): Context =>
  ({
    check,
    members: lifecycles.map((lifecycle, index) => ({
      lifecycle,
      info: { name: `api-${index + 1}`, address: `203.0.113.${index + 1}`, privateAddress: `10.110.0.${index + 2}` },
    })),
  }) as unknown as Context;

describe("the balancer's nodes", () => {
  it("are all that any host of the fleet has been probed by", () =>
    expect(
      knownSources(fleet(says({ probes: [probed("10.0.0.1", {})] }), null, says({ probes: [probed("10.0.0.2", {})] }))),
    ).toEqual(["10.0.0.1", "10.0.0.2"]));

  it("are none of the fleet's own addresses: a droplet may ask itself", () =>
    expect(
      knownSources(
        fleet(says({ probes: [probed("10.110.0.2", {}), probed("203.0.113.1", {}), probed("10.0.0.1", {})] })),
      ),
    ).toEqual(["10.0.0.1"]));
});

describe("the time between two looks", () => {
  const busy = (draining: number, serving: number): Context =>
    ({
      members: [
        ...Array.from({ length: draining }, () => ({ status: "draining" })),
        ...Array.from({ length: serving }, () => ({ status: "serving" })),
      ],
    }) as unknown as Context;

  it("is as wished while few hosts are at work", () => expect(betweenLooks(busy(5, 295), 150)).toBe(150));

  it("grows with the hosts that are at work, so that looking at them takes no more time than there is", () =>
    expect(betweenLooks(busy(100, 200), 150)).toBe(2 * betweenLooks(busy(50, 250), 150)));
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
