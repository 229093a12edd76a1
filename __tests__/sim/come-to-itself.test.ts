/** A fleet of which no host served when the rollout was planned, and that has come to itself before any host was changed. */
import { describe, expect, it } from "@jest/globals";
import type { Behaviour } from "../../lab/sim/app.js";
import { standardParts } from "../../scripts/rollout/run.js";
import { testManifest, testRelease } from "../support/fleet.js";
import { simulate, type SimRun } from "../support/sim.js";

const policy = { readyTimeoutSeconds: 120, preDeploy: { command: ["migrate"], timeoutSeconds: 60 } };
const inOrder = { ...standardParts, turn: <Host>(hosts: readonly Host[]) => [...hosts] };

/** Its hosts serve only after the plan, while the pre-deploy command runs. */
function lateFleet(next: Behaviour, rollout: object, onDrain: (run: SimRun["world"]) => void): Promise<SimRun> {
  const manifest = testManifest({ rollout: { ...policy, ...rollout } });
  const old = testRelease(manifest, 1).id;
  let drained = false;
  return simulate({
    manifest,
    parts: inOrder,
    preDeploy: () => ({ seconds: 30, exitCode: 0 }),
    behaviourOf: ({ id }) => (id === old ? { startMs: 95_000, kind: "healthy" } : next),
    onEvent: (event, world) => {
      if (drained || event.name !== "hostStatus" || event.data.status !== "draining") return;
      drained = true;
      onDrain(world);
    },
  });
}

const named = ({ world }: SimRun, name: string): number => world.events.filter((event) => event.name === name).length;

describe("a fleet that has come to itself before any host was changed", () => {
  it("is watched from then on: a drain is taken back when clients fail, and the receipt counts them", async () => {
    const run = await lateFleet({ startMs: 30_000, kind: "healthy" }, {}, (world) =>
      world.lose(world.machine("api-2"), { kind: "requests", node: null, lastsMs: null }),
    );
    expect(named(run, "plannedAnew")).toBe(1);
    expect(run.receipt).toMatchObject({ exitCode: 5, error: { code: "ClientsFail" } });
    expect(run.receipt.witness.failed).toBeGreaterThan(0);
  });

  it("has a release to go back to by then, where the new one fails", async () => {
    const run = await lateFleet({ startMs: 30_000, kind: "errs" }, { onFailure: "rollback" }, () => undefined);
    expect(named(run, "plannedAnew")).toBe(1);
    expect([named(run, "notRolledBack"), run.receipt.exitCode]).toEqual([0, 5]);
  });
});
