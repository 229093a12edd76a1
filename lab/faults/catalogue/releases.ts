/** Releases that fail, that cannot be had, and that do not leave as they should. */
import type { Break } from "../../releases.js";
import type { RegistryTrouble } from "../../trouble.js";
import { broken, impatient, type Fault } from "../fault.js";

const breaks: readonly Break[] = [
  ...(["exits-at-once", "crash-loop", "never-healthy", "wrong-port"] as const),
  ...(["health-301", "health-404", "health-500", "health-hangs", "slow-start"] as const),
];

const registry: Readonly<Record<RegistryTrouble, string>> = {
  unauthorized: "answers 401",
  "rate-limited": "answers 429",
  down: "is gone",
  slow: "is too slow",
};

export const releases: readonly Fault[] = [
  ...breaks.map((how): Fault => ({
    name: `release: ${how}`,
    phases: ["before"],
    ...broken(how),
    exitCodes: [5],
    // It may be ready for a moment.
    ...(how === "crash-loop" ? {} : { error: "StepFailed" }),
  })),
  {
    name: "fleet of one, release: never-healthy",
    phases: ["before"],
    ...broken("never-healthy"),
    fleet: { dropletCount: 1 },
    exitCodes: [5],
    error: "StepFailed",
  },
  {
    name: "release: is healthy, taken in, and sick within minReadySeconds",
    phases: ["before"],
    ...broken("flaps"),
    fleet: { rollout: { minReadySeconds: 10, ...impatient } },
    exitCodes: [5],
    error: "InstanceChanged",
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
  ...(Object.keys(registry) as RegistryTrouble[]).map((trouble): Fault => ({
    name: `the registry ${registry[trouble]}`,
    phases: ["before"],
    fleet: { rollout: { pullTimeoutSeconds: 10 } },
    strike: ({ world }) => world.site.troubleRegistry(trouble),
    mend: ({ world }) => world.site.troubleRegistry(null),
    exitCodes: [3],
    error: "PullFailed",
  })),
];
