/** What hosts say, for tests: whole values of which each test names only what counts. */
import type { Front, ProbeRun, Traffic } from "../../contract/host.js";
import type { ObservedCheck } from "../../contract/policy.js";
import type { ContainerState, Survey } from "../../scripts/rollout/ports.js";

/** Every 3 s, out after 2 failed probes, in after 3 passed ones. */
export const check: ObservedCheck = {
  path: "/health",
  checkIntervalSeconds: 3,
  responseTimeoutSeconds: 3,
  unhealthyThreshold: 2,
  healthyThreshold: 3,
};

interface Probes {
  readonly passed?: number;
  readonly failed?: number;
  readonly agoMs?: number;
  /** @default - one every 3 s */
  readonly sinceMs?: number;
}

/** Newest probes of a node, a moment ago: so many passed or failed, or another container has answered one. */
export function probed(node: string, { passed = 0, failed = 0, agoMs = 100, sinceMs }: Probes): ProbeRun {
  const outcome = failed > 0 ? "failed" : passed > 0 ? "passed" : "elsewhere";
  const count = Math.max(1, passed, failed);
  return { port: 8086, node, outcome, count, oldestMs: sinceMs ?? agoMs + (count - 1) * 3000, newestMs: agoMs };
}

/** A host whose front leads to its container, and to which nobody has come. */
export const says = (changes: Partial<Traffic> = {}): Traffic => ({
  instance: "one",
  target: "172.31.255.2",
  state: "serving",
  open: 0,
  probes: [],
  requests: 0,
  lastRequestAgoMs: null,
  ...changes,
});

export const container = (changes: Partial<ContainerState> = {}): ContainerState => ({
  id: "c1",
  image: "registry.example.com/api@sha256:0",
  release: "0123456789abcdef",
  created: false,
  running: true,
  restarting: false,
  restartCount: 0,
  exitCode: 0,
  endedBeforeBoot: false,
  ...changes,
});

/** A booted host without any container. */
export const surveyed = (changes: Partial<Survey> = {}): Survey => ({
  boot: "done",
  missing: [],
  architecture: "x86_64",
  dockerAnswers: true,
  dockerNotIn: null,
  freeDiskMb: 10_000,
  freeMemoryMb: 1_000,
  usedMemoryMb: null,
  containers: {},
  front: null,
  frontRefuses: null,
  traffic: null,
  health: null,
  healthError: null,
  connections: null,
  answered: [],
  releases: [],
  history: null,
  retired: false,
  run: null,
  ...changes,
});

const leading: Front = { services: [80], checks: [8086], target: "172.31.255.242", port: 80, state: "open" };

/** A host that serves the release of that id. */
export const servingHost = (release: string, changes: Partial<Survey> = {}): Survey =>
  surveyed({
    containers: { current: container({ release }) },
    front: leading,
    traffic: says(),
    health: 200,
    ...changes,
  });
