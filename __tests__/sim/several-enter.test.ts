/** Several hosts enter at once. What is counted are the requests of all of them, and none is to be blamed for those of another one. */
import { describe, expect, it } from "@jest/globals";
import type { Behaviour } from "../../lab/sim/app.js";
import { standardParts } from "../../scripts/rollout/run.js";
import { testManifest, testRelease } from "../support/fleet.js";
import { healthy, simulate, type RunOptions, type SimRun } from "../support/sim.js";

const inOrder = { ...standardParts, turn: (hosts: Parameters<typeof standardParts.turn>[0]) => [...hosts] };

interface Several {
  readonly maxUnavailable: number;
  readonly minReadySeconds: number;
  /** When the first node asks. */
  readonly phaseMs: number;
}

const cases: [number, number, number][] = [2, 3].flatMap((maxUnavailable) =>
  [0, 5].flatMap((minReadySeconds) =>
    [1000, 1600, 2200].map((phaseMs): [number, number, number] => [maxUnavailable, minReadySeconds, phaseMs]),
  ),
);

/** Six hosts that serve. */
function roll({ maxUnavailable, minReadySeconds, phaseMs }: Several, options: Partial<RunOptions>): Promise<SimRun> {
  const rollout = { readyTimeoutSeconds: 20, maxUnavailable, minReadySeconds };
  const manifest = testManifest({ hosts: 6, rollout });
  return simulate({ manifest, parts: inOrder, phasesMs: [phaseMs, 2500], ...options });
}

describe("a healthy release on several hosts at once", () => {
  it.each(cases)(
    "is not blamed for what the balancer loses on the way to another host (%d at once, %d s, node at %d ms)",
    async (maxUnavailable, minReadySeconds, phaseMs) => {
      let isLost = false;
      const { receipt, world } = await roll(
        { maxUnavailable, minReadySeconds, phaseMs },
        {
          behaviourOf: () => healthy,
          onEvent: ({ name }, sim) => {
            if (isLost || name !== "readmitted") return;
            isLost = true;
            sim.lose(sim.machine("api-6"), { kind: "requests", node: null, lastsMs: 6000 });
          },
        },
      );
      expect(world.failures.length).toBeGreaterThan(0);
      expect(receipt.hosts[0]?.action).toBe("replaced");
      expect(receipt.error?.message ?? "").not.toContain("since its new container gets requests");
    },
  );
});

describe("a release that answers every request with a failure", () => {
  it.each(cases)(
    "is taken back from all of them (%d at once, %d s, node at %d ms)",
    async (maxUnavailable, minReadySeconds, phaseMs) => {
      const old = testRelease(testManifest({ hosts: 6 }), 1).id;
      const errs: Behaviour = { startMs: 500, kind: "errs" };
      const { receipt } = await roll(
        { maxUnavailable, minReadySeconds, phaseMs },
        { behaviourOf: ({ id }) => (id === old ? healthy : errs) },
      );
      expect(receipt).toMatchObject({ exitCode: 5, error: { code: "ClientsFail" } });
      expect(receipt.error?.message).toContain("since its new container gets requests");
      expect(receipt.hosts.map(({ action }) => action)).toEqual(
        receipt.hosts.map((_, index) => (index < maxUnavailable ? "restored" : "untouched")),
      );
    },
  );
});
