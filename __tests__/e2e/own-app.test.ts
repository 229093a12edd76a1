/** An app with secrets and a pre-deploy command, under load: what it is told, where that may be read, what becomes of a failing command. */
import { readFileSync, statSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, it, jest } from "@jest/globals";
import type { FleetConfig } from "../../constructs/index.js";
import type { EmbeddedDroplet } from "../../lab/embedded/droplet.js";
import { Scenario } from "../support/scenario.js";

jest.setTimeout(300_000);

const [first, second] = ["postgres://u:first-core@db/x", "postgres://u:second-core\nof two lines"];
const KEY = "0123456789abcdef0123456789abcdef";
const given = (url: string) => ({ DATABASE_URL: url, EVENKEEL_SECRETS_KEY: KEY });

/** Says what it was told, and ends as its environment says. */
const MIGRATION = [
  process.execPath,
  "-e",
  `console.log("migrates", require("fs").readFileSync(process.env.DATABASE_URL_FILE, "utf8")); process.exit(process.env.VERSION === "v3" ? 4 : 0)`,
];
const fleet: FleetConfig = {
  service: { secrets: ["DATABASE_URL"] },
  rollout: { preDeploy: { command: MIGRATION } },
};

let scenario: Scenario;
beforeAll(async () => {
  scenario = await Scenario.start({ fleet });
  const { exitCode, stderr } = await scenario.deploy(await scenario.world.pushReference("v1"), given(first));
  if (exitCode !== 0) throw new Error(stderr);
});
afterAll(() => scenario.end());

const folder = (droplet: EmbeddedDroplet): string => path.join(droplet.home, ".evenkeel/api/releases");
/** What the app of a droplet reads where its environment leads it. */
const secretOf = async (droplet: EmbeddedDroplet): Promise<string> => {
  const release = (await droplet.containers()).find(({ name }) => name === "api")?.labels["evenkeel.release"] ?? "";
  return readFileSync(path.join(folder(droplet), `${release}.secrets`, "DATABASE_URL"), "utf8");
};
const rolledOut = async (version: string, url: string) => {
  const image = await scenario.world.pushReference(version);
  return scenario.under(() => scenario.deploy(image, given(url)));
};

it("an app's secrets reach it and nobody else, a new value is a new release, and a failing command stops everything", async () => {
  for (const droplet of scenario.world.droplets) {
    expect(await secretOf(droplet)).toBe(first);
    // Nobody else on the droplet gets to the file, whose own mode lets the container's user read it.
    expect(statSync(folder(droplet)).mode & 0o077).toBe(0);
    const shown = await droplet.shell("docker inspect api");
    expect(shown.stdout).toContain("DATABASE_URL_FILE=/run/secrets/DATABASE_URL");
    expect(shown.stdout).not.toContain("first-core");
  }

  const changed = await rolledOut("v1", second);
  expect(changed.seen.failures).toEqual([]);
  expect(changed.result.exitCode).toBe(0);
  expect(changed.result.receipt?.hosts.map(({ action }) => action)).toEqual(["replaced", "replaced"]);
  for (const droplet of scenario.world.droplets) expect(await secretOf(droplet)).toBe(second);
  const told = `${changed.result.stdout}${changed.result.stderr}${JSON.stringify(changed.result.events)}`;
  expect(told).not.toMatch(/first-core|second-core|of two lines/);
  expect(told).not.toContain(KEY);
  const ran = scenario.world.droplets.map((droplet) => droplet.shell("docker logs api-pre-deploy"));
  const logs = (await Promise.all(ran)).filter(({ exitCode }) => exitCode === 0);
  expect(logs.map(({ stdout }) => stdout)).toEqual([`migrates ${second}`]);

  const before = await scenario.running();
  const failed = await rolledOut("v3", second);
  expect(failed.seen.failures).toEqual([]);
  expect(failed.result.exitCode).toBe(7);
  expect(failed.result.receipt?.hosts.map(({ action }) => action)).toEqual(["untouched", "untouched"]);
  expect(await scenario.running()).toEqual(before);
  expect(failed.result.stderr).toContain("migrates [redacted]");
  expect(failed.result.stderr).not.toContain("second-core");

  // Its command would fail: it is not run, and this one gets past it.
  const skipped = await scenario.deploy(await scenario.world.pushReference("v3"), {
    ...given(second),
    EVENKEEL_PRE_DEPLOY: "skip",
  });
  expect(skipped.exitCode).toBe(0);
  expect(skipped.events.map(({ name }) => name)).toContain("preDeploySkipped");

  // On the way back nobody has to have the secrets of then.
  const back = await scenario.under(() => scenario.rollBack());
  expect(back.seen.failures).toEqual([]);
  expect(back.result).toEqual({ exitCode: 0, stderr: back.result.stderr });
  for (const droplet of scenario.world.droplets) expect(await secretOf(droplet)).toBe(second);
});

it("a rollout without the secrets ends with 2, and names all that is missing", async () => {
  const { exitCode, stderr } = await scenario.deploy(await scenario.world.pushReference("v1"));
  expect(exitCode).toBe(2);
  expect(stderr).toContain("DATABASE_URL: got nothing");
  expect(stderr).toContain("EVENKEEL_SECRETS_KEY: got nothing");
});
