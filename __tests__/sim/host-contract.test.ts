import { SimWorld } from "../../lab/sim/world.js";
import type { Manifest } from "../../contract/manifest.js";
import type { Release } from "../../contract/release.js";
import { testImage, testManifest } from "../support/fleet.js";
import { describeHandoffContract, HANDOFF_HOSTS } from "../support/handoff-contract.js";
import { CONTRACT_HOSTS, describeHostContract, type ContractWorld } from "../support/host-contract.js";
import { healthy } from "../support/sim.js";

/** Virtual time that one test may take. */
const LIMIT_MS = 3_600_000;
const images = { first: testImage(1), second: testImage(2), exits: testImage(3) };

const start = (manifest: Manifest): Promise<ContractWorld> => {
  const world = new SimWorld({
    manifest,
    phasesMs: [500],
    ratePerSecond: 1,
    requestMs: () => 50,
    latencyMs: () => 20,
    behaviourOf: ({ image }) => (image === images.exits ? { startMs: 0, kind: "exits" } : healthy),
    seeds: new Map<string, Release | null>(manifest.hosts.map((host) => [host.name, null])),
  });
  return Promise.resolve({
    manifest,
    images,
    hosts: world.ports().hosts,
    clock: world.clock,
    login: () => Promise.resolve(null),
    run: (work) => world.clock.run(work(), world.clock.now() + LIMIT_MS),
    end: () => Promise.resolve(),
  });
};

describeHostContract("simulation", () => start(testManifest({ hosts: CONTRACT_HOSTS })));
describeHandoffContract("simulation", () =>
  start(testManifest({ hosts: HANDOFF_HOSTS, rollout: { strategy: "handoff" } })),
);
