import { describe, expect, it } from "@jest/globals";
import {
  DRAIN_LEAD_MS,
  failingFirst,
  failsByItself,
  soonestProbed,
  type Waiting,
} from "../../../scripts/rollout/core/turn.js";
import { check, probed, says } from "../support.js";

/** A host that nodes asked so many milliseconds ago. */
const asked = (name: string, agoMs: Readonly<Record<string, number>>): Waiting => ({
  name,
  traffic: says({
    probes: Object.entries(agoMs).map(([node, ago]) => probed(node, { passed: 3, agoMs: ago })),
  }),
});
const silent = (name: string): Waiting => ({ name, traffic: null });
const order = (hosts: readonly Waiting[], sources = ["a"], intervalSeconds = 10): string[] =>
  soonestProbed(hosts, sources, { ...check, checkIntervalSeconds: intervalSeconds }).map(({ name }) => name);

describe("the turn to leave", () => {
  it("is of those whose next probe comes soonest", () =>
    expect(order([asked("api-1", { a: 1000 }), asked("api-2", { a: 8000 }), asked("api-3", { a: 4000 })])).toEqual([
      "api-2",
      "api-3",
      "api-1",
    ]));

  it("comes last for one that is probed before a drain can take effect: that probe still passes", () =>
    expect(
      order([asked("api-1", { a: 10_000 - DRAIN_LEAD_MS }), asked("api-2", { a: 10_000 - DRAIN_LEAD_MS - 1 })]),
    ).toEqual(["api-2", "api-1"]));

  it("counts the node that asks last, as a drain waits for all", () =>
    expect(order([asked("api-1", { a: 8000, b: 1000 }), asked("api-2", { a: 5000, b: 6000 })], ["a", "b"])).toEqual([
      "api-2",
      "api-1",
    ]));

  it("counts the port that a node asks now, of two that it has asked", () => {
    const before = { ...probed("a", { passed: 9, agoMs: 6000 }), port: 80 };
    const moved: Waiting = { name: "api-1", traffic: says({ probes: [before, probed("a", { agoMs: 1000 })] }) };
    expect(order([moved, asked("api-2", { a: 2000 })])).toEqual(["api-2", "api-1"]);
  });

  it("does not depend on what its probes come to", () =>
    expect(
      order([
        { name: "api-1", traffic: says({ probes: [probed("a", { failed: 1, agoMs: 1000 })] }) },
        asked("api-2", { a: 4000 }),
        { name: "api-3", traffic: says({ probes: [probed("a", { agoMs: 8000 })] }) },
      ]),
    ).toEqual(["api-3", "api-2", "api-1"]));

  it("leaves out nodes that the balancer no longer has", () =>
    expect(order([asked("api-1", { a: 1000 }), asked("api-2", { a: 8000, gone: 1001 })])).toEqual(["api-2", "api-1"]));

  it("goes by the interval, not by how long ago a probe was", () =>
    expect(order([asked("api-1", { a: 6500 }), asked("api-2", { a: 4500 })], ["a"], 3)).toEqual(["api-2", "api-1"]));

  it("comes last for a host that a node has not asked, or that says nothing", () =>
    expect(order([silent("api-1"), asked("api-2", { b: 8000 }), asked("api-3", { a: 0 })])).toEqual([
      "api-3",
      "api-1",
      "api-2",
    ]));

  it("is as given where nobody probes", () =>
    expect(order([asked("api-2", {}), silent("api-1"), asked("api-3", {})], [])).toEqual(["api-2", "api-1", "api-3"]));
});

describe("while clients fail, the turn", () => {
  const host = (name: string, failsItself: boolean) => ({ name, failsItself });
  const named = (hosts: readonly { name: string }[]): string[] => hosts.map(({ name }) => name);

  it("is of those first that fail by themselves, and else as it was", () =>
    expect(
      named(failingFirst([host("api-1", false), host("api-2", true), host("api-3", false), host("api-4", true)])),
    ).toEqual(["api-2", "api-4", "api-1", "api-3"]));

  it.each([
    [true, "that gives itself a failure", 500, null],
    [true, "that gives itself an answer at its health path only", null, 200],
    [true, "that gives itself a failure there, and no other answer", null, 503],
    [false, "that gives itself no answer at all, as the way may be at fault", null, null],
    [false, "that gives itself an answer", 404, null],
  ])("counts as failing by itself (%s) a host %s", (fails, _name, answer, health) =>
    expect(failsByItself({ answer, health })).toBe(fails),
  );
});
