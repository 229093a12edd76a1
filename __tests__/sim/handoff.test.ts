/** Handing over in the simulation: a new container beside the old one, and the ports led to it. */
import { describe, expect, it } from "@jest/globals";
import type { Behaviour } from "../../lab/sim/app.js";
import type { SimWorld } from "../../lab/sim/world.js";
import type { Release } from "../../contract/release.js";
import { lookAtHosts } from "../../scripts/rollout/status.js";
import type { RolloutEvent } from "../../scripts/rollout/core/events.js";
import { testImage, testManifest, testRelease } from "../support/fleet.js";
import { healthy, simulate, type SimRun } from "../support/sim.js";

const manifest = testManifest({ hosts: 3, rollout: { strategy: "handoff", readyTimeoutSeconds: 20 } });
const names = manifest.hosts.map(({ name }) => name);
const all = <Item>(item: Item): Item[] => names.map(() => item);
const actions = ({ receipt }: SimRun): string[] => receipt.hosts.map(({ action }) => action);
const named = ({ world }: SimRun, name: RolloutEvent["name"]): RolloutEvent[] =>
  world.events.filter((event) => event.name === name);
const served = ({ world }: SimRun): (string | undefined)[] => names.map((name) => world.machine(name).serving?.release);
const expectUnharmed = ({ world }: SimRun): void =>
  expect([world.failures, world.broken, world.lost]).toEqual([[], [], 0]);

const next = testRelease(manifest, 2);
const old = testRelease(manifest, 1);
/** The new release behaves so. */
const newOne =
  (behaviour: Behaviour) =>
  ({ id }: Release): Behaviour =>
    id === next.id ? behaviour : healthy;

