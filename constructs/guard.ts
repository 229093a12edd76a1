/** What is asked before anything is changed. */
import { createHash } from "node:crypto";
import { Resource } from "@cdktf/provider-null/lib/resource/index.js";
import { Construct } from "constructs";
import { balancerName, stackTag, type ResolvedConfig } from "../contract/config.js";
import { guardInput, type GuardInput } from "../contract/guard.js";
import { environmentNames } from "../contract/manifest.js";
import { parse } from "../contract/problems.js";
import { cloudInit } from "./cloud-init.js";
import { knownToRollout } from "./fleet-manifest.js";
import { quieten, runBundle } from "./run-bundle.js";

/** What a guard is made from. */
export interface GuardProps {
  /** With every default filled in: `fleetConfig.parse(…)`. */
  readonly config: ResolvedConfig;
  /** Path of the bundled rollout. A relative path counts from the working directory. */
  readonly bundlePath: string;
}

/**
 * Runs before any droplet is created and before the balancer is changed, whenever something is declared that changes either: droplets and
 * balancer take it as `after`. It refuses a health path or port that hosts do not answer yet, more droplets than the account may
 * have, and a token that would make the provider replace what it cannot read. A guard that fails fails the apply, and neither droplets nor the balancer's tag nor the balancer were
 * changed; a new stack's network, key and own tag may have been made beside it.
 * @throws InvalidInput when the bundle is missing
 */
export class Guard extends Construct {
  /** All that it is told, as it comes before every resource. */
  readonly input: GuardInput;
  readonly resource: Resource;

  constructor(scope: Construct, id: string, { config, bundlePath }: GuardProps) {
    super(scope, id);
    this.input = parse(`Guard ${this.node.path}`, guardInput, inputOf(config));
    const environment = { [environmentNames.guard]: JSON.stringify(this.input) };
    this.resource = new Resource(this, "guard", {
      triggers: { settings: guardedHash(config) },
      provisioners: [runBundle(this, { command: "guard", environment, bundlePath })],
    });
    quieten(this.resource);
  }
}

function inputOf(config: ResolvedConfig): GuardInput {
  const { name, fleetTag, dropletCount, loadBalancer, healthCheck, service, ssh, rollout } = config;
  return {
    fleet: name,
    fleetTag,
    stackTag: stackTag(config),
    dropletCount,
    balancerName: balancerName(config),
    sizeUnit: loadBalancer.sizeUnit,
    healthPath: healthCheck.path,
    healthPort: healthCheck.port,
    servicePort: service.port,
    ssh: knownToRollout.parse(ssh),
    bootTimeoutSeconds: rollout.bootTimeoutSeconds,
  };
}

/** Of all that changes a droplet or the balancer, and of nothing else: a release alone needs no guard. */
function guardedHash(config: ResolvedConfig): string {
  const { name, environment, region, dropletCount, fleetTag, droplet, vpcIpRange, ssh, loadBalancer } = config;
  const check = { ...config.healthCheck, nextPath: undefined, nextPort: undefined };
  const machines = [dropletCount, droplet, ssh.publicKey, ssh.keyFingerprints];
  const { size, containerRange } = droplet;
  const userData = cloudInit({ user: ssh.user, sshPort: ssh.port, size, containerRange });
  // Not the domain: a certificate and a rule more change nothing that hosts are asked.
  const balancer = [loadBalancer, check, config.service.port];
  const guarded = [name, environment, region, fleetTag, vpcIpRange, machines, userData, balancer];
  return createHash("sha256").update(JSON.stringify(guarded)).digest("hex").slice(0, 16);
}
