/** The whole product as one stack. */
import { DigitaloceanProvider } from "@cdktf/provider-digitalocean/lib/provider/index.js";
import { NullProvider } from "@cdktf/provider-null/lib/provider/index.js";
import { TerraformOutput, TerraformStack } from "cdktf";
import type { Construct } from "constructs";
import type { Backend, FleetConfig, ResolvedConfig } from "../contract/config.js";
import { balancerName, fleetConfig } from "../contract/config.js";
import { parse } from "../contract/problems.js";
import { ApiDomain } from "./api-domain.js";
import { ApiFleet } from "./api-fleet.js";
import { ApiLoadBalancer } from "./api-load-balancer.js";
import { declareBackend } from "./declare-backend.js";
import { FleetAlerts } from "./fleet-alerts.js";
import { FleetFirewall, HeldPorts } from "./fleet-firewall.js";
import { Guard } from "./guard.js";
import { hclOf } from "./hcl.js";
import { Rollout } from "./rollout.js";
import { imageVariable, redeployVariable } from "./variables.js";

/** What an {@link ApiStack} is made from. */
export interface ApiStackProps {
  readonly config: FleetConfig;
  /** Keyed fingerprint of the secrets that `config` names: another one runs the rollout again. @default - none */
  readonly secretsFingerprint?: string | null;
  /** Path of the bundled rollout, `dist/rollout.mjs` after `npm run build`. A relative path counts from the working directory. */
  readonly bundlePath: string;
}

/**
 * Fleet, balancer, firewall and rollout, with the Terraform variables `image` and `redeploy`.
 * @throws InvalidInput when the configuration is bad or the bundle is missing
 */
export class ApiStack extends TerraformStack {
  readonly guard: Guard;
  readonly fleet: ApiFleet;
  readonly loadBalancer: ApiLoadBalancer;
  readonly firewall: FleetFirewall;
  readonly rollout: Rollout;

  constructor(scope: Construct, id: string, props: ApiStackProps) {
    super(scope, id);
    const config = parse("config", fleetConfig, props.config);
    this.declareTerraform(config.backend);
    this.guard = new Guard(this, "guard", { config, bundlePath: props.bundlePath });
    this.fleet = this.createFleet(config);
    this.loadBalancer = this.createLoadBalancer(config);
    this.firewall = this.createFirewall(config);
    this.rollout = this.createRollout(config, props);
    this.holdPorts(config);
    this.createAlerts(config);
    this.createOutputs();
  }

  /** For `cdktf synth --hcl`. */
  override toHclTerraform(): ReturnType<TerraformStack["toHclTerraform"]> {
    const stack = this.toTerraform() as object;
    return { hcl: hclOf(stack), metadata: super.toHclTerraform().metadata as unknown };
  }

  /**
   * Providers stay at the exact versions that the bindings were generated from: cdktf.out holds the lock file and is not
   * committed, so a range would let every machine choose its own.
   */
  private declareTerraform(backend: Backend): void {
    // 1.16.0 can apply a delete-then-create beside create_before_destroy create-first and leave the destroy out (terraform#39076).
    // The lock of a bucket is known from 1.10 on.
    this.addOverride("terraform.required_version", `>= ${backend.spaces ? "1.10.0" : "1.5.0"}, < 1.16.0`);
    // Token and endpoint come from DIGITALOCEAN_TOKEN and DIGITALOCEAN_API_URL, so that neither is in JSON or state.
    new DigitaloceanProvider(this, "digitalocean");
    new NullProvider(this, "null");
    declareBackend(this, backend);
  }

  private createFleet({ name, environment, region, dropletCount, fleetTag, droplet, ssh, vpcIpRange }: ResolvedConfig) {
    const own = { name, environment, region, dropletCount, fleetTag, droplet, ssh, vpcIpRange };
    return new ApiFleet(this, "fleet", { ...own, after: [this.guard.resource] });
  }

  private createDomain({ domain, name, environment }: ResolvedConfig) {
    return domain && new ApiDomain(this, "domain", { domain, name, environment });
  }

  private createLoadBalancer(config: ResolvedConfig) {
    const { loadBalancer, region, healthCheck, service } = config;
    const domain = this.createDomain(config);
    return new ApiLoadBalancer(this, "load-balancer", {
      ...loadBalancer,
      name: balancerName(config),
      region,
      healthCheck,
      servicePort: service.port,
      dropletTag: this.fleet.fleetTag,
      vpcUuid: this.fleet.vpcUuid,
      ...(domain && { domain }),
      after: [this.guard.resource],
    });
  }

  private createFirewall(config: ResolvedConfig) {
    const { name, environment, ssh, outboundPorts } = config;
    return new FleetFirewall(this, "firewall", {
      ...{ name, environment, ...balancerPorts(config) },
      sshPort: ssh.port,
      allowedCidrs: ssh.allowedCidrs,
      outboundPorts,
      dropletTag: this.fleet.stackTag,
      loadBalancerUid: this.loadBalancer.uid,
    });
  }

  private createRollout({ service, rollout }: ResolvedConfig, { bundlePath, secretsFingerprint }: ApiStackProps) {
    return new Rollout(this, "rollout", {
      fleet: this.fleet,
      loadBalancer: this.loadBalancer,
      after: [this.firewall.resource],
      service,
      rollout,
      image: imageVariable(this).stringValue,
      redeploy: redeployVariable(this).stringValue,
      secretsFingerprint: secretsFingerprint ?? null,
      bundlePath,
    });
  }

  private holdPorts(config: ResolvedConfig): void {
    const { name, environment } = config;
    new HeldPorts(this, "held-ports", {
      ...{ name, environment, ...balancerPorts(config) },
      dropletTag: this.fleet.stackTag,
      loadBalancerUid: this.loadBalancer.uid,
      after: [this.rollout.resource],
    });
  }

  private createAlerts(config: ResolvedConfig): void {
    const { alerts, name, environment, dropletCount, healthCheck, rollout } = config;
    const { uptimePath, ...levels } = alerts;
    const { uid, url } = this.loadBalancer;
    new FleetAlerts(this, "alerts", {
      ...{ ...levels, name, environment, dropletCount, healthCheck, maxUnavailable: rollout.maxUnavailable },
      dropletTag: this.fleet.stackTag,
      loadBalancerId: uid,
      url: `${url}${uptimePath}`,
    });
  }

  private createOutputs(): void {
    this.output("url", "What clients ask for", this.loadBalancer.url);
    this.output("load_balancer_ip", "Public address of the API", this.loadBalancer.address);
    const addresses = [...this.fleet.droplets].map(([name, droplet]) => [name, droplet.ipv4Address]);
    this.output("droplet_addresses", "Public address of each droplet by its name", Object.fromEntries(addresses));
    this.output("manifest", "What `npm run rollout -- --outputs <file>` reads", this.rollout.manifestJson);
  }

  private output(id: string, description: string, value: unknown): void {
    new TerraformOutput(this, id, { value, description, staticId: true });
  }
}

/** What of a droplet the balancer reaches. */
const balancerPorts = ({ service, healthCheck }: ResolvedConfig) => ({
  ...{ servicePort: service.port, nextPort: service.nextPort },
  ...{ healthPort: healthCheck.port, nextHealthPort: healthCheck.nextPort },
});
