/** Going back to containers that still run, in the simulation: nothing is started, and all hosts go at once. */
import { describe, expect, it } from "@jest/globals";
import { Faults, type FaultKind, type FaultPhase } from "../../lab/sim/faults.js";
import type { Parts, Wanted } from "../../scripts/rollout/context.js";
import type { RolloutEvent } from "../../scripts/rollout/core/events.js";
import { standardParts } from "../../scripts/rollout/run.js";
import { testImage, testManifest, testRelease } from "../support/fleet.js";
import { healthy, newWorld, rolloutIn, simulate, type SimRun } from "../support/sim.js";

const warm = { strategy: "handoff", readyTimeoutSeconds: 20, keepWarmSeconds: 600 } as const;
const manifest = testManifest({ hosts: 3, rollout: warm });
const names = manifest.hosts.map(({ name }) => name);
const [one, two] = [testRelease(manifest, 1), testRelease(manifest, 2)];
const deploy = (number: number): Wanted => ({ do: "deploy", image: testImage(number) });
const back: Wanted = { do: "rollback" };

const served = ({ world }: Pick<SimRun, "world">) => names.map((name) => world.machine(name).serving?.release);
const expectUnharmed = ({ world }: Pick<SimRun, "world">): void =>
  expect([world.failures, world.broken, world.lost]).toEqual([[], [], 0]);
const stepsIn = (events: readonly RolloutEvent[]): string[] =>
  events.flatMap((event) => (event.name === "step" ? [event.data.step] : []));
/** Of the last rollout. */
function lastEvents(events: readonly RolloutEvent[]): readonly RolloutEvent[] {
  return events.slice(events.findLastIndex(({ name }) => name === "started"));
}

describe("going back while the containers before still run", () => {
  it("leads every host back to its own, all at once, and starts nothing", async () => {
    const run = await simulate({ manifest, wanted: deploy(1), next: [deploy(2), back], phasesMs: [1000, 2500] });
    expect(run.receipts.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);
    expectUnharmed(run);
    expect(served(run)).toEqual(names.map(() => one.id));
    const events = lastEvents(run.world.events);
    const planned = events.flatMap((event) => (event.name === "planned" ? event.data.hosts : []));
    expect(planned.map(({ action }) => action)).toEqual(names.map(() => "lead back"));
    expect(stepsIn(events)).not.toContain("new-run");
    expect(stepsIn(events).filter((step) => step === "warm-back")).toHaveLength(3);
    const order = events.flatMap((event) =>
      event.name === "hostStatus" && ["starting", "serving"].includes(event.data.status) ? [event.data.status] : [],
    );
    expect(order.slice(order.indexOf("starting"))).toEqual([
      ...names.map(() => "starting"),
      ...names.map(() => "serving"),
    ]);
    for (const name of names) {
      expect(run.world.machine(name).keptSlot).toBe("current");
      expect(run.world.machine(name).state("failed")).toMatchObject({ release: two.id });
      expect(run.world.machine(name).state("previous")).toBeUndefined();
    }
  });

  it("is done by itself when a host after the first fails, where that is the policy", async () => {
    const wanted = testManifest({ hosts: 3, rollout: { ...warm, onFailure: "rollback" } });
    const next = testRelease(wanted, 2);
    const started: string[] = [];
    const run = await simulate({
      manifest: wanted,
      wanted: deploy(1),
      next: [deploy(2)],
      // It becomes ready on two hosts, and on no third.
      behaviourOf: ({ id }) => (id === next.id && started.push(id) > 2 ? { startMs: 500, kind: "sick" } : healthy),
    });
    expect(run.receipts.map(({ exitCode }) => exitCode)).toEqual([0, 5]);
    expect(run.receipts[1]?.hosts.map(({ action }) => action).sort()).toEqual([
      ...["restored", "rolled-back", "rolled-back"],
    ]);
    expectUnharmed(run);
    expect(served(run)).toEqual(names.map(() => testRelease(wanted, 1).id));
    const since = run.world.events.slice(run.world.events.findIndex(({ name }) => name === "rollingBack"));
    expect(stepsIn(since)).not.toContain("new-run");
    expect(stepsIn(since).filter((step) => step === "warm-back")).toHaveLength(2);
  });

  it("starts a new container where the one before does not become ready, and says so", async () => {
    const cold = (parts: Parts): Parts => ({
      ...parts,
      steps: (context) => {
        const plan = parts.steps(context);
        const impossible = { name: "impossible", run: { do: "start", slot: "older" } } as const;
        return context.isWarm ? { ...plan, stages: { ...plan.stages, replace: [impossible] } } : plan;
      },
    });
    const run = await simulate({
      ...{ manifest, wanted: deploy(1), next: [deploy(2), back] },
      parts: cold(standardParts),
    });
    expect(run.receipts.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);
    expectUnharmed(run);
    expect(served(run)).toEqual(names.map(() => one.id));
    const events = lastEvents(run.world.events);
    expect(
      events
        .filter(({ name }) => name === "wentCold")
        .map(({ host }) => host)
        .sort(),
    ).toEqual(names);
    expect(stepsIn(events).filter((step) => step === "new-run")).toHaveLength(3);
  });
});

