import { describe, expect, it } from "@jest/globals";
import { rolloutPolicy } from "../../../contract/policy.js";
import { makePlan, type Plan, type PlanInput } from "../../../scripts/rollout/core/plan.js";
import type { Survey } from "../../../scripts/rollout/ports.js";
import { check, container, says, servingHost, surveyed } from "../support.js";

const target = "aaaaaaaaaaaaaaaa";
const other = "bbbbbbbbbbbbbbbb";

/** Hosts named api-1, api-2 … in the given order. */
function plan(surveys: readonly Survey[], rollout: object = {}, changes: Partial<PlanInput> = {}): Plan {
  return makePlan({
    surveys: new Map(surveys.map((survey, index) => [`api-${index + 1}`, survey])),
    superseded: [],
    releaseId: target,
    policy: rolloutPolicy.parse(rollout),
    check,
    handedOver: [],
    ledBack: [],
    ...changes,
  });
}
const fleet = (size: number, release = other): Survey[] => Array.from({ length: size }, () => servingHost(release));

describe("a plan", () => {
  it("keeps what serves the release, replaces what serves another, and converges the rest first", () => {
    const { keep, converge, replace, hosts } = plan([
      servingHost(other),
      surveyed(),
      servingHost(target),
      servingHost(other),
    ]);
    expect({ keep, converge, replace }).toEqual({
      keep: ["api-3"],
      converge: [["api-2"]],
      replace: ["api-1", "api-4"],
    });
    expect(hosts.map(({ host, action }) => `${host} ${action}`)).toEqual([
      "api-1 replace",
      "api-2 converge",
      "api-3 keep",
      "api-4 replace",
    ]);
  });

  it.each<[string, Survey]>([
    ["has no container", surveyed()],
    ["has a container that ended", servingHost(target, { containers: { current: container({ running: false }) } })],
    ["answers 503", servingHost(target, { health: 503 })],
    ["answers nothing", servingHost(target, { health: null })],
    ["was left draining", servingHost(target, { traffic: says({ state: "draining" }) })],
    ["was retired", servingHost(target, { retired: true })],
  ])("converges a host that %s, even when it has the release", (_name, survey) =>
    expect(plan([survey, servingHost(target)])).toMatchObject({ keep: ["api-2"], converge: [["api-1"]], replace: [] }),
  );

  it.each<[string, string]>([
    ["replaces", other],
    ["replaces", target],
  ])(
    "%s a host with a health path that redirects, on release %s: the balancer takes it for healthy",
    (_name, release) => {
      const redirects = servingHost(release, { health: 301 });
      expect(plan([redirects, surveyed()])).toMatchObject({ keep: [], converge: [["api-2"]], replace: ["api-1"] });
    },
  );

  it("converges a draining host first, also where its health path redirects", () =>
    expect(plan([servingHost(other, { health: 301, traffic: says({ state: "draining" }) })])).toMatchObject({
      converge: [["api-1"]],
      replace: [],
    }));

  it("converges hosts without a running container at once, and those with one in batches of maxUnavailable after them", () => {
    const down = servingHost(other, { health: null, traffic: null });
    const { converge, seconds } = plan([down, surveyed(), down, down, surveyed(), surveyed()], { maxUnavailable: 2 });
    expect(converge).toEqual([["api-2", "api-5", "api-6"], ["api-1", "api-3"], ["api-4"]]);
    expect(seconds).toBe(3 * 9.5);
  });

  it("replaces a container that no rollout started", () =>
    expect(plan([servingHost(other, { containers: { current: container({ release: null }) } })]).replace).toEqual([
      "api-1",
    ]));

  it("takes no time and touches nobody when all is done", () =>
    expect(plan(fleet(3, target))).toMatchObject({ converge: [], replace: [], retire: [], seconds: 0 }));

  it.each([
    ["one by one", 1, 5, 1],
    ["in batches of a count", 2, 5, 2],
    ["in a share rounded down", "50%", 5, 2],
    ["never less than one at once, however small the share", "1%", 5, 1],
    ["in the largest share that is below the fleet", "99%", 3, 2],
  ])("replaces %s (maxUnavailable %s of %s hosts)", (_name, wanted, size, expected) => {
    const { replace, maxUnavailable } = plan(fleet(size), { maxUnavailable: wanted });
    expect(replace).toEqual(Array.from({ length: size }, (_, index) => `api-${index + 1}`));
    expect(maxUnavailable).toBe(expected);
  });

  it("takes a share of the whole fleet, not of the hosts that are left to replace", () =>
    expect(plan([...fleet(2, target), ...fleet(2)], { maxUnavailable: "50%" })).toMatchObject({
      replace: ["api-3", "api-4"],
      maxUnavailable: 2,
    }));

  it("retires superseded hosts last, one after the other", () => {
    const { retire, hosts, seconds } = plan(fleet(2, target), {}, { superseded: ["old-1", "old-2"] });
    expect(retire).toEqual(["old-1", "old-2"]);
    expect(hosts.slice(2)).toEqual([
      { host: "old-1", action: "retire", seconds: 4.5 },
      { host: "old-2", action: "retire", seconds: 4.5 },
    ]);
    expect(seconds).toBe(9);
  });
});

