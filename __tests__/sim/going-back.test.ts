/** Which release `rollback` ends on, after deploys that ended well, failed or were killed. */
import { describe, expect, it } from "@jest/globals";
import { Faults } from "../../lab/sim/faults.js";
import type { Wanted } from "../../scripts/rollout/context.js";
import { standardParts } from "../../scripts/rollout/run.js";
import type { Parts } from "../../scripts/rollout/context.js";
import { testHistory, testImage, testManifest, testRelease } from "../support/fleet.js";
import { newWorld, rolloutIn, simulate, type SimRun } from "../support/sim.js";

const manifest = testManifest({ rollout: { readyTimeoutSeconds: 20 } });
const [one, two, three] = [1, 2, 3].map((number) => testRelease(manifest, number)) as [Rel, Rel, Rel];
type Rel = ReturnType<typeof testRelease>;
const deploy = (number: number): Wanted => ({ do: "deploy", image: testImage(number) });
const back: Wanted = { do: "rollback" };
const running = ({ world }: Pick<SimRun, "world">) =>
  manifest.hosts.map(({ name }) => world.machine(name).state("current")?.release);
const codes = ({ receipts }: SimRun) => receipts.map(({ exitCode }) => exitCode);

/** Hosts in their order; a deploy of that release fails on the second host. */
const failing = (release: string): Parts => ({
  ...standardParts,
  turn: (hosts) => [...hosts],
  steps: (context) => {
    const plan = standardParts.steps(context);
    if (context.release?.id !== release || context.goesBack) return plan;
    hosts += 1;
    const impossible = { name: "impossible", run: { do: "start", slot: "failed" } } as const;
    return hosts % 2 === 0 ? { ...plan, stages: { ...plan.stages, drain: [impossible] } } : plan;
  },
});
let hosts = 0;

describe("going back", () => {
  it("does not lead forward onto the release that failed: v1 again after it, and then nothing is before", async () => {
    hosts = 0;
    const run = await simulate({
      manifest,
      wanted: deploy(1),
      next: [deploy(2), deploy(1), back],
      parts: failing(two.id),
    });
    expect(codes(run)).toEqual([0, 6, 0, 3]);
    expect(run.receipts[3]?.error?.code).toBe("NothingBefore");
    expect(running(run)).toEqual([one.id, one.id]);
  });

  it("does not lead forward either after the controller was killed between two hosts", async () => {
    const world = newWorld({ manifest });
    const codesOf: (number | null)[] = [];
    await world.run(async () => {
      codesOf.push((await rolloutIn(world, manifest, deploy(1))).exitCode);
      const kill = new Faults({ kind: "killed-after", phase: "done", call: 0, lastsMs: 0 }, world.clock, world);
      const killed = rolloutIn(world, manifest, deploy(2), { ports: kill.around(world.ports()) });
      await Promise.race([killed, kill.killed]);
      expect(new Set(running({ world }))).toEqual(new Set([one.id, two.id]));
      await world.clock.sleep(300_000);
      codesOf.push((await rolloutIn(world, manifest, deploy(1))).exitCode);
      codesOf.push((await rolloutIn(world, manifest, back)).exitCode);
    }, 86_400);
    expect(codesOf).toEqual([0, 0, 3]);
    expect(running({ world })).toEqual([one.id, one.id]);
  });

  it("leads a mixed fleet to the last release that the whole fleet served", async () => {
    hosts = 0;
    const run = await simulate({
      manifest,
      wanted: deploy(2),
      next: [deploy(3), back, back, back],
      parts: failing(three.id),
    });
    expect(codes(run)).toEqual([0, 6, 0, 0, 3]);
    expect(run.receipts.map(({ release }) => release?.id)).toEqual([two.id, three.id, two.id, one.id, undefined]);
  });

  it("needs no registry for where it leads, also on a host that had another release in between", async () => {
    hosts = 0;
    const world = newWorld({ manifest });
    const codesOf: (number | null)[] = [];
    await world.run(async () => {
      const run = async (wanted: Wanted, parts = standardParts) =>
        codesOf.push((await rolloutIn(world, manifest, wanted, { parts })).exitCode);
      await run(deploy(2));
      await run(deploy(3), failing(three.id));
      expect(running({ world })).toEqual([three.id, two.id]);
      await run(deploy(2));
      world.registryGone = true;
      await run(back);
    }, 86_400);
    expect(codesOf).toEqual([0, 6, 0, 0]);
    expect(running({ world })).toEqual([one.id, one.id]);
    // Nothing leads there: it was removed.
    expect(world.machine("api-2").images).not.toContain(three.image);
  });

  it.each(["api-1", "api-2"])(
    "goes by the others' history where the droplet of %s is new, which gets a copy",
    async (rebuilt) => {
      const seeds = new Map(manifest.hosts.map(({ name }) => [name, name === rebuilt ? null : two]));
      const world = newWorld({ manifest, seeds });
      for (const { name } of manifest.hosts)
        if (name !== rebuilt) world.machine(name).history = testHistory(manifest, [one, two]);
      await world.run(async () => {
        expect((await rolloutIn(world, manifest, { do: "deploy", image: "" })).exitCode).toBe(0);
        expect(running({ world })).toEqual([two.id, two.id]);
        expect(world.machine(rebuilt).history).not.toBeNull();
        // Its copy is as good as any: the other one is lost.
        for (const { name } of manifest.hosts) if (name !== rebuilt) world.machine(name).history = null;
        expect((await rolloutIn(world, manifest, back)).exitCode).toBe(0);
      }, 86_400);
      expect(running({ world })).toEqual([one.id, one.id]);
      expect(world.events.filter(({ name }) => name === "historyIgnored")).toEqual([]);
    },
  );

  it("leads further back a second time, and never forward", async () => {
    const run = await simulate({ manifest, next: [deploy(3), back, back, back] });
    expect(codes(run)).toEqual([0, 0, 0, 0, 3]);
    expect(run.receipts.map(({ release }) => release?.id)).toEqual([two.id, three.id, two.id, one.id, undefined]);
    expect(running(run)).toEqual([one.id, one.id]);
    expect(run.receipts[4]?.error).toMatchObject({ code: "NothingBefore" });
    expect(run.receipts[4]?.error?.message).toContain(one.image);
  });
});
