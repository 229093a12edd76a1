import { describe, expect, it } from "@jest/globals";
import { LONGEST_HISTORY } from "../../contract/history.js";
import { secretsOf, type Secrets } from "../../scripts/rollout/core/secrets.js";
import { testImage, testManifest, testRelease } from "../support/fleet.js";
import { newWorld, rolloutIn, simulate, type SimRun } from "../support/sim.js";

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

  it("are not needed however often one goes back, also where several releases had the same", async () => {
    const secrets = [before, changed, changed];
    const run = await simulate({
      manifest,
      next: [
        { do: "deploy", image: testImage(3) },
        { do: "deploy", image: testImage(4) },
        { do: "rollback" },
        { do: "rollback" },
      ],
      secretsOf: (turn) => secrets[turn] ?? null,
    });
    expect(run.receipts.map(({ error }) => error)).toEqual([null, null, null, null, null]);
    const [two, three] = run.receipts.map(({ release }) => release?.id ?? "");
    expect(ran(run)).toEqual([two, two]);
    for (const host of kept(run)) {
      // Release 4 can no longer be gone back to. Release 3 cannot either, but its container is there.
      expect([...host]).toEqual([
        [two, before.values],
        [three, changed.values],
      ]);
    }
    expect(run.world.failures).toEqual([]);
  });

  it("leave a host with the release when the history no longer names it", async () => {
    const deploys = Array.from({ length: LONGEST_HISTORY + 1 }, (_, index) => testImage(index + 2));
    const run = await simulate({
      manifest,
      wanted: { do: "deploy", image: deploys[0] ?? "" },
      next: deploys.slice(1).map((next) => ({ do: "deploy", image: next })),
      secretsOf: () => before,
    });
    const [oldest, ...others] = run.receipts.map(({ release }) => release?.id ?? "");
    for (const host of kept(run)) expect([...host.keys()]).toEqual(others);
    expect(others).not.toContain(oldest);
    expect(others).toHaveLength(LONGEST_HISTORY);
  });

  describe("that a host does not keep", () => {
    /** Rolls back with these secrets, on a host that does not keep those of the release: a droplet that joined later would not have them either. */
    const refused = async (secrets: Secrets | null): Promise<SimRun> => {
      const turns = [before, changed, secrets];
      let ended = 0;
      const run = await simulate({
        manifest,
        next: [{ do: "deploy", image }, { do: "rollback" }],
        secretsOf: (turn) => turns[turn] ?? null,
        onEvent: (event, world) => {
          const host = world.machine("api-2");
          const previous = host.state("previous")?.release;
          if (event.name === "finished" && (ended += 1) === 2 && previous) host.releases.delete(previous);
        },
      });
      expect(run.receipts.map(({ exitCode }) => exitCode)).toEqual([0, 0, 3]);
      expect(run.receipts[2]?.error?.code).toBe("SecretsMissing");
      expect(run.receipts[2]?.hosts.map(({ action }) => action)).toEqual(["untouched", "untouched"]);
      expect(ran(run)).toEqual([run.receipts[1]?.release?.id, run.receipts[1]?.release?.id]);
      expect(run.world.failures).toEqual([]);
      return run;
    };

    it.each<[string, Secrets | null, RegExp]>([
      ["are not set", null, /, and they, or EVENKEEL_SECRETS_KEY, are not set here;/],
      [
        "are others",
        changed,
        /, and those that are set here are others, or were so under another EVENKEEL_SECRETS_KEY;/,
      ],
    ])("and that %s here: going back is refused, says so, and nothing is touched", async (_name, secrets, why) => {
      const { receipts } = await refused(secrets);
      const message = receipts[2]?.error?.message ?? "";
      const [first] = receipts;
      expect(message).toMatch(why);
      expect(message).toContain(
        `api-2 does not keep the secrets of ${image} (release ${first?.release?.id ?? ""}, served from `,
      );
    });
  });

  it("are not taken for those of the same image under another health path, and the refusal says so", async () => {
    const moved = { ...manifest, healthCheck: { ...manifest.healthCheck, path: "/healthz" } };
    const world = newWorld({ manifest });
    const message = await world.run(async () => {
      await rolloutIn(world, manifest, { do: "deploy", image }, { secrets: before });
      await rolloutIn(world, manifest, { do: "deploy", image: testImage(3) }, { secrets: changed });
      return (await rolloutIn(world, moved, { do: "rollback" })).error?.message ?? "";
    }, 86_400);
    expect(message).toMatch(/^api-\d keeps the secrets of .* for another health path than today's, and they, or /);
    expect(message).toContain(image);
  });

  it("have a fingerprint that only the key can be tried with", () => {
    expect(before.fingerprint).toMatch(/^[0-9a-f]{16}$/);
    expect(secretsOf({ DATABASE_URL: "postgres://one" }, key)).toEqual(before);
    expect(changed.fingerprint).not.toBe(before.fingerprint);
    expect(secretsOf(before.values, "other".repeat(8)).fingerprint).not.toBe(before.fingerprint);
    expect(testRelease(manifest, 2).secretsFingerprint).toBeNull();
  });
});
