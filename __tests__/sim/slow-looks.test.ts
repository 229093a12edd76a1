/** Looks at one host that take long, or have no answer: the others' words grow old meanwhile, and nobody is to blame them for it. */
import { describe, expect, it } from "@jest/globals";
import { standardParts } from "../../scripts/rollout/run.js";
import { testManifest, testRelease } from "../support/fleet.js";
import { simulate, type SimRun } from "../support/sim.js";

const manifest = testManifest({ hosts: 3 });
const inOrder = { ...standardParts, turn: (hosts: Parameters<typeof standardParts.turn>[0]) => [...hosts] };

/** When it begins, by how many hosts have been replaced; -1 before the plan. */
const times = [
  ["after the plan", 0],
  ["between two hosts", 1],
  ["at the end", 3],
] as const;

interface Trouble {
  readonly host: string;
  readonly replaced: number;
  readonly looks: "one" | "all";
  readonly lookMs: number;
  readonly hasPower: boolean;
}

function roll({ host, replaced, looks, lookMs, hasPower }: Trouble): Promise<SimRun> {
  let left = replaced;
  let isPlanned = false;
  let hasBegun = false;
  return simulate({
    ...{ manifest, parts: inOrder, phasesMs: [1000, 2500], served: [testRelease(manifest, 1)] },
    onEvent: ({ name, data }, world) => {
      const isServing = name === "hostStatus" && "status" in data && data.status === "serving";
      if (isPlanned && isServing) left -= 1;
      if (name === "planned") isPlanned = true;
      const isEarly = replaced === -1 && name === "pulled";
      if (hasBegun || (!isEarly && (!isPlanned || left > 0))) return;
      hasBegun = true;
      if (!hasPower) world.powerCycle(world.machine(host), 1_000_000);
    },
    beforeLook: async (name, _order, clock) => {
      if (!hasBegun || name !== host) return;
      hasBegun = looks === "all";
      await clock.sleep(lookMs);
    },
  });
}

describe("one look that takes longer than a probe is evidence", () => {
  for (const host of ["api-2", "api-3"]) {
    it.each([["before the plan", -1] as const, ...times])("does not end the rollout %s", async (_when, replaced) => {
      const { receipt } = await roll({ host, replaced, looks: "one", lookMs: 13_000, hasPower: true });
      expect(receipt.error).toBeNull();
    });
  }
});

describe("a host without power of which nobody can tell so for a while", () => {
  for (const lookMs of [0, 75_000]) {
    it.each(times.slice(0, 2))(`is named, and no other one, %s (${lookMs} ms more a look)`, async (_when, replaced) => {
      const { receipt } = await roll({ host: "api-3", replaced, looks: "all", lookMs, hasPower: false });
      expect(receipt.error?.message).toContain("api-3 is not in rotation: it does not answer");
      expect(receipt.exitCode).toBe(replaced === 0 ? 3 : 6);
    });
  }

  it("is named as well when it is the next to leave", async () => {
    const { receipt } = await roll({ host: "api-1", replaced: 0, looks: "all", lookMs: 15_000, hasPower: false });
    expect(receipt.error?.message).toMatch(
      /^api-1 may not leave rotation now: api-2 is not known to be in rotation: .* the look at api-1 took \d+\.\d s/,
    );
    expect(receipt.exitCode).toBe(3);
  });
});

describe("looks at a host that all take longer than a probe is evidence", () => {
  it.each(times)("are what ends the rollout %s: that host is named", async (_when, replaced) => {
    const { receipt } = await roll({ host: "api-3", replaced, looks: "all", lookMs: 13_000, hasPower: true });
    expect(receipt.error?.message).toContain("the look at api-3 took 13.0 s");
    expect(receipt.error?.message).not.toMatch(/is not in rotation|does not send/);
    expect(receipt.exitCode).not.toBe(0);
  });
});
