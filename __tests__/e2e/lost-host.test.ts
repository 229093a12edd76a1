/** The balancer no longer reaches one of two hosts that serve: nobody may be drained, and every command names that host. */
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { runCommand } from "../support/hostile.js";
import { Scenario } from "../support/scenario.js";

jest.setTimeout(180_000);

const LOST = "api-2";

describe("a host that the balancer has lost before a rollout", () => {
  let scenario: Scenario;
  let serving: string;

  beforeAll(async () => {
    scenario = await Scenario.start();
    serving = await scenario.begin();
    const host = scenario.world.droplet(LOST);
    await host.hideService(true);
    while (scenario.world.balancer.nodesUp(host.id).length > 0) await new Promise((settle) => setTimeout(settle, 50));
  });
  afterAll(() => (scenario as Scenario | undefined)?.end());

  it("ends a deploy of another image with 3, which names the host: no request fails, and nobody is touched", async () => {
    const image = await scenario.world.pushReference("v2");
    const { result, seen } = await scenario.under(() => scenario.deploy(image));
    expect(seen.failures).toEqual([]);
    expect(seen.sent).toBeGreaterThan(0);
    expect({ exitCode: result.exitCode, stderr: result.stderr }).toEqual({ exitCode: 3, stderr: result.stderr });
    expect(result.receipt?.error?.code).toBe("NotInRotation");
    expect(result.receipt?.error?.message).toMatch(/^api-2 is not in rotation: node \S+ has not asked it for \d+ s/);
    expect(result.receipt?.hosts.map(({ action }) => action)).toEqual(["untouched", "untouched"]);
    const drained = result.events.filter((event) => event.name === "hostStatus" && event.data.status === "draining");
    expect(drained).toEqual([]);
    expect(await scenario.running()).toEqual([serving, serving]);
  });

  it("lets verify end with 6, which names the host", async () => {
    const { exitCode, stdout } = await runCommand(scenario, "verify", { image: serving });
    expect({ exitCode, stdout }).toEqual({ exitCode: 6, stdout });
    expect(stdout).toMatch(/api-2 .*not in rotation/);
  });

  it("is shown by status as not in rotation, and the other one as serving", async () => {
    const { stdout } = await runCommand(scenario, "status");
    expect(stdout).toMatch(/^api-1 .* serving /m);
    expect(stdout).toMatch(/^api-2 .*not in rotation: node \S+ has not asked it for \d+ s/m);
  });
});
