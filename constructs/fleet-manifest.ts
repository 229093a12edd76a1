/** The manifest as it is synthesized: settings in full, the rest as references that Terraform fills in. */
import { z } from "zod";
import type { Manifest } from "../contract/manifest.js";
import { MANIFEST_VERSION, manifest } from "../contract/manifest.js";
import type { RolloutPolicy, Service } from "../contract/policy.js";
import { sshAccess } from "../contract/policy.js";
import { parse } from "../contract/problems.js";
import type { ApiFleet } from "./api-fleet.js";
import type { ApiLoadBalancer } from "./api-load-balancer.js";

/** What a manifest is made of. */
export interface ManifestParts {
  readonly fleet: ApiFleet;
  readonly loadBalancer: ApiLoadBalancer;
  readonly service: Service;
  readonly rollout: RolloutPolicy;
}

/** What only an apply knows. */
interface Known {
  readonly hosts: Manifest["hosts"];
  readonly balancer: Pick<Manifest["loadBalancer"], "id" | "address">;
}

/** The manifest without the fields of `access` that the rollout has no use for. */
export const knownToRollout = z.object(sshAccess.shape);

/**
 * Validates the manifest as it will be, with stand-ins for what only an apply knows, so that a wrong one is never
 * synthesized; then puts the references in.
 * @throws InvalidInput when a field, or two together, cannot be rolled out
 */
export function fleetManifest(subject: string, parts: ManifestParts): Manifest {
  const valid = parse(subject, manifest, assemble(parts, standIns(parts)));
  const { hosts, balancer } = references(parts);
  return { ...valid, hosts, loadBalancer: { ...valid.loadBalancer, ...balancer } };
}

function assemble({ fleet, loadBalancer, service, rollout }: ManifestParts, { hosts, balancer }: Known): Manifest {
  const { name, fleetTag, ssh } = fleet.settings;
  return {
    version: MANIFEST_VERSION,
    fleet: name,
    fleetTag,
    stackTag: fleet.stackTagName,
    hosts,
    loadBalancer: {
      ...{ ...balancer, ...loadBalancer.entry },
      backendKeepalive: loadBalancer.settings.backendKeepalive,
    },
    healthCheck: loadBalancer.settings.healthCheck,
    service,
    ssh: knownToRollout.parse(ssh),
    rollout,
  };
}

function references({ fleet, loadBalancer }: ManifestParts): Known {
  return {
    hosts: [...fleet.droplets].map(([name, droplet]) => ({
      name,
      id: droplet.id,
      address: droplet.ipv4Address,
      privateAddress: droplet.ipv4AddressPrivate,
    })),
    balancer: { id: loadBalancer.uid, address: loadBalancer.address },
  };
}

/** Addresses that RFC 5737 keeps for examples. */
function standIns({ fleet }: ManifestParts): Known {
  return {
    hosts: [...fleet.droplets.keys()].map((name, index) => ({
      name,
      id: String(index),
      address: `192.0.2.${index + 1}`,
      privateAddress: `198.51.100.${index + 1}`,
    })),
    balancer: { id: "", address: "203.0.113.1" },
  };
}