describe("a handoff", () => {
  it("brings each host onto the release without leaving rotation, and no request fails", async () => {
    const run = await simulate({
      manifest,
      phasesMs: [1000, 2500],
      requestMs: () => 1500,
      after: (world) => world.clock.sleep(20_000),
    });
    expect([run.receipt.error, run.receipt.exitCode, actions(run)]).toEqual([null, 0, all("replaced")]);
    expectUnharmed(run);
    expect(served(run)).toEqual(all(next.id));
    expect(named(run, "handedOver").map(({ host }) => host)).toEqual(names);
    expect(named(run, "probesAnswered")).toHaveLength(3);
    expect(named(run, "step").some(({ data }) => "step" in data && data.step === "drain")).toBe(false);
    for (const name of names) {
      expect(run.world.machine(name).state("previous")).toMatchObject({ release: old.id, running: false });
      expect(run.world.machine(name).keptSlot).toBe("current");
    }
  });

  it.each(["errs", "hangs"] as const)(
    "stops at the first of many hosts, whose failures are few among all requests: it %s",
    async (kind) => {
      const ten = testManifest({ hosts: 10, rollout: { strategy: "handoff", maxParallel: 3 } });
      const id = testRelease(ten, 2).id;
      const run = await simulate({
        manifest: ten,
        behaviourOf: (release) => (release.id === id ? { startMs: 500, kind } : healthy),
      });
      expect([run.receipt.exitCode, run.receipt.error?.code]).toEqual([5, "ClientsFail"]);
      expect(actions(run).sort()).toEqual(["restored", ...Array.from({ length: 9 }, () => "untouched")]);
    },
  );

  it("keeps no container that has ended since clients were led to it, also on a host after the first", async () => {
    // So many that the few requests which come to it do not show.
    const ten = testManifest({ hosts: 10, rollout: { strategy: "handoff" } });
    const sims: SimWorld[] = [];
    let isLedOver = false;
    const run = await simulate({
      manifest: ten,
      onEvent: ({ name, host }, sim) => {
        sims[0] = sim;
        if (name === "handedOver" && host === "api-2") isLedOver = true;
      },
      // The look that shows it well is the last thing that it lives to see.
      heard: (observation, host) => {
        if (isLedOver && host === "api-2") sims[0]?.machine("api-2").crash();
        isLedOver &&= host !== "api-2";
        return observation;
      },
    });
    expect([run.receipt.error?.code, actions(run).slice(0, 3)]).toEqual([
      "InstanceChanged",
      ["replaced", "restored", "untouched"],
    ]);
    expect(run.world.machine("api-2").serving?.release).toBe(testRelease(ten, 1).id);
  });

  it("leaves hosts that are told as serving at once: the balancer has never let them go", async () => {
    const states: string[] = [];
    await simulate({
      manifest,
      phasesMs: [1000, 2500],
      after: async (world) => {
        const { rows } = await lookAtHosts(manifest, world.ports().hosts, null, world.clock);
        states.push(...rows.map(({ state }) => state));
      },
    });
    expect(states).toEqual(all("serving"));
  });

  it("serves a fleet of one without an outage", async () => {
    const alone = testManifest({ hosts: 1, rollout: { strategy: "handoff" } });
    const run = await simulate({ manifest: alone });
    expect([run.receipt.exitCode, run.receipt.hosts[0]?.action, run.receipt.hosts[0]?.outageSeconds]).toEqual([
      ...[0, "replaced", null],
    ]);
    expectUnharmed(run);
  });

  it("waits for the balancer's word on the first host, and on the others once all are handed over", async () => {
    const run = await simulate({ manifest, phasesMs: [1000, 2500] });
    const order = run.world.events
      .filter(({ name }) => name === "handedOver" || name === "probesAnswered")
      .map(({ name, host }) => `${name} ${host}`);
    expect(order.slice(0, 4)).toEqual([
      ...["handedOver api-1", "probesAnswered api-1", "handedOver api-2", "handedOver api-3"],
    ]);
  });

  it("of the others goes several at a time where that is allowed, and only once the first one is kept", async () => {
    const many = testManifest({ hosts: 5, rollout: { strategy: "handoff", maxParallel: 2 } });
    const run = await simulate({ manifest: many, phasesMs: [1000, 2500] });
    expect([run.receipt.exitCode, actions(run)]).toEqual([0, many.hosts.map(() => "replaced")]);
    expectUnharmed(run);
    const order = run.world.events.flatMap(({ name, host, data }) =>
      name === "hostStatus" && "status" in data && (data.status === "starting" || data.status === "serving")
        ? [`${data.status} ${host}`]
        : [],
    );
    const begun = order.slice(order.indexOf("starting api-1"));
    expect(begun.slice(0, 4)).toEqual(["starting api-1", "serving api-1", "starting api-2", "starting api-3"]);
    expect(begun.slice(4, 6).sort()).toEqual(["serving api-2", "serving api-3"]);
    expect(begun.slice(6, 8)).toEqual(["starting api-4", "starting api-5"]);
  });

  it("of several at a time that a release fails ends with those, each of them on its old container", async () => {
    const many = testManifest({ hosts: 5, rollout: { strategy: "handoff", maxParallel: 3 } });
    const wanted = testRelease(many, 2);
    const started: string[] = [];
    // It becomes ready on the first host, and on no other.
    const behaviourOf = ({ id }: Release): Behaviour => {
      if (id === wanted.id) started.push(id);
      return id !== wanted.id || started.length === 1 ? healthy : { startMs: 0, kind: "sick" };
    };
    const run = await simulate({ manifest: many, behaviourOf });
    expect([run.receipt.error?.code, run.receipt.exitCode]).toEqual(["StepFailed", 6]);
    expect(actions(run)).toEqual(["replaced", "restored", "restored", "restored", "untouched"]);
    expectUnharmed(run);
  });

  it.each<[string, Behaviour, string]>([
    ["never becomes ready", { startMs: 0, kind: "sick" }, "StepFailed"],
    ["ends at once", { startMs: 100, kind: "exits" }, "StepFailed"],
    ["crashes within its first second", { startMs: 500, kind: "healthy", lifeMs: 500 }, "StepFailed"],
    ["answers requests with 500", { startMs: 500, kind: "errs" }, "ClientsFail"],
    [
      "fails its health check once clients are on it",
      { startMs: 500, kind: "healthy", healthyMs: 1800 },
      "NotReadmitted",
    ],
  ])("of a release that %s is taken back, and the other hosts are never touched", async (_what, behaviour, code) => {
    const run = await simulate({ manifest, behaviourOf: newOne(behaviour) });
    expect([run.receipt.error?.code, run.receipt.exitCode]).toEqual([code, 5]);
    expect(actions(run)).toEqual(["restored", "untouched", "untouched"]);
    expect(served(run)).toEqual(all(old.id));
    expect(run.world.broken).toEqual([]);
    // Those of a release that fails clients end with the few seconds in which it is found out, at 20 requests a second on three hosts.
    if (behaviour.kind === "errs") expect(run.world.failures.length).toBeLessThan(60);
    else expect(run.world.failures).toEqual([]);
    expect(run.world.machine("api-1").state("failed")).toMatchObject({ release: next.id, running: false });
    expect(run.world.machine("api-1").keptSlot).toBe("current");
  });

  it("heeds clients for all of minReadySeconds, as going back costs nobody anything", async () => {
    const patient = testManifest({ hosts: 3, rollout: { strategy: "handoff", minReadySeconds: 60 } });
    const wanted = testRelease(patient, 2);
    const run = await simulate({
      manifest: patient,
      behaviourOf: ({ id }) => (id === wanted.id ? { startMs: 500, kind: "healthy", servesMs: 30_000 } : healthy),
    });
    expect([run.receipt.error?.code, run.receipt.exitCode]).toEqual(["ClientsFail", 5]);
    expect(actions(run)).toEqual(["restored", "untouched", "untouched"]);
    expect(served(run)).toEqual(all(testRelease(patient, 1).id));
    expect(run.world.failures.length).toBeLessThan(60);
  });

  it("ends no request of a new container that is taken back, however long it takes", async () => {
    const hasty = testManifest({ hosts: 2, service: { stopTimeoutSeconds: 1 }, rollout: { strategy: "handoff" } });
    const wanted = testRelease(hasty, 2);
    const run = await simulate({
      manifest: hasty,
      requestMs: () => 4000,
      behaviourOf: ({ id }) => (id === wanted.id ? { startMs: 500, kind: "healthy", healthyMs: 1800 } : healthy),
    });
    expect([run.receipt.error?.code, run.receipt.exitCode]).toEqual(["NotReadmitted", 5]);
    expectUnharmed(run);
  });

  it("lets requests end that are still open to the old container when the next rollout comes", async () => {
    const run = await simulate({
      manifest,
      requestMs: () => 9000,
      next: [{ do: "deploy", image: testImage(3) }],
      after: (world) => world.clock.sleep(30_000),
    });
    expect(run.receipts.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
    expectUnharmed(run);
  });

  it("refuses a host whose memory does not hold two containers", async () => {
    const run = await simulate({ manifest, seen: (survey) => ({ ...survey, freeMemoryMb: 90 }) });
    expect([run.receipt.exitCode, run.receipt.error?.code]).toEqual([3, "HostUnfit"]);
    expect(run.receipt.error?.message).toContain('set rollout.strategy to "auto" or "drain"');
  });
});

describe("strategy auto", () => {
  const auto = testManifest({ hosts: 3, rollout: { strategy: "auto", readyTimeoutSeconds: 20 } });
  const drained = (run: SimRun): (string | null)[] =>
    named(run, "step").flatMap((event) => ("step" in event.data && event.data.step === "drain" ? [event.host] : []));
  const handed = (run: SimRun): (string | null)[] => named(run, "handedOver").map(({ host }) => host);

  it("hands every host over whose memory holds a second container, and says nothing of it", async () => {
    const run = await simulate({ manifest: auto, phasesMs: [1000, 2500] });
    expect([run.receipt.error, handed(run), drained(run)]).toEqual([null, names, []]);
    expect(named(run, "drainedInstead")).toEqual([]);
    expectUnharmed(run);
  });

  it("drains the one whose memory does not, after the others, and says why", async () => {
    const run = await simulate({
      manifest: auto,
      phasesMs: [1000, 2500],
      requestMs: () => 1500,
      seen: (survey, host) => (host === "api-1" ? { ...survey, freeMemoryMb: 199, usedMemoryMb: 160 } : survey),
    });
    expect([run.receipt.error, handed(run), drained(run)]).toEqual([null, ["api-2", "api-3"], ["api-1"]]);
    expect(actions(run)).toEqual(all("replaced"));
    expect(named(run, "drainedInstead").map(({ host, data }) => [host, data])).toEqual([
      ["api-1", { why: "199 MB of memory are free there, and a second container wants 200 MB" }],
    ]);
    expectUnharmed(run);
  });

  it("takes a drained host back that fails, and leaves those that were handed over, as onFailure says", async () => {
    let starts = 0;
    const run = await simulate({
      manifest: auto,
      phasesMs: [1000, 2500],
      seen: (survey, host) => (host === "api-1" ? { ...survey, freeMemoryMb: 90 } : survey),
      behaviourOf: ({ id }) => (id === next.id && (starts += 1) === 3 ? { startMs: 0, kind: "sick" } : healthy),
    });
    expect([run.receipt.error?.code, run.receipt.exitCode]).toEqual(["StepFailed", 6]);
    expect(actions(run)).toEqual(["restored", "replaced", "replaced"]);
    expectUnharmed(run);
  });

  it("drains all of a fleet whose containers must never run twice at once", async () => {
    const alone = testManifest({ hosts: 3, rollout: { strategy: "auto", exclusive: true } });
    const run = await simulate({ manifest: alone });
    expect([run.receipt.exitCode, handed(run), drained(run).sort()]).toEqual([0, [], names]);
    expect(named(run, "drainedInstead")).toHaveLength(3);
    expectUnharmed(run);
  });
});
