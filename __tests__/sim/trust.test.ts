/** What one host's files can make of the others: a host that lies, beside one that is honest. */
import { describe, expect, it } from "@jest/globals";
import type { SimWorld } from "../../lab/sim/world.js";
import type { Release } from "../../contract/release.js";
import type { Wanted } from "../../scripts/rollout/context.js";
import type { RecordKeys } from "../../scripts/rollout/core/history.js";
import { testHistory, testImage, testManifest, testRelease } from "../support/fleet.js";
import { healthy, newWorld, rolloutIn, simulate } from "../support/sim.js";

const manifest = testManifest({ rollout: { readyTimeoutSeconds: 20 } });
const alone = testManifest({ hosts: 1, rollout: { readyTimeoutSeconds: 20 } });
const [one, two, three] = [1, 2, 3].map((number) => testRelease(manifest, number)) as [Release, Release, Release];
const back: Wanted = { do: "rollback" };
const keep: Wanted = { do: "deploy", image: "" };
const elsewhere = `registry.example.net/evil@sha256:${"e".repeat(64)}`;
const rooted = testManifest({
  service: {
    mounts: [{ source: "/", target: "/host", readOnly: false }],
    isolation: { capabilities: ["SYS_ADMIN"] },
  },
}).service;
const evil = (release: Release): Release => ({ ...release, image: elsewhere, service: rooted });
const key: RecordKeys = ["another".repeat(5)];

async function inWorld(work: (world: SimWorld) => Promise<void>, fleet = manifest): Promise<SimWorld> {
  const world = newWorld({ manifest: fleet });
  await world.run(() => work(world), 86_400);
  return world;
}
const deployed = (world: SimWorld, number: number, fleet = manifest) =>
  rolloutIn(world, fleet, { do: "deploy", image: testImage(number) });
const images = (world: SimWorld, fleet = manifest) =>
  fleet.hosts.map(({ name }) => world.machine(name).state("current")?.image);

describe("a host whose release files were rewritten", () => {
  it("does not make another one run them: a rollback goes by the history", async () => {
    const world = await inWorld(async (one_) => {
      await deployed(one_, 2);
      const { releases } = one_.machine("api-1");
      for (const [id, release] of releases) releases.set(id, evil(release));
      expect((await rolloutIn(one_, manifest, back)).exitCode).toBe(0);
    });
    expect(images(world)).toEqual([one.image, one.image]);
    expect(world.pulls.some(({ image }) => image === elsewhere)).toBe(false);
    const told = world.events.filter(({ name }) => name === "releaseAltered").map(({ host }) => host);
    expect(new Set(told)).toEqual(new Set(["api-1"]));
  });

  it("does not make another one run them either when a release fails and onFailure goes back", async () => {
    const goesBack = testManifest({
      hosts: 3,
      rollout: { readyTimeoutSeconds: 20, onFailure: "rollback" },
    });
    const sick = { startMs: 500, kind: "sick" } as const;
    let starts = 0;
    const { world, receipt } = await simulate({
      manifest: goesBack,
      served: [one],
      before: async (it_) => void it_.machine("api-1").releases.set(one.id, evil(one)),
      behaviourOf: ({ id }) => (id === two.id && (starts += 1) > 1 ? sick : healthy),
    });
    expect(receipt.exitCode).toBe(5);
    expect(receipt.hosts.map(({ action }) => action).sort()).toEqual(["restored", "rolled-back", "untouched"]);
    expect(images(world, goesBack)).toEqual([one.image, one.image, one.image]);
    expect(world.pulls.some(({ image }) => image === elsewhere)).toBe(false);
  });

  it("makes a rollback end with 3 where there is no history to go by, and nothing is touched", async () => {
    const world = await inWorld(async (it_) => {
      await deployed(it_, 2);
      for (const { name } of manifest.hosts) it_.machine(name).history = null;
      const { releases } = it_.machine("api-1");
      releases.set(one.id, evil(one));
      expect(await rolloutIn(it_, manifest, back)).toMatchObject({ exitCode: 3, error: { code: "NothingBefore" } });
    });
    expect(images(world)).toEqual([two.image, two.image]);
  });

  it("does not make a fleet of one keep them: without a history nothing is kept on its word", async () => {
    const world = await inWorld(async (it_) => {
      const machine = it_.machine("api-1");
      expect(await rolloutIn(it_, alone, keep)).toMatchObject({ exitCode: 3, error: { code: "NoRelease" } });
      machine.releases.set(one.id, evil(one));
      expect(await rolloutIn(it_, alone, keep)).toMatchObject({ exitCode: 3, error: { code: "ReleaseAltered" } });
      machine.history = testHistory(alone, [one]);
      expect((await rolloutIn(it_, alone, keep)).exitCode).toBe(0);
    }, alone);
    expect(images(world, alone)).toEqual([one.image]);
    expect(world.pulls.some(({ image }) => image === elsewhere)).toBe(false);
  });
});

