/** What the schedules are good for: rollouts without freshness, without the prober, or without the limit on hosts that look down do not hold. */
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { Behaviour } from "../../lab/sim/app.js";
import type { Release } from "../../contract/release.js";
import { testImage, testManifest } from "../support/fleet.js";
import { simulate } from "../support/sim.js";
import type { Parts } from "../../scripts/rollout/context.js";
import { gatesWith } from "../../scripts/rollout/core/gates.js";
import { standardParts } from "../../scripts/rollout/run.js";
import type { LossPlan } from "../schedules/losses.js";
import { outcomeOf } from "../schedules/property.js";
import { schedule, type Schedule } from "../schedules/schedule.js";

const always = { pass: true } as const;
/** A passed probe counts for ever, as it did before looks had an age. */
const withoutFreshness: Parts = { ...standardParts, gates: { ...gatesWith(() => Infinity), asked: () => always } };
const withoutProber: Parts = { ...standardParts, clients: () => null };
/** Hosts that look down are brought onto the release all at once. */
const withoutLimit: Parts = {
  ...standardParts,
  plan: (input) => {
    const planned = standardParts.plan(input);
    return { ...planned, converge: [planned.converge.flat()] };
  },
};

const [drawn] = fc.sample(schedule, { numRuns: 1, seed: 1 });
/** Two hosts behind one node, in small numbers; everything can be seen. */
const plan: Schedule = {
  ...(drawn as Schedule),
  ...{ hosts: 2, interval: 3, unhealthy: 2, liveUnhealthy: 2, healthy: 2, candid: true, phases: [0.3], unavailable: 1 },
  ...{
    rate: 5,
    even: true,
    longestRequestMs: 10,
    startMs: 300,
    latencyMs: 5,
    empty: 0,
    superseded: 0,
    minReady: 0,
  },
  ...{ view: "full", stopMs: null },
};
const lost = (at: number, host: number, kind: LossPlan["kind"]): LossPlan => ({
  ...{ node: null, lastsMs: null },
  ...{ kind, host, at },
});

/** What does not hold when either host is lost at one of these moments. */
async function broken(
  moments: readonly number[],
  parts: Parts,
  kind: LossPlan["kind"] = "link",
  fleet = plan,
): Promise<string[]> {
  const found: string[] = [];
  for (const at of moments) {
    for (const host of [0, 1]) {
      const outcome = await outcomeOf(
        { plan: fleet, course: null, losses: [lost(at, host, kind)], seeming: [] },
        parts,
      );
      found.push(...outcome.broken);
    }
  }
  return found;
}

describe("hosts that are lost before the rollout", () => {
  const moments = [-10, -9, -8];

  it("cost nothing", async () => expect(await broken(moments, standardParts)).toEqual([]));

  it("cost requests without freshness, though the prober takes the drain back", async () =>
    expect(await broken(moments, withoutFreshness)).toContainEqual(expect.stringMatching(/^\d+ requests were lost/)));
});

describe("hosts that are lost while another one is out", () => {
  it("cost one take-back at most", async () => expect(await broken([0.5, 1, 1.5, 2], standardParts)).toEqual([]));
});

describe("hosts that an earlier rollout has left draining", () => {
  const fleet = { ...plan, hosts: 3 };
  const brief = { ...lost(-8, 2, "probes"), lastsMs: 1000 };
  const seeming = [-10, -5].map((at) => ({ kind: "draining" as const, at }));
  const brokenWith = async (parts: Parts): Promise<readonly string[]> =>
    (await outcomeOf({ plan: fleet, course: null, losses: [brief], seeming }, parts)).broken;

  it("are stopped no more at once than may be unavailable", async () =>
    expect(await brokenWith(standardParts)).toEqual([]));

  it("are stopped together without the limit", async () =>
    expect(await brokenWith(withoutLimit)).toEqual([
      expect.stringMatching(/had their running containers stopped at once, above maxUnavailable \(1\)$/),
    ]));
});

describe("a host that passes every probe and gets no request", () => {
  const moments = [-8, 0.5, 1, 1.5];

  /** Also as often as the prober asks: with two hosts in turn and an even rhythm, one of the two would get all of its requests. */
  const fleets = ([5, 20] as const).map((rate) => ({ ...plan, rate }));

  it.each(fleets)("costs one take-back at most while the other one drains ($rate requests a second)", async (fleet) =>
    expect(await broken(moments, standardParts, "requests", fleet)).toEqual([]),
  );

  it("costs all requests for as long as that drain lasts without the prober, as every gate believes the probes", async () => {
    const found = await broken(moments, withoutProber, "requests", { ...plan, rate: 20 });
    expect(found).toHaveLength(moments.length);
    for (const what of found) expect(what).toMatch(/^\d+ requests were lost/);
  });
});

describe("a release that is healthy and answers every request with 500", () => {
  const manifest = testManifest({ rollout: { minReadySeconds: 5 } });
  const behaviourOf = ({ image }: Release): Behaviour =>
    image === testImage(2) ? { startMs: 300, kind: "errs" } : { startMs: 300, kind: "healthy" };
  const actions = async (parts: Parts): Promise<string[]> =>
    (await simulate({ manifest, behaviourOf, parts })).receipt.hosts.map(({ action }) => action).sort();

  it("stays on no host", async () => expect(await actions(standardParts)).toEqual(["restored", "untouched"]));

  it("stays on a host without the prober, as every host says that it is well", async () =>
    expect(await actions(withoutProber)).toContain("replaced"));
});
