/** Manifests and releases for tests. */
import { manifest as manifestSchema, MANIFEST_VERSION, type Manifest } from "../../contract/manifest.js";
import type { Release } from "../../contract/release.js";
import type { History } from "../../contract/history.js";
import { signHistory, type RecordKeys } from "../../scripts/rollout/core/history.js";
import { releaseOf } from "../../scripts/rollout/core/target.js";

interface Overrides {
  readonly hosts?: number;
  readonly healthCheck?: Partial<Manifest["healthCheck"]>;
  readonly service?: Record<string, unknown>;
  readonly rollout?: Record<string, unknown>;
}

/** A valid manifest of a fleet of `hosts` (default 2), checked every 3 s with thresholds 2 and 2. */
export function testManifest({ hosts = 2, healthCheck, service, rollout }: Overrides = {}): Manifest {
  return manifestSchema.parse({
    version: MANIFEST_VERSION,
    fleet: "api",
    fleetTag: "http-api",
    stackTag: "evenkeel:test:api",
    hosts: Array.from({ length: hosts }, (_, index) => ({
      name: `api-${index + 1}`,
      id: String(100 + index),
      address: `203.0.113.${index + 1}`,
      privateAddress: `10.110.0.${index + 2}`,
    })),
    loadBalancer: { id: "lb-1", address: "203.0.113.250", scheme: "http", port: 80 },
    healthCheck: {
      port: 8086,
      path: "/health",
      checkIntervalSeconds: 3,
      responseTimeoutSeconds: 3,
      unhealthyThreshold: 2,
      healthyThreshold: 2,
      ...healthCheck,
    },
    service: { ...service },
    ssh: {},
    // What most tests are about; those of the other strategy say so.
    rollout: { strategy: "drain", ...rollout },
  });
}

/** The key of the fleet's history in tests, as a request of a rollout has it. */
export const testRecordKeys: { recordKeys: RecordKeys; recordKeyMade: null } = {
  recordKeys: ["r".repeat(32)],
  recordKeyMade: null,
};

/** A history that tells of these releases, oldest first, as hosts keep it. */
export const testHistory = (
  { fleet, stackTag }: Manifest,
  releases: readonly Release[],
  changes: Partial<History> = {},
  keys: RecordKeys = testRecordKeys.recordKeys,
): string => {
  const entries = releases.map((release, day) => ({ release, servedFrom: `2026-01-0${day + 1}T09:30:00.000Z` }));
  return signHistory({ fleet, stackTag, version: 1, entries, pending: null, ...changes }, keys);
};

/** An image reference by digest; each number gives another one. */
export const testImage = (number: number): string =>
  `registry.digitalocean.com/lab/api@sha256:${number.toString(16).padStart(64, "0")}`;

/** The release of {@link testImage} with the manifest's settings. */
export const testRelease = (manifest: Manifest, number: number): Release =>
  releaseOf(testImage(number), manifest.service, manifest.healthCheck.path);
