/** Ports that a host is to have, and that something else there has. */
import { describe, expect, it } from "@jest/globals";
import type { Front } from "../../contract/host.js";
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
interface Shown extends Partial<Pick<Survey, "healthError">> {
  readonly answered?: readonly number[];
  /** Ports of the front that is there; null for none. @default - what the host is to have */
  readonly front?: Partial<Front> | null;
}
const onFirst =
  ({ front, ...shows }: Shown) =>
  (survey: Survey, host: string): Survey => {
    if (host !== "api-1") return survey;
    const there = front === null ? null : survey.front && { ...survey.front, ...front };
    return { ...survey, ...shows, front: there };
  };

/** A container whose ports Docker published, as the article has it. */
const published = (answered: readonly number[]): [Manifest, Seeds, Shown] => [
  still,
  servedBy(still),
  { answered, front: null },
];

describe("a port that a host is to have, and that something else has", () => {
  const taken = (port: string): RegExp =>
    new RegExp(`^api-1: port ${port} is taken, but not by the container api; .*ss -ltnp`, "u");
  /** The front that a rollout left before the port was declared. */
  const before = { services: [80], checks: [] };
  const next = { answered: [8080], front: before };

  it.each<[string, Manifest, Seeds, Shown, string, Wanted]>([
    ["the service port of an empty host", still, servedBy(still, true), { answered: [80] }, "80", deploy],
    ["nextPort of a host that serves", moving, servedBy(still), next, "8080", deploy],
    ["nextPort of an empty host", moving, servedBy(still, true), { answered: [8080] }, "8080", deploy],
    ["nextPort on the way back", moving, servedBy(still), next, "8080", { do: "rollback" }],
    ["the check's own port", still, servedBy(still), { answered: [8086], front: before }, "8086", deploy],
    ["the check's own port, beside a container that no front leads to", ...published([80, 8086]), "8086", deploy],
  ])(
    "is refused before anything changes, where it is %s: exit 3",
    async (_name, manifest, seeds, shows, port, wanted) => {
      const served = [testRelease(still, 3), testRelease(still, 1)];
      const { receipt, world } = await simulate({ manifest, seeds, wanted, served, seen: onFirst(shows) });
      expect(receipt).toMatchObject({ exitCode: 3, error: { code: "HostUnfit" } });
      expect(receipt.error?.message).toMatch(taken(port));
      expect(world.events.some(({ name }) => name === "step")).toBe(false);
      expect(world.failures).toEqual([]);
    },
  );

  it("is refused before anything changes, too, where the front would not take it", async () => {
    const words = "another front has this port: web 80";
    const seen = (survey: Survey, host: string): Survey =>
      host === "api-2" ? { ...survey, frontRefuses: words } : survey;
    const { receipt, world } = await simulate({ manifest: still, wanted: deploy, seen });
    expect(receipt).toMatchObject({ exitCode: 3, error: { code: "HostUnfit" } });
    expect(receipt.error?.message).toContain(
      `api-2: its front cannot have the address and the ports of the manifest: ${words}`,
    );
    expect(world.events.some(({ name }) => name === "step")).toBe(false);
  });

  it("is not what is said of a container that has the service port itself: no front leads there, and what to do is told", async () => {
    const [manifest, seeds, shows] = published([80]);
    const { receipt, world } = await simulate({ manifest, seeds, seen: onFirst(shows) });
    expect(receipt).toMatchObject({ exitCode: 3, error: { code: "HostUnfit" } });
    expect(receipt.error?.message).toMatch(
      /^api-1: its container api serves, and no front leads to it.*docker stop api/u,
    );
    expect(world.events.some(({ name }) => name === "step")).toBe(false);
    expect(world.failures).toEqual([]);
  });

  describe("as it takes a connection there and answers nothing", () => {
    const taken = onFirst({ healthError: "curl: (52) Empty reply from server" });

    it("is looked at again, as a container may just be ending: one that is free by then is no reason", async () => {
      const seen = (survey: Survey, host: string, look: number): Survey => (look === 1 ? taken(survey, host) : survey);
      const { receipt } = await simulate({ manifest: still, seeds: servedBy(still, true), seen });
      expect(receipt.error).toBeNull();
    });

    it("is refused where it stays", async () => {
      const { receipt } = await simulate({ manifest: still, seeds: servedBy(still, true), seen: taken });
      expect(receipt).toMatchObject({ exitCode: 3, error: { code: "HostUnfit" } });
    });
  });
});
