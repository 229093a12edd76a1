/** When a rollout has to run again although image and droplets are the same. */
import { createHash } from "node:crypto";
import type { Manifest } from "../contract/manifest.js";
import { releaseSettings } from "../contract/release.js";

/**
 * Hash of all that a rollout brings onto the hosts: the release's settings, the ports that lead to it, and the names under which hosts, containers and
 * superseded droplets are found. Waits and deadlines are not among them: the next rollout uses them, none is run for them.
 */
export function settingsHash(manifest: Manifest, secretsFingerprint: string | null): string {
  const { version, fleet, fleetTag, stackTag, service, healthCheck } = manifest;
  const { path, nextPath } = healthCheck;
  const ports = [service.nextPort, healthCheck.port, healthCheck.nextPort];
  const release = releaseSettings(service, path, { nextHealthPath: nextPath, secretsFingerprint });
  const settings = JSON.stringify([version, fleet, fleetTag, stackTag, release, ports]);
  return createHash("sha256").update(settings).digest("hex").slice(0, 16);
}
