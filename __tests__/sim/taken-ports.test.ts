/** Ports that a new container is to have, beside the service port, and that something else has. */
import { describe, expect, it } from "@jest/globals";
import type { Manifest } from "../../contract/manifest.js";
import type { Release } from "../../contract/release.js";
import type { Wanted } from "../../scripts/rollout/context.js";
import type { Survey } from "../../scripts/rollout/ports.js";
import { testImage, testManifest, testRelease } from "../support/fleet.js";
import { simulate } from "../support/sim.js";

const policy = { readyTimeoutSeconds: 20 };
const still = testManifest({ rollout: policy });
const moving = testManifest({ rollout: policy, service: { nextPort: 8080 } });
const deploy: Wanted = { do: "deploy", image: testImage(2) };

type Seeds = ReadonlyMap<string, Release | null>;
/** Every host serves the first release of a manifest, but the first one may be empty. */
const servedBy = (manifest: Manifest, isFirstEmpty = false): Seeds =>
  new Map(
    manifest.hosts.map(({ name }, index) => [name, isFirstEmpty && index === 0 ? null : testRelease(manifest, 1)]),
  );
const onFirst =
  (shows: Partial<Survey>) =>
  (survey: Survey, host: string): Survey =>
    host === "api-1" ? { ...survey, ...shows } : survey;

describe("a port that a new container is to have, and that something else has", () => {
  const control = /^api-1: port 9000 \(controlPort\) is taken, but not by the container api; .*ss -ltnp/u;
  const next = /^api-1: port 8080 \(nextPort\) is taken, but not by the container api; .*ss -ltnp/u;

  it.each<[string, Manifest, Seeds, Partial<Survey>, RegExp]>([
    ["the control port of an empty host", still, servedBy(still, true), { controlTaken: true }, control],
    ["nextPort of a host that serves", moving, servedBy(still), { nextTaken: true }, next],
    ["nextPort of an empty host", moving, servedBy(still, true), { nextTaken: true }, next],
  ])("is refused before anything changes, where it is %s: exit 3", async (_name, manifest, seeds, shows, message) => {
    const { receipt, world } = await simulate({ manifest, seeds, seen: onFirst(shows) });
    expect(receipt).toMatchObject({ exitCode: 3, error: { code: "HostUnfit" } });
    expect(receipt.error?.message).toMatch(message);
    expect(world.events.some(({ name }) => name === "step")).toBe(false);
    expect(world.failures).toEqual([]);
  });

  const unknown = { nextTaken: true, releases: [] };
  it.each<[string, Manifest, Seeds, Partial<Survey>, Wanted]>([
    ["the running container has nextPort itself", moving, servedBy(moving), { nextTaken: true }, deploy],
    ["nobody knows which ports the running container has", moving, servedBy(still), unknown, deploy],
    ["the running container has the control port itself", still, servedBy(still), { controlTaken: true }, deploy],
    [
      "the release that is gone back to has no nextPort",
      moving,
      servedBy(still),
      { nextTaken: true },
      { do: "rollback" },
    ],
  ])("is nothing to refuse where %s", async (_name, manifest, seeds, shows, wanted) => {
    const served = [testRelease(still, 3), testRelease(still, 1)];
    const { receipt, world } = await simulate({ manifest, seeds, wanted, served, seen: onFirst(shows) });
    expect(receipt.error).toBeNull();
    expect(world.failures).toEqual([]);
  });

  it("is looked at again, as a container may just be ending: one that is free by then is no reason", async () => {
    const seen = (survey: Survey, host: string, look: number): Survey =>
      look === 1 ? onFirst({ controlTaken: true })(survey, host) : survey;
    const { receipt } = await simulate({ manifest: still, seeds: servedBy(still, true), seen });
    expect(receipt.error).toBeNull();
  });
});
