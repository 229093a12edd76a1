import { SimWorld } from "../../lab/sim/world.js";
import type { Release } from "../../contract/release.js";
import { testImage, testManifest } from "../support/fleet.js";
import { CONTRACT_HOSTS, describeHostContract } from "../support/host-contract.js";
import { healthy } from "../support/sim.js";

/** Virtual time that one test may take. */
const LIMIT_MS = 3_600_000;
const images = { first: testImage(1), second: testImage(2), exits: testImage(3) };

describeHostContract("simulation", () => {
  const manifest = testManifest({ hosts: CONTRACT_HOSTS });
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
});