describe("a history that a host made up", () => {
  it.each<[string, string]>([
    ["is forged", testHistory(manifest, [evil(three), two], { version: 99 }, key)],
    ["is another fleet's", testHistory({ ...manifest, fleet: "web" }, [three, two], { version: 99 })],
    ["is an old one", testHistory(manifest, [three, two], { version: 1 })],
  ])("does not count where it %s: the others' newer one does, and the host is named", async (_name, copy) => {
    const world = await inWorld(async (it_) => {
      await deployed(it_, 3);
      await deployed(it_, 2);
      await deployed(it_, 1);
      it_.machine("api-1").history = copy;
      expect((await rolloutIn(it_, manifest, back)).exitCode).toBe(0);
    });
    expect(images(world)).toEqual([two.image, two.image]);
    const told = world.events.filter(({ name }) => name === "historyIgnored").map(({ host }) => host);
    expect(told).toEqual(["api-1"]);
    expect(world.machine("api-1").history).toBe(world.machine("api-2").history);
  });
});

describe("the key of the history", () => {
  it("of whoever deployed is needed to go back, and said so; with both keys the new one goes on", async () => {
    const both: RecordKeys = [...key, "r".repeat(32)];
    const world = await inWorld(async (it_) => {
      await deployed(it_, 2);
      const refused = await rolloutIn(it_, manifest, back, { recordKeys: key });
      expect(refused).toMatchObject({ exitCode: 3, error: { code: "NothingBefore" } });
      expect(refused.error?.message).toMatch(
        /signed with a key.*set EVENKEEL_RECORD_KEY to the key of whoever deployed/,
      );
      // Another operator with the same key, or a fresh machine: nothing else is needed.
      const changed = await rolloutIn(it_, manifest, { do: "deploy", image: testImage(3) }, { recordKeys: both });
      expect(changed.exitCode).toBe(0);
      expect((await rolloutIn(it_, manifest, back, { recordKeys: key })).exitCode).toBe(0);
    });
    expect(images(world)).toEqual([two.image, two.image]);
  });

  it("reaches no host", async () => {
    const world = await inWorld(async (it_) => {
      await deployed(it_, 2);
    });
    for (const { name } of manifest.hosts) {
      expect(world.machine(name).history).toContain(two.image);
      expect(world.machine(name).history).not.toContain("r".repeat(32));
    }
    expect(JSON.stringify(world.events)).not.toContain("r".repeat(32));
  });
});

describe("a registry's login", () => {
  const login = { user: "robot", password: "secret", registry: null };
  const otherImage = (number: number) => `registry.example.com/api@sha256:${number.toString(16).padStart(64, "0")}`;
  const logins = (world: SimWorld, image: string) => [
    ...new Set(world.pulls.filter((pull) => pull.image === image).map((pull) => pull.login)),
  ];
  const noCloud = (world: SimWorld) => ({ ...world.ports(), cloud: null });

  it("goes to the registry of the image that the operator names, and on the way back to none unless it is named", async () => {
    const world = await inWorld(async (it_) => {
      const deploy = (image: string) =>
        rolloutIn(it_, manifest, { do: "deploy", image }, { registryLogin: login, ports: noCloud(it_) });
      expect((await deploy(otherImage(1))).exitCode).toBe(0);
      expect((await deploy(elsewhere)).exitCode).toBe(0);
      it_.pulls.length = 0;
      const named = { ...login, registry: "registry.example.net" };
      const gone = await rolloutIn(it_, manifest, back, { registryLogin: named, ports: noCloud(it_) });
      expect(gone.exitCode).toBe(0);
    });
    expect(logins(world, otherImage(1))).toEqual([null]);
    expect(world.events.filter(({ name }) => name === "loginWithheld").map(({ data }) => data)).toEqual([
      { registry: "registry.example.com", configured: "registry.example.net" },
    ]);
  });

  it("is sent where it is for the image's registry", async () => {
    const world = await inWorld(async (it_) => {
      const options = { registryLogin: login, ports: noCloud(it_) };
      await rolloutIn(it_, manifest, { do: "deploy", image: otherImage(2) }, options);
    });
    const auth = Buffer.from("robot:secret").toString("base64");
    expect(logins(world, otherImage(2))).toEqual([JSON.stringify({ auths: { "registry.example.com": { auth } } })]);
  });
});

describe("an image that is deployed by tag", () => {
  const tag = "registry.digitalocean.com/lab/api:v3";
  const byTag: Wanted = { do: "deploy", image: tag };

  it("is what every host resolves the tag to: the first one does not choose for the others", async () => {
    const world = await inWorld(async (it_) => {
      // api-1 is rooted: it says that the tag stands for an older image of that repository.
      it_.tagged = (host) => [host === "api-1" ? testImage(2) : testImage(3)];
      const receipt = await rolloutIn(it_, manifest, byTag);
      expect(receipt).toMatchObject({ exitCode: 3, error: { code: "DigestsDiffer" } });
      expect(receipt.error?.message).toContain(`api-1: ${testImage(2)}; api-2: ${testImage(3)}`);
    });
    expect(images(world)).toEqual([one.image, one.image]);
  });

  it("may have several digests, of which one is on every host", async () => {
    const world = await inWorld(async (it_) => {
      it_.tagged = (host) => (host === "api-1" ? [testImage(2), testImage(3)] : [testImage(3)]);
      expect((await rolloutIn(it_, manifest, byTag)).exitCode).toBe(0);
    });
    expect(images(world)).toEqual([three.image, three.image]);
  });
});
