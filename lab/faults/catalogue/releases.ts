/** Releases that fail, that cannot be had, and that do not leave as they should. */
import type { RegistryFault } from "../../embedded/docker/registry.js";
import type { Break } from "../../releases.js";
import { broken, impatient, type Fault } from "../fault.js";

const breaks: readonly Break[] = [
  ...(["exits-at-once", "crash-loop", "never-healthy", "wrong-port"] as const),
  ...(["health-301", "health-404", "health-500", "health-hangs", "slow-start"] as const),
];

/** Docker's words, as its engine has them from a registry. */
const REGISTRY = "registry.digitalocean.com";
const registry: readonly (readonly [string, RegistryFault])[] = [
  [
    "answers 401",
    { error: `Head "https://${REGISTRY}/v2/lab/api/manifests/v2": unauthorized: authentication required` },
  ],
  ["answers 429", { error: "toomanyrequests: too many requests" }],
  ["is gone", { error: `Get "https://${REGISTRY}/v2/": dial tcp: connect: connection refused` }],
  ["is too slow", { delayMs: 60_000 }],
];

const unsmoked = { rollout: { smokeBoot: false } };

export const releases: readonly Fault[] = [
  ...breaks.flatMap((how): Fault[] => [
    { name: `release: ${how}`, phases: ["before"], ...broken(how), exitCodes: [3], error: "SmokeBootFailed" },
    {
      name: `release: ${how}, no smoke boot`,
      phases: ["before"],
      ...broken(how),
      fleet: unsmoked,
      exitCodes: [5],
      // It may be ready for a moment.
      ...(how === "crash-loop" ? {} : { error: "StepFailed" }),
    },
  ]),
  {
    name: "release: is healthy, taken in, and sick within minReadySeconds",
    phases: ["before"],
    ...broken("flaps"),
    fleet: { rollout: { smokeBoot: false, minReadySeconds: 10, ...impatient } },
    exitCodes: [5],
    error: "InstanceChanged",
  },
  {
    name: "the release before answers the request to drain and serves on",
    phases: ["before"],
    serving: async (world) => [await world.pushBroken("ignores-drain")],
    again: "before",
    fleet: { rollout: impatient },
    exitCodes: [5],
    error: "NotEjected",
  },
  {
    name: "the release before ignores SIGTERM",
    phases: ["before"],
    serving: async (world) => [await world.pushBroken("ignores-term")],
    fleet: { service: { stopTimeoutSeconds: 2 } },
    exitCodes: [0],
  },
  {
    name: "image is not in the registry",
    phases: ["before"],
    release: async (world) => (await world.pushReference("v2")).replace(/[0-9a-f]{64}$/, "0".repeat(64)),
    again: "before",
    exitCodes: [3],
    error: "PullFailed",
  },
  ...registry.map(([what, fault]): Fault => ({
    name: `the registry ${what}`,
    phases: ["before"],
    fleet: { rollout: { pullTimeoutSeconds: 10 } },
    strike: ({ world }) => world.site.registries.befall(fault),
    mend: ({ world }) => world.site.registries.befall(null),
    exitCodes: [3],
    error: "PullFailed",
  })),
];
