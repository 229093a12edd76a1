/** New droplets beside superseded ones: what a change of droplet settings does under `create_before_destroy`. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { execa } from "execa";
import { embedded } from "../../lab/embedded/site.js";
import { Scenario } from "../support/scenario.js";

jest.setTimeout(300_000);

/** A scenario of its own for each test: they may run in any order. */
let scenario: Scenario;
beforeEach(async () => {
  scenario = await Scenario.start({ site: embedded({ sshDelayMs: 500, cloudInitDelayMs: 500 }) });
});
afterEach(() => scenario.end());

describe("a deploy with an empty image", () => {
  it("changes nothing on hosts while no release serves, and says so", async () => {
    const { exitCode, stderr, receipt } = await scenario.deploy("");
    expect(exitCode).toBe(0);
    expect(receipt?.release).toBeNull();
    expect(stderr).toContain("no host runs a release and no image was given");
    expect((await Promise.all(scenario.world.droplets.map((droplet) => droplet.containers()))).flat()).toEqual([]);
  });

  it("keeps the serving release through a rebuild, and takes the superseded droplets out before Terraform deletes them: 0 failed", async () => {
    const image = await scenario.begin();
    const old = [...scenario.world.droplets];
    const { result, seen } = await scenario.under(async () => {
      await scenario.world.rebuild();
      const deployment = await scenario.deploy("");
      const removals = await Promise.all(old.map((droplet) => scenario.world.remove(droplet)));
      return { deployment, removals };
    });
    expect(result.deployment.exitCode).toBe(0);
    expect(result.deployment.receipt?.hosts.map((host) => host.action)).toEqual([
      "deployed",
      "deployed",
      "retired",
      "retired",
    ]);
    expect(result.removals.map((removal) => removal.nodesUp)).toEqual([[], []]);
    expect(await scenario.running()).toEqual([image, image]);
    expect(seen.failures).toEqual([]);
  });
});

describe("the command line beside superseded droplets", () => {
  it("is refused: an old outputs file must not drain live droplets", async () => {
    await scenario.begin();
    const outputs = path.join(scenario.stackFolder, "outputs.json");
    writeFileSync(outputs, JSON.stringify({ "api-e2e": { manifest: scenario.world.output("manifest") } }));
    await scenario.world.rebuild();
    const { result, seen } = await scenario.under(() => commandLine(scenario, ["deploy", "--outputs", outputs]));
    expect(result.exitCode).toBe(3);
    expect(result.stderr).toContain("UnlistedDroplets");
    const { superseded } = scenario.world;
    expect(superseded).toHaveLength(2);
    const containers = await Promise.all(superseded.map((droplet) => droplet.containers()));
    expect(containers.every((all) => all.some(({ status }) => status === "running"))).toBe(true);
    expect(seen.failures).toEqual([]);
  });
});

function commandLine(scenario: Scenario, argv: readonly string[]) {
  return execa(process.execPath, ["dist/rollout.mjs", ...argv], {
    env: { ...scenario.world.environment(), PATH: process.env["PATH"] },
    extendEnv: false,
    reject: false,
  });
}
