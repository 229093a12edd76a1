/** Where the ports of a simulated host lead: what its steps, a loss of power and a boot do to that. */
import { describe, expect, it } from "@jest/globals";
import { frontPorts } from "../../contract/manifest.js";
import type { Release } from "../../contract/release.js";
import { VirtualClock } from "../../lab/sim/clock.js";
import { SimMachine, StepFailure } from "../../lab/sim/machine.js";
import { SimSteward } from "../../lab/sim/steward.js";
import { hostSteps, type OrderName } from "../../scripts/rollout/host-steps.js";
import { testManifest, testRelease } from "../support/fleet.js";
import { healthy, simulate } from "../support/sim.js";

const manifest = testManifest();
const [info] = manifest.hosts;
if (!info) throw new Error("the manifest has no host");
const PORTS = frontPorts(manifest, info);
const [old, wanted] = [testRelease(manifest, 1), testRelease(manifest, 2)];
/** Virtual time that one test may take. */
const LIMIT_MS = 3_600_000;
/** Until a probe without an answer has failed. */
const GRACE_MS = 3000;

/** A machine with the old container, under a steward that is to bring it onto the wanted release. */
class Bench {
  readonly clock = new VirtualClock();
  readonly machine: SimMachine;
  #steward: SimSteward | null = null;

  constructor() {
    const watcher = { removed: () => undefined, stopped: () => undefined };
    this.machine = new SimMachine("api-1", true, PORTS, GRACE_MS, this.clock, () => healthy, watcher);
    this.machine.seed(old);
    this.machine.images.add(wanted.image);
  }

  run(work: () => Promise<void>): Promise<void> {
    return this.clock.run(
      this.clock.sleep(10_000).then(() => work()),
      LIMIT_MS,
    );
  }

  /** Release of the app that requests get to; null where they get to none that listens. */
  get served(): string | null {
    const { serving } = this.machine;
    return serving?.listening ? serving.release : null;
  }

  get target(): string | null {
    return this.machine.front?.target ?? null;
  }

  /** Orders that must all be done. */
  async orders(...names: readonly OrderName[]): Promise<void> {
    const steward = (this.#steward ??= this.#begun());
    for (const name of names) {
      const sequence = steward.order(name, this.machine.traffic?.instance ?? "");
      const ended = () => steward.journal.some((entry) => entry.sequence === sequence && entry.state === "done");
      while (!ended()) await this.clock.sleep(100);
    }
  }

  /** The power fails and comes back; nobody has taken up yet what was under way. */
  reboot(): void {
    this.machine.powerOff();
    this.#steward?.die();
    this.machine.powerOn();
  }

  /** What was under way is ended. */
  async recover(): Promise<void> {
    const before = this.#steward;
    if (!before) throw new Error("nothing was under way");
    const recovering = new SimSteward(before.request, this.machine, this.clock, before);
    while (recovering.alive) await this.clock.sleep(100);
  }

  #begun(): SimSteward {
    const request = { runId: "run1", owner: "test@lab", leaseSeconds: 600 };
    const steward = new SimSteward(request, this.machine, this.clock);
    const { rollout: policy, healthCheck: check } = manifest;
    steward.plan = hostSteps({
      release: wanted,
      policy,
      check,
      standing: "in-rotation",
      goesBack: false,
      isWarm: false,
      letsGo: false,
    });
    return steward;
  }
}

/** A test with a bench of its own, in virtual time. */
const leads = (what: string, work: (bench: Bench) => Promise<void>): void =>
  it(what, () => {
    const bench = new Bench();
    return bench.run(() => work(bench));
  });

