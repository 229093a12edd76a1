/** A fleet of containers on one machine, which have Docker's images in common. */
import { describe, expect, it } from "@jest/globals";
import { manifest as manifestSchema, type ManifestHost } from "../../contract/manifest.js";
import type { Release } from "../../contract/release.js";
import type { Ports } from "../../scripts/rollout/ports.js";
import { rollout } from "../../scripts/rollout/run.js";
import { testImage, testManifest, testRecordKeys, testRelease } from "../support/fleet.js";
import { newWorld } from "../support/sim.js";

const elsewhere = testManifest({ hosts: 3 });
const [first, second, third] = elsewhere.hosts as [ManifestHost, ManifestHost, ManifestHost];
/** The first two are on one machine. */
const manifest = manifestSchema.parse({
  ...elsewhere,
  hosts: [
    first,
    {
      ...second,
      address: first.address,
      container: "api-b",
      port: 8002,
      checkPort: 8087,
    },
    third,
  ],
});
const numbered = (number: number): Release => testRelease(manifest, number);

interface Pruned {
  readonly host: string;
  readonly keep: readonly string[];
  /** Prunings under way on its machine when it began. */
  readonly besides: number;
}

/** Rolls release 3 out over hosts that run 1, 2 and 1, and notes what each is told to keep. */
async function pruned(): Promise<Pruned[]> {
  const seeds = new Map(manifest.hosts.map(({ name }, index) => [name, numbered(index === 1 ? 2 : 1)]));
  const world = newWorld({ manifest, seeds });
  const found: Pruned[] = [];
  const underWay = new Map<string, number>();
  const watched = (ports: Ports): Ports => ({
    ...ports,
    hosts: {
      open: (info) => {
        const host = ports.hosts.open(info);
        return {
          ...host,
          prune: async (keep, filesOnly) => {
            const besides = underWay.get(info.address) ?? 0;
            underWay.set(info.address, besides + 1);
            found.push({ host: info.name, keep: keep.map(({ id }) => id).sort(), besides });
            await host.prune(keep, filesOnly);
            underWay.set(info.address, besides);
          },
        };
      },
    },
  });
  const request = {
    manifest,
    startedByTerraform: false,
    skipPreDeploy: false,
    registryLogin: null,
    ...testRecordKeys,
    secrets: null,
    owner: "test@lab",
    waitSeconds: 0,
  };
  const wanted = { do: "deploy", image: testImage(3) } as const;
  const receipt = await world.run(
    () => rollout({ ...request, wanted, signal: new AbortController().signal }, watched(world.ports())),
    24 * 3600,
  );
  expect(receipt.error).toBeNull();
  expect(world.failures).toEqual([]);
  return found.sort((one, other) => one.host.localeCompare(other.host));
}

describe("images of a machine with several hosts", () => {
  it("are kept where any of them needs one, also to go back; other machines keep their own only", async () => {
    const both = [1, 2, 3].map((number) => numbered(number).id).sort();
    const alone = [1, 3].map((number) => numbered(number).id).sort();
    expect((await pruned()).map(({ host, keep }) => [host, [...new Set(keep)]])).toEqual([
      [first.name, both],
      [second.name, both],
      [third.name, alone],
    ]);
  });

  it("are removed by one host after the other", async () => {
    for (const { besides } of await pruned()) expect(besides).toBe(0);
  });
});
