/** One example of each event's data, for docs/events.md. A new event does not compile until it has one. */
import type { EventData, EventName, HostStatus } from "../core/events.js";
import type { HostReceipt, Receipt } from "../core/receipt.js";

/** Every status of a host. */
export const statusWords: Readonly<Record<HostStatus, true>> = {
  waiting: true,
  idle: true,
  serving: true,
  draining: true,
  ejected: true,
  starting: true,
  ready: true,
  failed: true,
  restored: true,
  retired: true,
};

/** Everything that may be done to a host. */
export const actionWords: Readonly<Record<HostReceipt["action"], true>> = {
  kept: true,
  deployed: true,
  replaced: true,
  retired: true,
  skipped: true,
  restored: true,
  "rolled-back": true,
  untouched: true,
  unknown: true,
};

const image = `registry.digitalocean.com/foo/api@sha256:${"ab".repeat(32)}`;
const release = "3f2a9c1d7e5b4a60";

const replaced: HostReceipt = {
  name: "api-1",
  id: "412345678",
  action: "replaced",
  seconds: 14.2,
  floorSeconds: 13.1,
  drain: { taken: 2, floor: 2 },
  readmission: { taken: 3, floor: 3 },
  cut: 0,
  outageSeconds: null,
};

/** A receipt of a rollout over two hosts. */
export const exampleReceipt: Receipt = {
  runId: "k7m2q9",
  fleet: "api",
  startedAt: "2026-01-15T09:30:00.000Z",
  seconds: 31.4,
  release: { id: release, image },
  hosts: [replaced, { ...replaced, name: "api-2", id: "412345679", seconds: 14, drain: { taken: 3, floor: 2 } }],
  witness: { sent: 96, failed: 0, reachable: true },
  error: null,
  exitCode: 0,
};

export const examples: { readonly [Name in EventName]: EventData<Name> } = {
  guarded: { fleet: "api", balancer: "sfo3-api" },
  changesOver: {
    from: "/health on port 8086 and requests on port 80",
    to: "/healthz on port 8086 and requests on port 80",
    hosts: ["api-1", "api-2"],
  },
  connectionsDrop: { live: 1, declared: 2 },
  rebuildTooLarge: { limit: 10, others: 5, declared: 3 },
  limitUnknown: { why: "the token has no scope account:read" },
  strangers: { tag: "http-api", droplets: ["legacy-1 (412345600)"] },
  started: { runId: "k7m2q9", fleet: "api", hosts: ["api-1", "api-2"], wanted: `deploy ${image}` },
  hostStatus: { status: "draining", detail: "" },
  retried: { why: "api-1 (203.0.113.11) cannot be reached over SSH: the connection broke", afterSeconds: 0.4 },
  releaseChosen: { release, image },
  goingBack: {
    release: "6b0b6c38c9b4c5e1",
    image,
    servedFrom: "2026-01-14T16:20:00.000Z",
    from: "1f8a7c2d9e4b3a60",
  },
  recordKeyMade: { file: "/home/me/.local/state/evenkeel/record.key" },
  historyIgnored: { why: "it is an older one (version 3; api-1 has version 5)" },
  releaseAltered: { release: "6b0b6c38c9b4c5e1" },
  loginWithheld: { registry: "registry.example.net", configured: "registry.example.com" },
  infrastructureOnly: {},
  locked: { hosts: 2 },
  waiting: { holder: "a1b2c3d4e5:ci@runner, since 2026-01-02T03:04:05.000Z, to keep the serving release" },
  pulled: { seconds: 2.8 },
  portsAwaited: { ports: [8086] },
  portsLeft: { ports: [8086], seconds: 25.3 },
  preDeployStarted: { command: ["node", "migrate.js"] },
  preDeployPassed: { seconds: 4.1 },
  preDeploySkipped: { why: "api-1 has this release already" },
  preDeployAwaited: { release, image },
  preDeployDoubtful: { on: "api-1" },
  planned: {
    hosts: [
      { host: "api-1", action: "replace", seconds: 13.1 },
      { host: "api-2", action: "hand over", seconds: 4 },
    ],
    seconds: 17.1,
    maxUnavailable: 1,
    maxParallel: 1,
  },
  plannedAnew: {
    why: "api-2 was taken for down, as its own look at http://10.110.0.3:80/health got no answer (curl: (7) Failed to connect), yet it was answered 200 since; its container was not stopped",
  },
  step: { step: "new-run" },
  wentCold: { why: "api-2: not ready within 5 s (health path answered 503)" },
  drainedInstead: { why: "96 MB of memory are free there, and a second container wants 128 MB" },
  ejected: { seconds: 6.2, probes: { taken: 2, floor: 2 }, witness: 20 },
  cut: { connections: 3 },
  readmitted: { seconds: 7.1, probes: { taken: 3, floor: 3 } },
  handedOver: { seconds: 2.9 },
  probesAnswered: { seconds: 8.4, nodes: 2 },
  outage: { seconds: 1.2 },
  witnessUnreachable: { address: "203.0.113.10", why: "CERT_HAS_EXPIRED" },
  witnessFailed: { failed: 6, reasons: { "503": 5, ECONNRESET: 1 } },
  clientsFail: { failed: 6, sent: 10, reasons: { "503": 5, ECONNRESET: 1 } },
  baselineFails: { failed: 3, sent: 10, reasons: { "500": 3 } },
  balancerDiffers: { field: "unhealthyThreshold", declared: 2, live: 3 },
  skipped: { why: "api-3 is off and gets no traffic" },
  failedLog: { lines: ["Error: DATABASE_URL is not set", "    at start (/app/server.js:12:9)"] },
  undone: { outcome: "all" },
  retreatFailed: { why: "api-1: its container does not run, or its front leads elsewhere or does not tell" },
  wentBack: {
    from: "1f8a7c2d9e4b3a60",
    fromImage: image.replaceAll("ab", "cd"),
    fromServedFrom: "2026-01-15T09:30:00.000Z",
    image,
  },
  rollingBack: { release: "6b0b6c38c9b4c5e1", image, hosts: ["api-1", "api-2"] },
  notRolledBack: { why: "api-2 may not leave rotation now: api-3 is not in rotation" },
  historyNotKept: { why: "no space left on device" },
  pruneFailed: { why: "no space left on device" },
  failed: { code: "StepFailed", message: "new-ready on api-1: not ready within 30 s; see its last log lines" },
  finished: { receipt: exampleReceipt },
};
