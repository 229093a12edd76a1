/** The balancer in front of a fleet. */
import { Loadbalancer } from "@cdktf/provider-digitalocean/lib/loadbalancer/index.js";
import { Construct } from "constructs";
import type { z } from "zod";
import { fleetFields, loadBalancer } from "../contract/config.js";
import { record } from "../contract/fields.js";
import { healthCheck, service } from "../contract/policy.js";
import { checked } from "./checked.js";

const balancerSettings = record({
  ...loadBalancer.shape,
  /** Name shown in the control panel. */
  name: loadBalancer.shape.name.unwrap(),
  region: fleetFields.shape.region,
  healthCheck: healthCheck.prefault({}),
  /** Port of the hosts that is asked. @default 80 */
  servicePort: service.shape.port,
});

type BalancerSettings = z.output<typeof balancerSettings>;

/** The balancer's part of the configuration; its fields are described in contract/config.ts and contract/policy.ts. */
export interface ApiLoadBalancerProps extends z.input<typeof balancerSettings> {
  /** Tag of the droplets that get requests, best as a reference to the tag. */
  readonly dropletTag: string;
  /** Private network of the droplets. A change replaces the balancer and its address. */
  readonly vpcUuid: string;
}

/**
 * A public HTTP balancer that finds its hosts by tag: new droplets join, and deleted ones leave, without a change to it. (A list of
 * ids instead takes the new droplets in and the old ones out in the same moment, before any API runs.)
 * @throws InvalidInput when a field is bad
 */
export class ApiLoadBalancer extends Construct {
  /** The fields with every default filled in. */
  readonly settings: BalancerSettings;
  readonly resource: Loadbalancer;

  constructor(scope: Construct, id: string, props: ApiLoadBalancerProps) {
    super(scope, id);
    const { dropletTag, vpcUuid, ...fields } = props;
    this.settings = checked(this, balancerSettings, fields);
    const { name, region, sizeUnit, backendKeepalive, httpIdleTimeoutSeconds } = this.settings;
    this.resource = new Loadbalancer(this, "balancer", {
      name,
      region,
      sizeUnit,
      httpIdleTimeoutSeconds,
      vpcUuid,
      dropletTag,
      // The provider never reads it back: adding the default later would replace the balancer and its address.
      network: "EXTERNAL",
      enableBackendKeepalive: backendKeepalive,
      forwardingRule: [this.forwardingRule()],
      healthcheck: this.healthcheck(),
    });
  }

  /** Reference to the balancer's id. */
  get uid(): string {
    return this.resource.id;
  }

  /** Reference to the public address. */
  get address(): string {
    return this.resource.ip;
  }

  private forwardingRule() {
    const { entryPort, servicePort } = this.settings;
    return { entryProtocol: "http", entryPort, targetProtocol: "http", targetPort: servicePort };
  }

  private healthcheck() {
    return { protocol: "http", port: this.settings.servicePort, ...this.settings.healthCheck };
  }
}
