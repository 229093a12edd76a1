/** A balancer that keeps its connections to hosts: requests go on to the container before until that lets go of them. */
import { describe, expect, it } from "@jest/globals";
import type { Behaviour } from "../../lab/sim/app.js";
import type { Release } from "../../contract/release.js";
import { testManifest, testRelease } from "../support/fleet.js";
import { healthy, simulate, type RunOptions, type SimRun } from "../support/sim.js";

const fleet = (strategy: string, service: Record<string, unknown> = { drainPort: 9000 }) =>
  testManifest({ hosts: 3, service, rollout: { strategy, readyTimeoutSeconds: 20 } });
const keeping = (options: RunOptions): Promise<SimRun> =>
  simulate({
    ...{ keepsConnections: true, phasesMs: [1000, 2500], requestMs: () => 300 },
    ...{ after: (world) => world.clock.sleep(70_000) },
    ...options,
  });
const expectUnharmed = ({ world }: SimRun): void =>
  expect([world.failures, world.broken, world.lost]).toEqual([[], [], 0]);
const before = ({ world }: SimRun): (boolean | undefined)[] =>
  ["api-1", "api-2", "api-3"].map((name) => world.machine(name).state("previous")?.running);

describe.each(["handoff", "drain"])("by %s", (strategy) => {
  it("each container before is stopped once it has let go of them, and no request fails", async () => {
    const run = await keeping({ manifest: fleet(strategy) });
    expect([run.receipt.error, run.receipt.exitCode]).toEqual([null, 0]);
    expectUnharmed(run);
    expect(before(run)).toEqual([false, false, false]);
  });

  it("nothing is touched where what serves cannot be asked to let go", async () => {
    const run = await keeping({ manifest: fleet(strategy, {}) });
    expect([run.receipt.exitCode, run.receipt.error?.code]).toEqual([3, "HostUnfit"]);
    expect(run.receipt.error?.message).toMatch(/backendKeepalive.*what api-1, api-2, api-3 serves.*drainPort/);
    expect(run.receipt.hosts.map(({ action }) => action)).toEqual(["untouched", "untouched", "untouched"]);
    expectUnharmed(run);
  });
});

describe("an app that does not let go although it was asked to", () => {
  const held = (manifest: ReturnType<typeof fleet>) => {
    const { id } = testRelease(manifest, 1);
    return (release: Release): Behaviour => (release.id === id ? { ...healthy, holdsOn: true } : healthy);
  };

  it("is gone back to: no request would come to the new container", async () => {
    const manifest = fleet("handoff");
    const run = await keeping({ manifest, behaviourOf: held(manifest) });
    expect([run.receipt.exitCode, run.receipt.error?.code]).toEqual([5, "NotReadmitted"]);
    expect(run.receipt.error?.message).toMatch(/no new connection for requests has come to it since/);
    expect(run.receipt.hosts.map(({ action }) => action).sort()).toEqual(["restored", "untouched", "untouched"]);
    expect(before(run)).toEqual([undefined, undefined, undefined]);
    expectUnharmed(run);
  });

  it("ends a drain, and its host serves again", async () => {
    const manifest = fleet("drain");
    const run = await keeping({ manifest, behaviourOf: held(manifest) });
    expect([run.receipt.exitCode, run.receipt.error?.code]).toEqual([5, "DrainTimeout"]);
    expectUnharmed(run);
  });
});