describe("predicted seconds", () => {
  // Interval 3 s, thresholds 2 and 3, 2 s from stop to ready.
  it("are the floor of each batch, and of the parallel first part once", () => {
    const { hosts, seconds } = plan([surveyed(), surveyed(), ...fleet(3)], { maxUnavailable: 2 });
    expect(hosts.map((entry) => entry.seconds)).toEqual([9.5, 9.5, 13.5, 13.5, 13.5]);
    expect(seconds).toBe(9.5 + 2 * 13.5);
  });

  it.each([
    ["half an interval for a fleet of one", 1, 1, 1.5],
    ["less the more hosts there are to choose from", 5, 1, 0.5],
    ["more for a larger batch, which waits for its last", 5, 2, 1],
  ])("count the wait for the first probe: %s", (_name, size, maxUnavailable, wait) =>
    expect(plan(fleet(size), { maxUnavailable }).hosts[0]?.seconds).toBe(12 + wait),
  );

  it("count what a swap takes beyond a short interval", () =>
    expect(plan(fleet(1), {}, { check: { ...check, checkIntervalSeconds: 0.5 } }).seconds).toBe(0.25 + 4 * 0.5 + 1.5));

  it("count minReadySeconds for every batch", () =>
    expect(plan([surveyed(), ...fleet(2)], { minReadySeconds: 20 }).seconds).toBe(29.5 + 2 * 33));

  it("are those of a handover where no host leaves rotation, and the floor where one enters or is taken out", () => {
    const { hosts, seconds } = plan(
      [surveyed(), ...fleet(2), servingHost(target)],
      { strategy: "handoff", minReadySeconds: 10 },
      { superseded: ["old-1"], handedOver: ["api-1", "api-2", "api-3", "api-4"] },
    );
    expect(hosts.map((entry) => entry.seconds)).toEqual([19.5, 14, 14, 0, 4.5]);
    expect(seconds).toBe(19.5 + 2 * 14 + 4.5);
  });

  it("count one handover for the first host, and one for each batch of the others", () => {
    const all = { handedOver: ["api-1", "api-2", "api-3", "api-4", "api-5", "api-6"] };
    const parallel = (maxParallel: number | string): number =>
      plan(fleet(6), { strategy: "auto", maxParallel }, all).seconds;
    expect([1, 2, "50%", 5, 99].map(parallel)).toEqual([24, 16, 12, 8, 8]);
  });

  it("are each host's own where some are handed over and others are drained", () => {
    const { hosts, seconds } = plan(fleet(3), { strategy: "auto" }, { handedOver: ["api-1", "api-3"] });
    const [first = 0, second = 0, third = 0] = hosts.map((entry) => entry.seconds);
    expect([first, third]).toEqual([4, 4]);
    expect(second).toBe(plan(fleet(1)).hosts[0]?.seconds);
    expect(seconds).toBe(first + second + third);
  });
});
