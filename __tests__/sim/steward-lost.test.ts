/** A controller that stands still for longer than the lease: each steward ends by itself what was under way, and frees its lock. */
import { describe, expect, it } from "@jest/globals";
import type { Behaviour } from "../../lab/sim/app.js";
import { Faults, type FaultPhase } from "../../lab/sim/faults.js";
import type { SimWorld } from "../../lab/sim/world.js";
import type { Manifest } from "../../contract/manifest.js";
import type { Wanted } from "../../scripts/rollout/context.js";
import type { RolloutEvent } from "../../scripts/rollout/core/events.js";
import type { Receipt } from "../../scripts/rollout/core/receipt.js";
import { simulateFault, type FaultRun } from "../schedules/fault-run.js";
import { testHistory, testImage, testManifest, testRelease } from "../support/fleet.js";
import { healthy, newWorld, rolloutIn, simulate } from "../support/sim.js";

const manifest = testManifest({ rollout: { leaseSeconds: 10 } });

const pausedAt = (phase: FaultPhase, call: number): Promise<FaultRun> =>
  simulateFault(
    { manifest },
    {
      wants: "deploy",
      faults: [{ kind: "paused", phase, call, lastsMs: 30_000 }],
      contenderWaits: null,
    },
  );

describe("a rollout whose controller was paused beyond the lease", () => {
  it.each<[FaultPhase, number, number, string[]]>([
    ["draining", 3, 5, ["restored", "untouched"]],
    ["starting", 0, 5, ["restored", "untouched"]],
    ["ready", 2, 6, ["replaced", "untouched"]],
  ])(
    "while a host is %s (call %d) ends at the first look after it: exit %d, %j",
    async (phase, call, exitCode, actions) => {
      const { receipt, world, down } = await pausedAt(phase, call);
      expect(receipt).toMatchObject({ exitCode, error: { code: "StewardLost" } });
      expect(receipt?.hosts.map(({ action }) => action).sort()).toEqual([...actions].sort());
      expect(receipt?.seconds).toBeLessThan(manifest.rollout.progressDeadlineSeconds / 2);
      expect(receipt?.error?.message).toContain("leaseSeconds (10 s)");
      expect(world.failures).toEqual([]);
      expect(world.broken).toEqual([]);
      expect(down).toEqual([]);
    },
  );
});

/** What a rollout leaves on the hosts that another one sees. */
const left = (world: SimWorld, { hosts }: Manifest) =>
  hosts.map(({ name }) => {
    const { history, releases, images, tasks } = world.machine(name);
    const running = world.machine(name).state("current")?.release;
    return { history, releases: [...releases.keys()], images: [...images], tasks: [...tasks], running };
  });

interface Overtaken {
  /** The call before which the controller stood still; null: the rollout ended before. */
  readonly struck: string | null;
  /** Whether it held a lock by then. */
  readonly locked: boolean;
  readonly stale: Receipt;
  /** Exit code of the other one. */
  readonly other: number;
  /** What was on the hosts when the other one had ended, and after both. */
  readonly before: ReturnType<typeof left>;
  readonly after: ReturnType<typeof left>;
}

/** A rollout that stands still at one of its calls, and one of release 3 that begins and ends meanwhile. */
async function overtaken(manifest: Manifest, wanted: Wanted, phase: FaultPhase, call: number): Promise<Overtaken> {
  const served = [testRelease(manifest, 1), ...(wanted.do === "rollback" ? [testRelease(manifest, 2)] : [])];
  const seeds = new Map(manifest.hosts.map(({ name }) => [name, served.at(-1) ?? null]));
  const world = newWorld({ manifest, preDeploy: () => ({ seconds: 5, exitCode: 0 }), seeds });
  for (const { name } of manifest.hosts) world.machine(name).history = testHistory(manifest, served);
  const fault = new Faults({ kind: "paused", phase, call, lastsMs: 900_000 }, world.clock, world);
  const locks = (): number => world.events.filter(({ name }) => name === "locked").length;
  return world.run(async () => {
    const first = rolloutIn(world, manifest, wanted, { ports: fault.around(world.ports()) });
    await world.clock.sleep(300_000);
    const locked = locks() > 0;
    const other = await rolloutIn(world, manifest, { do: "deploy", image: testImage(3) });
    const before = left(world, manifest);
    const stale = await first;
    return { struck: fault.struck, locked, stale, other: other.exitCode, before, after: left(world, manifest) };
  }, 86_400);
}

describe("a rollout whose controller slept while another one ran", () => {
  const two = testManifest({
    rollout: { preDeploy: { command: ["migrate"], timeoutSeconds: 60 } },
  });

  it.each<[string, Wanted, string[]]>([
    ["a rollback", { do: "rollback" }, ["follow", "keepHistory", "observe", "order", "prepare", "prune", "pull"]],
    [
      "a deploy",
      { do: "deploy", image: testImage(2) },
      ["follow", "keepHistory", "observe", "order", "prepare", "prune", "pull", "startPreDeploy"],
    ],
  ])("changes nothing any more that the other one has left, wherever it slept: %s", async (_what, wanted, calls) => {
    const slept = new Set<string>();
    for (const phase of ["preflight", "prepared", "done"] as const) {
      for (let call = 0; ; call += 1) {
        const { struck, locked, stale, other, before, after } = await overtaken(two, wanted, phase, call);
        if (struck === null) break;
        // One that held no lock yet has its turn afterwards.
        if (!locked) continue;
        slept.add(struck);
        expect([phase, call, struck, other, after]).toEqual([phase, call, struck, 0, before]);
        // Only one that had nothing left to do but to leave has ended well.
        if (stale.error === null) expect(["prune", "order", "follow", "observe"]).toContain(struck);
        else expect(["StewardLost", "FleetChanged", "NotConverged"]).toContain(stale.error.code);
      }
    }
    expect([...slept]).toEqual(expect.arrayContaining(calls));
  });
});

