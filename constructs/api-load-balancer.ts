/** The balancer in front of a fleet. */
import { Loadbalancer } from "@cdktf/provider-digitalocean/lib/loadbalancer/index.js";
import type { ITerraformDependable } from "cdktf";
import { Construct } from "constructs";
import type { z } from "zod";
import { fleetFields, loadBalancer } from "../contract/config.js";
import { entryPortRule, HTTP_PORT, HTTPS_PORT } from "../contract/domain.js";
import { record } from "../contract/fields.js";
import type { Manifest } from "../contract/manifest.js";
import { healthCheck, service } from "../contract/policy.js";
import { InvalidInput } from "../contract/problems.js";
import type { ApiDomain } from "./api-domain.js";
import { checked } from "./checked.js";

const balancerSettings = record({
  ...loadBalancer.shape,
  /** Name shown in the control panel. */
  name: loadBalancer.shape.name.unwrap(),
  region: fleetFields.shape.region,
  healthCheck: healthCheck.prefault({}),
  /** Port of the hosts that requests are sent to. @default 80 */
  servicePort: service.shape.port,
});

type BalancerSettings = z.output<typeof balancerSettings>;

/** The balancer's part of the configuration; its fields are described in contract/config.ts and contract/policy.ts. */
export interface ApiLoadBalancerProps extends z.input<typeof balancerSettings> {
  /** Tag of the droplets that get requests, best as a reference to the tag. */
  readonly dropletTag: string;
  /** Private network of the droplets. A change replaces the balancer and its address. */
  readonly vpcUuid: string;
  /** Name and certificate for HTTPS, with its own record led to this balancer. @default - HTTP only */
  readonly domain?: ApiDomain;
  /** What must have ended well before the balancer is created or changed, such as the {@link Guard}. @default - nothing */
  readonly after?: readonly ITerraformDependable[];
}

/**
 * A public HTTP balancer, with a domain an HTTPS one, that finds its hosts by tag: new droplets join, and deleted ones leave, without a change to it. (A list of
 * ids instead takes the new droplets in and the old ones out in the same moment, before any API runs.)
 * @throws InvalidInput when a field is bad, or does not go with the domain
 */
export class ApiLoadBalancer extends Construct {
  /** The fields with every default filled in. */
  readonly settings: BalancerSettings;
  readonly resource: Loadbalancer;
  private readonly domain: ApiDomain | undefined;

  constructor(scope: Construct, id: string, props: ApiLoadBalancerProps) {
    super(scope, id);
    const { dropletTag, vpcUuid, domain, after = [], ...fields } = props;
    this.settings = checked(this, balancerSettings, fields);
    this.domain = domain;
    if (domain) this.checkEntryPort(domain);
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
      forwardingRule: [
        this.forwardingRule("http", this.settings.entryPort),
        ...(domain ? [this.httpsRule(domain)] : []),
      ],
      ...(domain && {
        redirectHttpToHttps: domain.settings.redirectHttp,
        // The record is the stack's own; a second one of DigitalOcean's would stay behind.
        disableLetsEncryptDnsRecords: domain.isIssued,
      }),
      healthcheck: this.healthcheck(),
      dependsOn: [...after],
    });
    domain?.leadTo(this.address);
  }

  /** Reference to the balancer's id. */
  get uid(): string {
    return this.resource.id;
  }

  /** Reference to the public address. */
  get address(): string {
    return this.resource.ip;
  }

  /** How clients come in, without the address. */
  get entry(): Pick<Manifest["loadBalancer"], "scheme" | "port" | "serverName"> {
    if (this.domain) return { scheme: "https", port: HTTPS_PORT, serverName: this.domain.settings.name };
    return { scheme: "http", port: this.settings.entryPort };
  }

  /** What clients ask for, without a path. */
  get url(): string {
    const { scheme, port, serverName = this.address } = this.entry;
    const usual = scheme === "https" ? HTTPS_PORT : HTTP_PORT;
    return `${scheme}://${serverName}${port === usual ? "" : `:${port}`}`;
  }

  private forwardingRule(entryProtocol: string, entryPort: number) {
    return { entryProtocol, entryPort, targetProtocol: "http", targetPort: this.settings.servicePort };
  }

  /** By the certificate's name: the id of one of Let's Encrypt changes whenever it is renewed. */
  private httpsRule({ settings, certificateName }: ApiDomain) {
    return { ...this.forwardingRule(settings.http2 ? "http2" : "https", HTTPS_PORT), certificateName };
  }

  private checkEntryPort({ settings }: ApiDomain): void {
    entryPortRule(this.settings.entryPort, settings, (_path, message) => {
      throw new InvalidInput(`${this.constructor.name} ${this.node.path}`, [`entryPort: ${message}`]);
    });
  }

  /** Without the path and the port that are to follow, of which only hosts are told. */
  private healthcheck() {
    return { protocol: "http", ...this.settings.healthCheck, nextPath: undefined, nextPort: undefined };
  }
}
