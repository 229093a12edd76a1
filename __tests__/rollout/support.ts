/** What hosts say, for tests: whole values of which each test names only what counts. */
import type { Lifecycle, ProbeSource } from "../../contract/host.js";
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

/** Probes of a node: all passed, all failed, or none yet, a moment ago. */
export const probed = (source: string, counts: Partial<ProbeSource>): ProbeSource => ({
  source,
  passed: 0,
  failed: 0,
  agoMs: 100,
  ...counts,
});

/** An app that serves and was probed by nobody. */
export const says = (changes: Partial<Lifecycle> = {}): Lifecycle => ({
  instance: "one",
  release: "0123456789abcdef",
  state: "serving",
  inFlight: 0,
  upgraded: 0,
  probes: [],
  lastRequestAgoMs: null,
  witnessRequests: 0,
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
  docker: "24.0.7",
  dockerNotIn: null,
  freeDiskMb: 10_000,
  freeMemoryMb: 1_000,
  containers: {},
  lifecycle: null,
  health: null,
  healthError: null,
  connections: null,
  controlTaken: false,
  nextTaken: false,
  releases: [],
  history: null,
  retired: false,
  run: null,
  ...changes,
});

/** A host that serves the release of that id. */
export const servingHost = (release: string, changes: Partial<Survey> = {}): Survey =>
  surveyed({ containers: { current: container({ release }) }, lifecycle: says({ release }), health: 200, ...changes });
