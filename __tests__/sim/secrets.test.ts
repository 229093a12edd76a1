import { describe, expect, it } from "@jest/globals";
import { secretsOf } from "../../scripts/rollout/core/secrets.js";
import { testImage, testManifest, testRelease } from "../support/fleet.js";
import { simulate, type SimRun } from "../support/sim.js";

const manifest = testManifest({ rollout: { readyTimeoutSeconds: 20 }, service: { secrets: ["DATABASE_URL"] } });
const key = "k".repeat(32);
const before = secretsOf({ DATABASE_URL: "postgres://one" }, key);
const changed = secretsOf({ DATABASE_URL: "postgres://two" }, key);

const kept = ({ world }: SimRun) => manifest.hosts.map((host) => world.machine(host.name).secrets);
const ran = ({ world }: SimRun) => manifest.hosts.map((host) => world.machine(host.name).state("current")?.release);
const image = testImage(2);

describe("secrets of the app", () => {
  it("make another release when a value changes, and none when nothing does", async () => {
    const deploy = { do: "deploy", image } as const;
    const run = await simulate({
      manifest,
      next: [deploy, deploy],
      secretsOf: (turn) => (turn < 2 ? before : changed),
    });
    expect(run.receipts.map(({ hosts }) => hosts.map(({ action }) => action))).toEqual([
      ["replaced", "replaced"],
      ["kept", "kept"],
      ["replaced", "replaced"],
    ]);
    expect(new Set(run.receipts.map(({ release }) => release?.id)).size).toBe(2);
    const [first, , last] = run.receipts.map(({ release }) => release?.id ?? "");
    for (const host of kept(run))
      expect([host.get(first ?? ""), host.get(last ?? "")]).toEqual([before.values, changed.values]);
    expect(run.world.failures).toEqual([]);
  });

  it("are not needed on the way back: the hosts keep those that the release had", async () => {
    const secrets = [before, changed, null];
    const run = await simulate({
      manifest,
      next: [{ do: "deploy", image }, { do: "rollback" }],
      secretsOf: (turn) => secrets[turn] ?? null,
    });
    expect(run.receipts.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);
    expect(run.receipts[2]?.release).toEqual(run.receipts[0]?.release);
    for (const host of kept(run)) expect(host.get(run.receipts[0]?.release?.id ?? "")).toEqual(before.values);
  });

  it("that a host does not keep and nobody has any more: going back is refused, and nothing is touched", async () => {
    const secrets = [before, changed, null];
    let ended = 0;
    const run = await simulate({
      manifest,
      next: [{ do: "deploy", image }, { do: "rollback" }],
      secretsOf: (turn) => secrets[turn] ?? null,
      onEvent: (event, world) => {
        // A droplet that joined later would not have them either.
        const host = world.machine("api-2");
        const previous = host.state("previous")?.release;
        if (event.name === "finished" && (ended += 1) === 2 && previous) host.releases.delete(previous);
      },
    });
    expect(run.receipts.map(({ exitCode }) => exitCode)).toEqual([0, 0, 3]);
    expect(run.receipts[2]?.error?.code).toBe("SecretsMissing");
    expect(run.receipts[2]?.error?.message).toContain("api-2");
    expect(run.receipts[2]?.hosts.map(({ action }) => action)).toEqual(["untouched", "untouched"]);
    expect(ran(run)).toEqual([run.receipts[1]?.release?.id, run.receipts[1]?.release?.id]);
    expect(run.world.failures).toEqual([]);
  });

  it("have a fingerprint that only the key can be tried with", () => {
    expect(before.fingerprint).toMatch(/^[0-9a-f]{16}$/);
    expect(secretsOf({ DATABASE_URL: "postgres://one" }, key)).toEqual(before);
    expect(changed.fingerprint).not.toBe(before.fingerprint);
    expect(secretsOf(before.values, "other".repeat(8)).fingerprint).not.toBe(before.fingerprint);
    expect(testRelease(manifest, 2).secretsFingerprint).toBeNull();
  });
});
