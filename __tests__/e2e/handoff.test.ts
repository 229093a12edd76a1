/** Handing over, under load: no host leaves rotation, and the app is asked for nothing but its health path. */
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { until } from "../lab/support/until.js";
import { Scenario } from "../support/scenario.js";

jest.setTimeout(300_000);

/** The app knows no slow path. */
const LOAD = { slowShare: 0 };
const fleet = { rollout: { strategy: "handoff", readyTimeoutSeconds: 10 } } as const;

describe("a fleet that is handed over", () => {
  let scenario: Scenario;
  let serving: string;
  beforeAll(async () => {
    scenario = await Scenario.start({ fleet, world: { balancer: { nodes: 2 } } });
    serving = await push("v1");
    const { exitCode, stderr } = await scenario.deploy(serving);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr });
  });
  afterAll(() => scenario.end());

  /** An app of three routes without a handler for SIGTERM. */
  const push = (version: string): Promise<string> => scenario.world.pushReference(version, { contract: "article" });
  /** Whether each host's containers run, by name. */
  const running = () =>
    Promise.all(
      scenario.world.droplets.map(async (droplet) =>
        Object.fromEntries((await droplet.containers()).map(({ name, status }) => [name, status === "running"])),
      ),
    );
  const changes = () => scenario.world.balancer.changes.length;

  it("gets another release and goes back, no request fails, no node lets a host go, and what was left ends by itself", async () => {
    const image = await push("v2");
    const before = changes();
    const { result, seen } = await scenario.under(async () => {
      const forth = await scenario.deploy(image);
      const between = await scenario.running();
      return { forth, between, back: await scenario.rollBack() };
    }, LOAD);
    expect([result.forth.exitCode, result.forth.stderr]).toEqual([0, result.forth.stderr]);
    expect(result.between).toEqual([image, image]);
    expect([result.back.exitCode, result.back.stderr]).toEqual([0, result.back.stderr]);
    expect(await scenario.running()).toEqual([serving, serving]);
    expect(seen.failures).toEqual([]);
    expect(seen.sent).toBeGreaterThan(0);
    expect(changes()).toBe(before);
    expect(result.forth.events.filter(({ name }) => name === "handedOver")).toHaveLength(2);
    expect(result.forth.events.filter(({ name }) => name === "probesAnswered")).toHaveLength(2);
    await until("each old container has ended by itself", async () =>
      (await running()).every((names) => names["api"] === true && names["api-failed"] === false),
    );
  });

  it.each(["never-healthy", "health-403"] as const)("keeps a release that is %s from the others", async (how) => {
    const image = await scenario.world.pushBroken(how);
    const { result, seen } = await scenario.under(() => scenario.deploy(image), LOAD);
    expect(seen.failures).toEqual([]);
    expect(result.exitCode).toBe(5);
    expect(result.receipt?.hosts.map((host) => host.action).sort()).toEqual(["restored", "untouched"]);
    expect(await scenario.running()).toEqual([serving, serving]);
  });
});

describe("a fleet whose old containers are kept for a way back", () => {
  let scenario: Scenario;
  beforeAll(async () => {
    scenario = await Scenario.start({ fleet: { rollout: { ...fleet.rollout, keepWarmSeconds: 3600 } } });
  });
  afterAll(() => scenario.end());

  const push = (version: string): Promise<string> => scenario.world.pushReference(version, { contract: "article" });
  const deploy = async (version: string): Promise<string> => {
    const image = await push(version);
    const { exitCode, stderr } = await scenario.deploy(image);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr });
    return image;
  };
  /** Whether each host's containers run, by name. */
  const containers = () =>
    Promise.all(
      scenario.world.droplets.map(async (droplet) =>
        Object.fromEntries((await droplet.containers()).map(({ name, status }) => [name, status === "running"])),
      ),
    );

  const both = (other: string) => ({ api: true, [other]: true });

  it("goes back to them: nothing is started, no request fails, and the next rollout ends what was left", async () => {
    const first = await deploy("v1");
    await deploy("v2");
    expect(await containers()).toEqual([both("api-previous"), both("api-previous")]);
    const { result, seen } = await scenario.under(() => scenario.rollBack(), LOAD);
    expect([result.exitCode, result.stderr]).toEqual([0, result.stderr]);
    expect(result.stderr).toContain("lead back api-1");
    expect(seen.failures).toEqual([]);
    expect(await scenario.running()).toEqual([first, first]);
    expect(await containers()).toEqual([both("api-failed"), both("api-failed")]);
    const third = await deploy("v3");
    expect(await scenario.running()).toEqual([third, third]);
  });
});
