/** Three droplets handed over under load on real machines, the second and third at once, a tenth of the requests slow. */
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import type { Deployment } from "../../../lab/rehearsal.js";
import { LIMIT_MS, LOAD, startReal, type RealScenario } from "../../support/real.js";

jest.setTimeout(LIMIT_MS);

describe("three droplets that are handed over", () => {
  let scenario: RealScenario;
  let serving: string;
  beforeAll(async () => {
    scenario = await startReal({
      fleet: { rollout: { strategy: "handoff", maxParallel: 2, readyTimeoutSeconds: 25, keepWarmSeconds: 3600 } },
      world: { balancer: { nodes: 2, phasesSeconds: [0, 0.5] } },
    });
    serving = await push("v1");
    const { exitCode, stderr } = await scenario.deploy(serving);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr });
  });
  afterAll(() => (scenario as RealScenario | undefined)?.end());

  const push = (version: string): Promise<string> => scenario.world.pushReference(version);
  const count = () => scenario.world.droplets.length;
  const expectReplaced = ({ exitCode, stderr, receipt }: Deployment): void => {
    if (exitCode !== 0) throw new Error(stderr);
    expect(receipt?.hosts.map(({ action }) => action)).toEqual(Array.from({ length: count() }, () => "replaced"));
  };

  it("forth and back again: no request fails, and no node of the balancer ever lets a host go", async () => {
    const image = await push("v2");
    const before = scenario.world.balancer.changes.length;
    const { result, seen } = await scenario.under(async () => {
      const forth = await scenario.deploy(image);
      return { forth, back: await scenario.deploy(serving) };
    }, LOAD);
    expectReplaced(result.forth);
    expectReplaced(result.back);
    expect(seen.failures).toEqual([]);
    expect(seen.notMeasuredBy).toEqual({});
    expect(Object.keys(seen.byRelease)).toHaveLength(2);
    expect(scenario.world.balancer.changes.slice(before)).toEqual([]);
    expect(await scenario.running()).toEqual(Array.from({ length: count() }, () => serving));
    for (const { events } of [result.forth, result.back])
      expect(events.filter(({ name }) => name === "probesAnswered")).toHaveLength(count());
  });

  it("a way back to containers that still run starts nothing, and no request fails", async () => {
    const ids = async (): Promise<string[]> =>
      Promise.all(
        scenario.world.droplets.map(async (droplet) =>
          (await droplet.run(["docker", "ps", "-q"])).trim().split("\n").sort().join(" "),
        ),
      );
    const { exitCode } = await scenario.deploy(await push("v3"));
    const before = await ids();
    const { result, seen } = await scenario.under(() => scenario.rollBack(), LOAD);
    expect([exitCode, result.exitCode, result.stderr]).toEqual([0, 0, result.stderr]);
    expect(seen.failures).toEqual([]);
    expect(await ids()).toEqual(before);
    expect(await scenario.running()).toEqual(Array.from({ length: count() }, () => serving));
  });

  it.each([
    ["never-healthy", "StepFailed"],
    ["health-403", "NotReadmitted"],
    ["health-local", "NotReadmitted"],
  ] as const)("a release that is %s costs no request, and the others are never touched", async (how, code) => {
    const image = await scenario.world.pushBroken(how);
    // It knows no slow path.
    const { result, seen } = await scenario.under(() => scenario.deploy(image), { ...LOAD, slowShare: 0 });
    expect([result.exitCode, result.receipt?.error?.code]).toEqual([5, code]);
    expect(result.receipt?.hosts.map(({ action }) => action).sort()).toEqual(["restored", "untouched", "untouched"]);
    expect(seen.failures).toEqual([]);
    expect(await scenario.running()).toEqual(Array.from({ length: count() }, () => serving));
  });
});
