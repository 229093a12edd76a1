/** What a run is made of: a fleet of so many hosts, the balancer's check, and how far away the droplets are. */
import {
  manifest as manifestForm,
  MANIFEST_VERSION,
  type Manifest,
  type ManifestHost,
} from "../../contract/manifest.js";
import { healthCheck, type ObservedCheck } from "../../contract/policy.js";
import type { Release } from "../../contract/release.js";
import { releaseOf } from "../../scripts/rollout/core/target.js";

export interface ScaleSettings {
  readonly check: ObservedCheck;
  /** As in the manifest's rollout policy. */
  readonly maxUnavailable: number | `${number}%`;
  /** Milliseconds that a droplet takes to answer a command, the way included. */
  readonly answerMs: number;
  /** Milliseconds that a new container takes to serve. */
  readonly startMs: number;
}

/**
 * The product's own check, so that looks at hosts come as often as with a real balancer; a quarter of the fleet at once, so that 300 hosts
 * end within minutes. A droplet's answer is that of a shared connection with curl and docker inspect behind it, 12 to 43 ms where it was
 * measured, and 20 ms of way.
 */
export const standardSettings: ScaleSettings = {
  check: healthCheck.parse({}),
  maxUnavailable: "25%",
  answerMs: 50,
  startMs: 500,
};

/** Hosts listen on addresses of this network, so that one client configuration of a few lines leads to all of them. */
const SSH_NETWORK = "127.77";
const PRIVATE_NETWORK = "10.77";
const HOSTS_PER_BLOCK = 250;

export function manifestOf(hosts: number, { check, maxUnavailable }: ScaleSettings): Manifest {
  return manifestForm.parse({
    version: MANIFEST_VERSION,
    fleet: "api",
    fleetTag: "http-api",
    stackTag: "evenkeel:scale:api",
    hosts: Array.from({ length: hosts }, (_, index) => host(index)),
    loadBalancer: { id: "", address: "203.0.113.1", scheme: "http", port: 80 },
    healthCheck: check,
    service: {},
    ssh: {},
    rollout: { strategy: "drain", maxUnavailable },
  });
}

function host(index: number): ManifestHost {
  const place = `${Math.floor(index / HOSTS_PER_BLOCK)}.${(index % HOSTS_PER_BLOCK) + 1}`;
  return {
    name: `api-${index + 1}`,
    id: String(1001 + index),
    address: `${SSH_NETWORK}.${place}`,
    privateAddress: `${PRIVATE_NETWORK}.${place}`,
  };
}

/** The release that is there before, or the one that is rolled out. */
export function releaseNumber(number: 1 | 2, { service, healthCheck }: Manifest): Release {
  const image = `registry.example.com/api@sha256:${String(number).padStart(64, "0")}`;
  return releaseOf(image, service, healthCheck.path);
}
