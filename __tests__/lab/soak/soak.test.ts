/** When a soak goes on, when it stops, and what it says then. */
import { describe, expect, it } from "@jest/globals";
import { whyFailed, type SoakRollout } from "../../../lab/soak/figures.js";
import { backAndForth } from "../../../lab/soak/run.js";
import type { Deployment } from "../../../lab/rehearsal.js";

const deployment = (exitCode: number): Deployment => ({ exitCode, stdout: "", stderr: "", events: [], receipt: null });

/** @param each exit code, failed and unsent requests of every rollout; each sends a hundred */
async function series(
  each: readonly (readonly [exitCode: number, failed: number, notMeasured?: number])[],
  most = each.length,
) {
  const sofar = { sent: 7, ok: 7, failed: 0, notMeasured: 0, byRelease: {} };
  const told: [number, SoakRollout][] = [];
  const outcome = await backAndForth({
    rollouts: most,
    rollOut: async (number) => {
      const [exitCode, failed, notMeasured = 0] = each[number - 1] ?? [0, 0];
      sofar.sent += 100;
      sofar.failed += failed;
      sofar.notMeasured += notMeasured;
      return deployment(exitCode);
    },
    progress: () => ({ ...sofar }),
    onRollout: (number, rollout) => told.push([number, rollout]),
  });
  return { ...outcome, told };
}

const counted = (exitCode: number, failed: number, notMeasured = 0) => ({
  ...{ seconds: expect.any(Number), sent: 100, failed, notMeasured, exitCode },
});

describe("a series of rollouts", () => {
  it("is as long as was asked for while nothing fails, and counts for each what was sent during it", async () => {
    const { rollouts, told, last } = await series([
      [0, 0],
      [0, 0],
      [0, 0],
    ]);
    expect(rollouts).toEqual([counted(0, 0), counted(0, 0), counted(0, 0)]);
    expect(told.map(([number]) => number)).toEqual([1, 2, 3]);
    expect(last?.exitCode).toBe(0);
  });

  it("ends with the first rollout during which a request failed", async () => {
    const { rollouts } = await series(
      [
        [0, 0],
        [0, 2],
      ],
      10,
    );
    expect(rollouts).toEqual([counted(0, 0), counted(0, 2)]);
  });

  it("ends with the first rollout whose load was not sent whole", async () => {
    const { rollouts } = await series([[0, 0, 5]], 10);
    expect(rollouts).toEqual([counted(0, 0, 5)]);
  });

  it("ends with the first rollout that failed", async () => {
    const { rollouts, last } = await series([[5, 0]], 10);
    expect(rollouts).toEqual([counted(5, 0)]);
    expect(last?.exitCode).toBe(5);
  });
});

describe("a soak's verdict", () => {
  const good = { seconds: 1, sent: 100, failed: 0, notMeasured: 0, exitCode: 0 };
  const figures = {
    ...{ rollouts: [good, good], sent: 200, failed: 0, notMeasured: 0 },
    secondTool: { sent: 20, failed: 0 },
    control: null,
  };

  it("is good when nothing failed", () => {
    expect(whyFailed(figures)).toBeNull();
  });

  it("names the rollout that failed, or how many requests did", () => {
    expect(whyFailed({ ...figures, rollouts: [good, { ...good, exitCode: 6 }] })).toBe(
      "rollout 2 ended with exit code 6",
    );
    expect(whyFailed({ ...figures, failed: 3 })).toBe("3 of 200 requests failed by the end of rollout 2");
  });

  it("is that it was not measured when the load was not sent whole: what nobody sent is neither good nor lost", () => {
    expect(whyFailed({ ...figures, notMeasured: 3 })).toBe(
      "not measured: 3 requests were due and not sent, as this machine was too busy; measure again on a quieter one",
    );
    expect(whyFailed({ ...figures, notMeasured: 3, failed: 1 })).toContain("1 of 200 requests failed");
  });

  it("is bad when requests fail without any rollout: then nobody knows whose failures the others are", () => {
    const without = { sent: 150, failed: 2, notMeasured: 0 };
    expect(whyFailed({ ...figures, control: { ...without, failed: 0 } })).toBeNull();
    expect(whyFailed({ ...figures, control: without })).toBe("2 of 150 requests failed without any rollout");
  });

  it("takes the second tool's word too", () => {
    expect(whyFailed({ ...figures, secondTool: { sent: 20, failed: 1 } })).toBe(
      "autocannon saw 1 of its 20 requests fail",
    );
  });
});