describe("the front of a simulated host", () => {
  leads("follows the container over a new name, a stop and a start", async ({ machine, clock }) => {
    const { front } = machine;
    const served = machine.serving?.release;
    await machine.perform({ do: "stop", slot: "current", timeoutSeconds: 10 }, "");
    await machine.perform({ do: "move", from: "current", to: "previous" }, "");
    expect([machine.front, machine.serving?.listening]).toEqual([front, false]);
    await machine.perform({ do: "start", slot: "previous" }, "");
    await clock.sleep(1000);
    expect([machine.front, machine.serving?.release, machine.seenHealth]).toEqual([front, served, 200]);
  });

  leads("leads nowhere once its container is removed, also where another one has that name", async (bench) => {
    const { machine, clock } = bench;
    await machine.perform({ do: "remove", slot: "current" }, "");
    await machine.perform({ do: "run", slot: "current", release: wanted }, "");
    await clock.sleep(1000);
    expect(machine.isReady("current")).toBe(true);
    expect([bench.served, machine.seenHealth, machine.seenAnswer]).toEqual([null, null, null]);
  });

  leads("leads to a container that is there, whether it runs or not, and to no other", async ({ machine }) => {
    const { front } = machine;
    await machine.perform({ do: "stop", slot: "current", timeoutSeconds: 10 }, "");
    await expect(machine.perform({ do: "lead", slot: "failed", port: 80 }, "")).rejects.toThrow(StepFailure);
    await machine.perform({ do: "lead", slot: "current", port: 80 }, "");
    expect([machine.front, machine.seenHealth]).toEqual([front, null]);
  });

  leads(
    "is led to a container only while Docker answers; keeping it and giving it up need no Docker",
    async ({ machine }) => {
      machine.dockerAway(LIMIT_MS);
      await machine.perform({ do: "keep-lead" }, "");
      await expect(machine.perform({ do: "lead", slot: "current", port: 80 }, "")).rejects.toThrow(StepFailure);
      machine.dockerAway(LIMIT_MS);
      await expect(machine.perform({ do: "lead-back", slot: "current" }, "")).rejects.toThrow(StepFailure);
      await machine.perform({ do: "lead-nowhere" }, "");
      expect(machine.front).toBeNull();
      await expect(machine.perform({ do: "keep-lead" }, "")).rejects.toThrow(StepFailure);
    },
  );

  leads(
    "leads back to what has the name again, also after a loss of power, whatever was kept meanwhile",
    async (bench) => {
      const { machine } = bench;
      const before = bench.target;
      await bench.orders("drain", "replace", "commit");
      await machine.perform({ do: "stop", slot: "current", timeoutSeconds: 10 }, "");
      await machine.perform({ do: "move", from: "current", to: "failed" }, "");
      await machine.perform({ do: "move", from: "previous", to: "current" }, "");
      await machine.perform({ do: "lead-back", slot: "current" }, "");
      expect([bench.target, machine.keptSlot]).toEqual([before, "current"]);
      await machine.perform({ do: "remove", slot: "current" }, "");
      await machine.perform({ do: "lead-back", slot: "current" }, "");
      expect(machine.front).toBeNull();
    },
  );

  leads("leads to the new container once that is ready, and no longer to the old one", async (bench) => {
    const before = bench.target;
    await bench.orders("drain", "replace");
    expect(bench.served).toBe(wanted.id);
    expect(bench.target).not.toBe(before);
  });

  leads(
    "leads to the old container after a loss of power before the commit, and after one later to the new",
    async (bench) => {
      const before = bench.target;
      await bench.orders("drain", "replace");
      const after = bench.target;
      bench.reboot();
      expect([bench.target, bench.served]).toEqual([before, null]);
      // The container that was ready stays: that is committed.
      await bench.recover();
      await bench.clock.sleep(1000);
      expect([bench.target, bench.served]).toEqual([after, wanted.id]);
      bench.reboot();
      await bench.clock.sleep(1000);
      expect([bench.target, bench.served]).toEqual([after, wanted.id]);
    },
  );

  leads(
    "leads to the old container again when the replacement is taken back, and after a loss of power then",
    async (bench) => {
      const before = bench.target;
      await bench.orders("drain", "replace", "retreat", "undo");
      await bench.clock.sleep(1000);
      expect([bench.target, bench.served]).toEqual([before, old.id]);
      bench.reboot();
      await bench.clock.sleep(1000);
      expect([bench.target, bench.served]).toEqual([before, old.id]);
    },
  );

  leads("leads nowhere on a host that is retired, also after a loss of power", async (bench) => {
    await bench.orders("drain", "stop");
    expect(bench.machine.front).toBeNull();
    bench.reboot();
    expect([bench.machine.front, bench.served]).toEqual([null, null]);
  });
});

describe("a new container whose health path redirects, which a balancer takes for healthy", () => {
  const redirects = (release: Release) =>
    release.id === wanted.id ? ({ startMs: 500, kind: "redirects" } as const) : healthy;

  it("never becomes ready, and gets no request: the front is not led to it", async () => {
    const run = await simulate({
      manifest: testManifest({ rollout: { readyTimeoutSeconds: 60 } }),
      behaviourOf: redirects,
    });
    const steps = run.world.events.flatMap((event) => (event.name === "step" ? [event.data.step] : []));
    expect(run.receipt).toMatchObject({ exitCode: 5, error: { code: "StepFailed" } });
    expect(steps).toContain("new-run");
    expect(steps).not.toContain("front-lead");
    expect(run.world.failures).toEqual([]);
    expect(run.world.broken).toEqual([]);
  });
});