describe("going back when the release that is left does not serve any more", () => {
  it("leads to the containers before, which do, and starts nothing", async () => {
    const world = newWorld({
      manifest,
      behaviourOf: ({ id }) => (id === two.id ? { startMs: 500, kind: "healthy", healthyMs: 60_000 } : healthy),
    });
    let code: number | undefined;
    await world.run(async () => {
      await rolloutIn(world, manifest, deploy(1));
      await rolloutIn(world, manifest, deploy(2));
      await world.clock.sleep(120_000);
      code = (await rolloutIn(world, manifest, back)).exitCode;
    }, 86_400);
    expect([code, served({ world })]).toEqual([0, names.map(() => one.id)]);
    const steps = stepsIn(lastEvents(world.events));
    expect([steps.includes("new-run"), steps.filter((step) => step === "warm-back")]).toEqual([
      ...[false, names.map(() => "warm-back")],
    ]);
  });
});

it("from one that does not serve any more stays, also when nobody is heard before it is kept", async () => {
  const world = newWorld({
    manifest,
    behaviourOf: ({ id }) => (id === two.id ? { startMs: 500, kind: "healthy", healthyMs: 60_000 } : healthy),
  });
  await world.run(async () => {
    await rolloutIn(world, manifest, deploy(1));
    await rolloutIn(world, manifest, deploy(2));
    await world.clock.sleep(100_000);
    const fault = new Faults({ kind: "killed-after", phase: "ready", call: 0, lastsMs: 0 }, world.clock, world);
    await Promise.race([rolloutIn(world, manifest, back, { ports: fault.around(world.ports()) }), fault.killed]);
    await world.clock.sleep(400_000);
  }, 86_400);
  const hosts = lastEvents(world.events).flatMap((event) =>
    event.name === "step" && event.data.step === "front-lead" ? [event.host ?? ""] : [],
  );
  expect(hosts.length).toBeGreaterThan(0);
  expect(hosts.map((name) => world.machine(name).serving?.release)).toEqual(hosts.map(() => one.id));
});

