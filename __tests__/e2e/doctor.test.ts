/** `npm run rollout -- doctor` against droplets and a balancer of the embedded lab. */
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { execa } from "execa";
import { Scenario } from "../support/scenario.js";

jest.setTimeout(300_000);

/** The fastest that a balancer of DigitalOcean's can be told. */
const CHECK = { checkIntervalSeconds: 3, responseTimeoutSeconds: 3, unhealthyThreshold: 2, healthyThreshold: 2 };

/** As a user calls it. */
async function doctor(scenario: Scenario): Promise<{ exitCode: number; stdout: string }> {
  const { environment } = scenario.world.rolloutCommand({ image: "", stackFolder: scenario.stackFolder });
  const argv = ["--import", "tsx", `${process.cwd()}/scripts/rollout.ts`, "doctor"];
  const options = { cwd: process.cwd(), env: environment, extendEnv: false, reject: false } as const;
  const { exitCode = -1, stdout, stderr } = await execa(process.execPath, argv, options);
  if (stderr !== "") throw new Error(stderr);
  return { exitCode, stdout };
}

describe("where the balancer keeps connections to droplets, though that is not declared", () => {
  let scenario: Scenario;
  let found: { exitCode: number; stdout: string };
  beforeAll(async () => {
    scenario = await Scenario.start({ check: CHECK, world: { balancer: { backendKeepalive: true } } });
    await scenario.begin();
    found = await doctor(scenario);
  });
  afterAll(() => scenario.end());

  const rowOf = (question: string): string => new RegExp(`^${question} .*`, "m").exec(found.stdout)?.[0] ?? "";

  it("the doctor says so, and ends with code 3", () => {
    expect(rowOf("keepalive")).toMatch(/ not as assumed .*20 requests were answered, and \d new connections came/);
    expect(found.exitCode).toBe(3);
  });

  it("the rest of what it can see there is as assumed", () => {
    for (const question of ["nft", "sudo", "nodes"]) expect(rowOf(question)).toContain(" ok ");
  });

  it("nothing has changed: the fleet serves, and no lock is held", async () => {
    expect(await scenario.running()).toEqual([expect.any(String), expect.any(String)]);
  });
});
