/** A registry that the droplets of a test reach and trust. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { Authority } from "../../../lab/authority.js";
import type { RealDropletOptions } from "../../../lab/real/droplet.js";
import type { LoginCheck } from "../../../lab/real/registry-answers.js";
import { RealRegistry, REGISTRY_NAME } from "../../../lab/real/registry.js";
import type { Droplets } from "./droplets.js";

export interface ReachedRegistry {
  readonly registry: RealRegistry;
  readonly address: string;
  /** Certificate of its authority in PEM. */
  readonly ca: string;
  /** Of droplets that use it. */
  readonly extras: RealDropletOptions;
}

export async function startRegistry(droplets: Droplets, accepts: LoginCheck): Promise<ReachedRegistry> {
  const { folder, environment, number } = droplets.claim;
  const address = `10.210.${number}.1`;
  const authority = await Authority.create(folder);
  const registry = await RealRegistry.start({
    ...{ folder: path.join(folder, "registry"), address, authority, environment, accepts },
    onFault: (fault) => droplets.faults.push(fault),
  });
  const ca = readFileSync(authority.caFile, "utf8");
  return { registry, address, ca, extras: { hosts: { [REGISTRY_NAME]: address }, caCertificates: [ca] } };
}