describe("a steward that somebody kills while its host is at work, and nothing else", () => {
  it.each<[string, (event: RolloutEvent) => boolean, number, string]>([
    ["drained", ({ name, data }) => name === "step" && "step" in data && data.step === "drain", 5, "restored"],
    ["out of rotation", ({ name }) => name === "ejected", 5, "restored"],
    ["with a new container", ({ data }) => "status" in data && data.status === "ready", 6, "replaced"],
  ])("leaves no host behind (%s): its run is ended there", async (_what, at, exitCode, action) => {
    let killed: string | null = null;
    const { receipt, world } = await simulate({
      manifest,
      onEvent: (event, sim) => {
        if (killed !== null || event.host === null || !at(event)) return;
        killed = event.host;
        sim.killSteward(sim.machine(event.host));
      },
      after: (sim) => sim.clock.sleep(60_000),
    });
    expect(receipt).toMatchObject({ exitCode, error: { code: "StewardLost" } });
    expect(receipt.hosts.map((host) => [host.name === killed, host.action]).sort()).toEqual([
      [false, "untouched"],
      [true, action],
    ]);
    for (const { name } of manifest.hosts) {
      const machine = world.machine(name);
      expect([machine.serving?.state, machine.restartPolicy("current")]).toEqual(["serving", "always"]);
      expect(world.balancer.isUp(machine)).toBe(true);
    }
    expect(world.failures).toEqual([]);
    expect(world.events.filter(({ name }) => name === "skipped")).toEqual([]);
  });

  it("while its host is taken back has the host go on with that, also from a container that was ready", async () => {
    const bad: Behaviour = { startMs: 500, kind: "errs" };
    const old = testRelease(manifest, 1).id;
    let killed: string | null = null;
    const { receipt, world } = await simulate({
      ...{ manifest, behaviourOf: ({ id }) => (id === old ? healthy : bad) },
      onEvent: ({ name, host, data }, sim) => {
        if (killed !== null || host === null || name !== "step" || data.step !== "retreat") return;
        killed = host;
        sim.killSteward(sim.machine(host));
      },
    });
    expect(killed).not.toBeNull();
    expect(receipt).toMatchObject({ exitCode: 5, error: { code: "ClientsFail" } });
    expect(receipt.hosts.map(({ action }) => action).sort()).toEqual(["restored", "untouched"]);
    for (const { name } of manifest.hosts) expect(world.machine(name).state("current")?.release).toBe(old);
    expect(world.events.filter(({ name }) => name === "skipped")).toEqual([]);
  });

  it("while a healthy container is drained to be taken back stops it once the balancer has let it go", async () => {
    const patient = testManifest({
      rollout: { readyTimeoutSeconds: 20, drainTimeoutSeconds: 20, progressDeadlineSeconds: 60 },
    });
    let entering: string | null = null;
    let killed = false;
    const { receipt, world } = await simulate({
      manifest: patient,
      // No request that is sent for it seems to come there.
      heard: (observation, host) =>
        host === entering && observation.traffic
          ? { ...observation, traffic: { ...observation.traffic, requests: 0, lastRequestAgoMs: null } }
          : observation,
      onEvent: ({ name, host, data }, sim) => {
        if (name === "hostStatus" && data.status === "ready") entering = host;
        if (killed || host === null || name !== "step" || data.step !== "retreat") return;
        killed = true;
        sim.killSteward(sim.machine(host));
      },
    });
    expect(killed).toBe(true);
    expect(receipt).toMatchObject({ exitCode: 5, error: { code: "NotReadmitted" } });
    expect(receipt.hosts.map(({ action }) => action).sort()).toEqual(["restored", "untouched"]);
    expect(world.failures).toEqual([]);
  });

  it("while requests are to go elsewhere ends the rollout at the next look, and no other host is blamed", async () => {
    const superseded = [{ host: { ...lone, id: "7" }, release: testRelease(manifest, 1) }];
    let killed = false;
    const { receipt } = await simulate({
      ...{ manifest, superseded, unreachable: new Set(["7"]), untagWorks: false },
      onEvent: ({ name }, sim) => {
        if (name !== "skipped" || killed) return;
        killed = true;
        sim.killSteward(sim.machine("api-1"));
      },
    });
    expect(receipt.error?.code).toBe("StewardLost");
    expect(receipt.seconds).toBeLessThan(manifest.rollout.progressDeadlineSeconds / 2);
  });
});

const lone = { name: "old", address: "203.0.113.27", privateAddress: "10.110.0.27" };
