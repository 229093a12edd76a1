/** Requests under way at the moment of a stop, and how they are sampled. */
import { describe, expect, it } from "@jest/globals";
import { InFlightSamples, inFlightWhenStopped } from "../../../lab/bench/in-flight.js";
import type { SiteBalancer } from "../../../lab/site.js";

const samples = [
  { atMs: 100, inFlight: { "1": 7, "2": 8 } },
  { atMs: 200, inFlight: { "2": 15 } },
  { atMs: 300, inFlight: { "1": 9, "2": 3 } },
];

describe("requests in flight when stopped", () => {
  it("are those of the last sample before each stop, all together", () => {
    expect(inFlightWhenStopped(samples, [{ dropletId: "1", atMs: 199 }])).toBe(7);
    expect(inFlightWhenStopped(samples, [{ dropletId: "1", atMs: 200 }])).toBe(0);
    const stops = [
      { dropletId: "1", atMs: 150 },
      { dropletId: "2", atMs: 1000 },
    ];
    expect(inFlightWhenStopped(samples, stops)).toBe(10);
    expect(inFlightWhenStopped(samples, [])).toBe(0);
  });

  it("cannot be told before the first sample", () => {
    expect(() => inFlightWhenStopped(samples, [{ dropletId: "1", atMs: 99 }])).toThrow("before 1 was stopped");
  });
});

describe("samples", () => {
  const balancer = (inFlight: SiteBalancer["inFlight"]) => ({ inFlight });

  it("are taken until they are stopped", async () => {
    let asked = 0;
    let three = (): void => undefined;
    const enough = new Promise<void>((settle) => (three = settle));
    const taking = new InFlightSamples(
      balancer(async () => {
        asked += 1;
        if (asked === 3) three();
        return { "1": asked };
      }),
    );
    await enough;
    const taken = await taking.stop();
    expect(taken.map(({ inFlight }) => inFlight["1"]).slice(0, 3)).toEqual([1, 2, 3]);
    expect(taken).toHaveLength(asked);
  });

  it("tell at the stop that the balancer could not be asked", async () => {
    const taking = new InFlightSamples(balancer(() => Promise.reject(new Error("no socket"))));
    await expect(taking.stop()).rejects.toThrow("no socket");
  });
});
