import { describe, expect, it } from "@jest/globals";
import { DRAIN_LEAD_MS, soonestProbed, type Waiting } from "../../../scripts/rollout/core/turn.js";
import { check, says } from "../support.js";

/** A host that nodes asked so many milliseconds ago. */
const asked = (name: string, agoMs: Readonly<Record<string, number>>): Waiting => ({
  name,
  lifecycle: says({
    probes: Object.entries(agoMs).map(([source, ago]) => ({ source, passed: 3, failed: 0, agoMs: ago })),
  }),
});
const silent = (name: string): Waiting => ({ name, lifecycle: null });
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
