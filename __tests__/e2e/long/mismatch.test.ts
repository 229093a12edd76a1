/** A balancer that is not what the manifest and the API say of it, and one whose health path somebody else asks as well. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import type { Lifecycle, ProbeSource } from "../../../contract/host.js";
import { standardParts } from "../../../scripts/rollout/run.js";
import { startUptimeCheck } from "../../../lab/load/load.js";
import { FAST_CHECK, Scenario } from "../../support/scenario.js";

jest.setTimeout(300_000);

describe("a balancer that is slower than manifest and API say", () => {
  const real = { unhealthyThreshold: 4, checkIntervalSeconds: 1.5 };
  /** Without slow requests, which would hold up the stop for as long as traffic comes and so do the quiet window's work. */
  const load = { slowShare: 0 };
  let scenario: Scenario;

  beforeAll(async () => {
    const balancer = { ...real, retries: 0, reportDeclared: true };
    scenario = await Scenario.start({ check: FAST_CHECK, world: { balancer } });
    await scenario.begin();
  });
  afterAll(() => (scenario as Scenario | undefined)?.end());

  it("is waited for by what the hosts see of it: 0 failed", async () => {
    const image = await scenario.world.pushReference("v2");
    const { result, seen } = await scenario.under(() => scenario.deploy(image), load);
    expect({ exitCode: result.exitCode, stderr: result.stderr }).toEqual({ exitCode: 0, stderr: result.stderr });
    expect(result.events.some((event) => event.name === "balancerDiffers")).toBe(false);
    expect(seen.failures).toEqual([]);
    expect(await scenario.running()).toEqual([image, image]);
    for (const host of result.receipt?.hosts ?? []) {
      expect(host).toMatchObject({ action: "replaced", drain: { floor: FAST_CHECK.unhealthyThreshold } });
      expect(host.drain?.taken).toBeGreaterThanOrEqual(real.unhealthyThreshold);
    }
  });

  it("fails requests when the quiet window is left out: probe counts alone believe the manifest", async () => {
    const image = await scenario.world.pushReference("v3");
    const parts = { ...standardParts, gates: { ...standardParts.gates, quiet: () => ({ pass: true }) as const } };
    const { seen } = await scenario.under(() => scenario.rolloutWith(parts, image), load);
    expect(seen.failed).toBeGreaterThan(0);
  });
});

describe("two nodes of the balancer, half an interval apart, and an uptime check of the health path", () => {
  let scenario: Scenario;

  beforeAll(async () => {
    const balancer = { nodes: 2, phasesSeconds: [0, FAST_CHECK.checkIntervalSeconds / 2], retries: 0 };
    scenario = await Scenario.start({ check: FAST_CHECK, world: { balancer } });
    await scenario.begin();
  });
  afterAll(() => (scenario as Scenario | undefined)?.end());

  it("cost no request, and the uptime check leaves no evidence", async () => {
    const { world } = scenario;
    const image = await world.pushReference("v2");
    const uptime = await startUptimeCheck({ url: world.balancer.url(), path: "/health", everySeconds: 0.25 });
    const { result, seen } = await scenario.under(() => scenario.deploy(image)).finally(() => uptime.stop());
    const checks = await uptime.stop();
    expect({ exitCode: result.exitCode, stderr: result.stderr }).toEqual({ exitCode: 0, stderr: result.stderr });
    expect(seen.failures).toEqual([]);
    expect(checks.failures).toEqual([]);
    expect(checks.sent).toBeGreaterThan(0);
    expect(await scenario.running()).toEqual([image, image]);
    await expectNoEvidence(world.droplets, world.balancer.url());
  });
});

/** While the health path is asked many times a second through the balancer, probes grow no faster than the nodes send them. */
async function expectNoEvidence(droplets: Scenario["world"]["droplets"], url: string): Promise<void> {
  const look = () =>
    Promise.all(droplets.map(async (one) => (await one.control("GET", "/lifecycle")).body as Lifecycle));
  const began = performance.now();
  const before = await look();
  const uptime = await startUptimeCheck({ url, path: "/health", everySeconds: 0.01 });
  await uptime.until(({ sent }) => sent >= 200);
  await sleep(100);
  const after = await look();
  const most = (performance.now() - began) / (FAST_CHECK.checkIntervalSeconds * 1000) + 1;
  const { failures } = await uptime.stop();
  expect(failures).toEqual([]);
  for (const [index, { probes, lastRequestAgoMs }] of after.entries()) {
    // It was ordinary traffic to the app.
    expect(lastRequestAgoMs).toBeLessThan(performance.now() - began);
    expect(probes.map(({ failed }) => failed)).toEqual(probes.map(() => 0));
    for (const probe of probes) {
      expect(probe.passed - passedBy(before[index]?.probes, probe.source)).toBeLessThanOrEqual(most);
    }
  }
}

const passedBy = (probes: readonly ProbeSource[] | undefined, source: string): number =>
  probes?.find((probe) => probe.source === source)?.passed ?? 0;