describe.each([
  ["serves", {}],
  ["does not serve any more", { healthyMs: 60_000 }],
] as const)("a fault while the fleet goes back so from a release that %s", (_state, life) => {
  /** Ends the controller, cuts it off, or holds it up: nothing of it may cost a request. */
  const harmless: readonly FaultKind[] = [
    "killed-before",
    "killed-after",
    "cut-before",
    "cut-after",
    "paused",
    "docker",
  ];
  /** Ends what serves: only what was inside may be lost. */
  const harmful: readonly FaultKind[] = ["power", "crash"];
  const phases: readonly FaultPhase[] = ["prepared", "starting", "ready", "done"];

  it.each([...harmless, ...harmful])("of the kind %s leaves a fleet that a second try brings back", async (kind) => {
    const struck = new Set<string>();
    for (const phase of phases)
      for (let call = 0; call < 9; call += 1) {
        const behaviourOf = ({ id }: { readonly id: string }) =>
          id === two.id ? ({ startMs: 500, kind: "healthy", ...life } as const) : healthy;
        const world = newWorld({ manifest, phasesMs: [1000, 2500], behaviourOf });
        let last: number | undefined;
        await world.run(async () => {
          await rolloutIn(world, manifest, deploy(1));
          await rolloutIn(world, manifest, deploy(2));
          await world.clock.sleep(100_000);
          const fault = new Faults({ kind, phase, call, lastsMs: 40_000 }, world.clock, world);
          await Promise.race([rolloutIn(world, manifest, back, { ports: fault.around(world.ports()) }), fault.killed]);
          if (fault.struck !== null) struck.add(`${phase} ${fault.struck}`);
          // The lease ends, and whoever waits for something has had its time.
          await world.clock.sleep(400_000);
          // One that ended well leads no further back.
          if (served({ world }).some((release) => release !== one.id))
            last = (await rolloutIn(world, manifest, back)).exitCode;
        }, 86_400);
        const where = { kind, phase, call };
        expect({ ...where, last: last ?? 0, served: served({ world }) }).toEqual({
          ...where,
          last: 0,
          served: names.map(() => one.id),
        });
        // What does not serve is out of rotation by itself.
        if ("healthyMs" in life) continue;
        expect({ ...where, broken: world.broken }).toEqual({ ...where, broken: [] });
        if (harmless.includes(kind))
          expect({ ...where, failures: world.failures, lost: world.lost }).toEqual({ ...where, failures: [], lost: 0 });
      }
    expect(struck.size).toBeGreaterThan(5);
  });
});

describe("the containers before", () => {
  const previous = (world: SimRun["world"]) => names.map((name) => world.machine(name).state("previous")?.running);

  it("stay up for as long as was said after the rollout, and are stopped then", async () => {
    const world = newWorld({ manifest });
    const seen: unknown[] = [];
    await world.run(async () => {
      await rolloutIn(world, manifest, deploy(1));
      await rolloutIn(world, manifest, deploy(2));
      await world.clock.sleep(590_000);
      seen.push(previous(world));
      await world.clock.sleep(30_000);
      seen.push(previous(world));
      await rolloutIn(world, manifest, back);
    }, 86_400);
    expect(seen).toEqual([names.map(() => true), names.map(() => false)]);
    expect(stepsIn(lastEvents(world.events)).filter((step) => step === "new-run")).toHaveLength(3);
    expect(served({ world })).toEqual(names.map(() => one.id));
  });

  it("are not stopped by whoever was to before the fleet went back to them, while the next release is not kept yet", async () => {
    const patient = testManifest({ hosts: 1, rollout: { ...warm, minReadySeconds: 120 } });
    const world = newWorld({ manifest: patient });
    await world.run(async () => {
      await rolloutIn(world, patient, deploy(1));
      await rolloutIn(world, patient, deploy(2));
      const since = world.clock.now();
      await rolloutIn(world, patient, back);
      await world.clock.sleep(560_000 - (world.clock.now() - since));
      await rolloutIn(world, patient, deploy(3));
      expect(world.clock.now() - since).toBeGreaterThan(620_000);
    }, 86_400);
    expect(world.machine("api-1").state("previous")).toMatchObject({ release: one.id, running: true });
  });

  it("are stopped by the next rollout, which does not wait for that time", async () => {
    const world = newWorld({ manifest });
    await world.run(async () => {
      for (const number of [1, 2, 3]) await rolloutIn(world, manifest, deploy(number));
      const since = world.clock.now();
      expect(served({ world })).toEqual(names.map(() => testRelease(manifest, 3).id));
      expect(names.map((name) => world.machine(name).state("previous")?.release)).toEqual(names.map(() => two.id));
      // What was to stop the first ones finds others in their place, and leaves those alone.
      await world.clock.sleep(590_000);
      expect([world.clock.now() - since, previous(world)]).toEqual([590_000, names.map(() => true)]);
    }, 86_400);
  });
});
