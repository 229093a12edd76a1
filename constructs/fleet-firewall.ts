/** Who may reach a fleet's droplets, and whom they may reach. */
import { Firewall, type FirewallInboundRule } from "@cdktf/provider-digitalocean/lib/firewall/index.js";
import type { ITerraformDependable } from "cdktf";
import { Construct } from "constructs";
import type { z } from "zod";
import { access, fleetFields } from "../contract/config.js";
import { record } from "../contract/fields.js";
import { healthCheck, service } from "../contract/policy.js";
import { checked } from "./checked.js";

/** Ports that only the balancer reaches. */
const balancerPorts = {
  /** Port that it sends requests to. @default 80 */
  servicePort: service.shape.port,
  /** Port that it will send requests to. @default - none */
  nextPort: service.shape.nextPort,
  /** Port that its health check asks. @default 8086 */
  healthPort: healthCheck.shape.port,
  /** Port that its health check will ask. @default - none */
  nextHealthPort: healthCheck.shape.nextPort,
};

const firewallSettings = record({
  /** Together with `environment` the name shown in the control panel. */
  name: fleetFields.shape.name,
  environment: fleetFields.shape.environment,
  ...balancerPorts,
  /** @default 22 */
  sshPort: access.shape.port,
  /** Ranges that reach the SSH port. @default - none: it stays closed */
  allowedCidrs: access.shape.allowedCidrs,
  outboundPorts: fleetFields.shape.outboundPorts,
});

/** The firewall's part of the configuration. */
export interface FleetFirewallProps extends z.input<typeof firewallSettings> {
  /** Tag of the droplets: the stack's own, so that a superseded droplet is guarded until it is gone. */
  readonly dropletTag: string;
  /** The balancer's id. Its addresses change, so that none can be listed. */
  readonly loadBalancerUid: string;
}

const everywhere = ["0.0.0.0/0", "::/0"];

/** TCP: names, packages (http), images and HTTPS. */
const openTcpPorts = [53, 80, 443];
/** UDP: names and time. */
const openUdpPorts = [53, 123];

/** A port that is open anyway gets no second rule. */
const outbound = (ports: readonly number[]) => {
  const rule = (protocol: string) => (port: number) => ({
    ...{ protocol, portRange: String(port), destinationAddresses: everywhere },
  });
  return [...[...new Set([...openTcpPorts, ...ports])].map(rule("tcp")), ...openUdpPorts.map(rule("udp"))];
};

type BalancerPorts = Pick<z.output<typeof firewallSettings>, keyof typeof balancerPorts>;

/** A port that is named twice gets one rule. */
function fromBalancer(
  { servicePort, nextPort, healthPort, nextHealthPort }: BalancerPorts,
  loadBalancerUid: string,
): FirewallInboundRule[] {
  const ports = [servicePort, nextPort, healthPort, nextHealthPort].filter((port) => port !== undefined);
  return [...new Set(ports)].map((port) => ({
    ...{ protocol: "tcp", portRange: String(port), sourceLoadBalancerUids: [loadBalancerUid] },
  }));
}

/**
 * Lets only the balancer reach the service port and the health port, and only listed ranges reach SSH; outward, only names, time, HTTP, HTTPS and `outboundPorts`. DigitalOcean
 * adds up the firewalls of a droplet: to open more, attach another one to the same tag.
 * @see https://docs.digitalocean.com/products/networking/firewalls/
 * @throws InvalidInput when a field is bad
 */
export class FleetFirewall extends Construct {
  readonly resource: Firewall;

  constructor(scope: Construct, id: string, props: FleetFirewallProps) {
    super(scope, id);
    const { dropletTag, loadBalancerUid, ...fields } = props;
    const settings = checked(this, firewallSettings, fields);
    const { name, environment, sshPort, allowedCidrs, outboundPorts } = settings;
    const served = fromBalancer(settings, loadBalancerUid);
    const ssh = { protocol: "tcp", portRange: String(sshPort), sourceAddresses: allowedCidrs };
    this.resource = new Firewall(this, "firewall", {
      name: `${environment}-${name}`,
      tags: [dropletTag],
      inboundRule: allowedCidrs.length > 0 ? [...served, ssh] : served,
      outboundRule: outbound(outboundPorts),
    });
  }
}

const heldSettings = record({
  name: firewallSettings.shape.name,
  environment: firewallSettings.shape.environment,
  ...balancerPorts,
});

/** What is held open. */
export interface HeldPortsProps extends z.input<typeof heldSettings> {
  /** Tag of the droplets, as for the {@link FleetFirewall}. */
  readonly dropletTag: string;
  /** The balancer's id. */
  readonly loadBalancerUid: string;
  /** What must have ended before a port is closed: the rollout. */
  readonly after: readonly ITerraformDependable[];
}

/**
 * A second firewall that opens the same ports to the balancer, and is changed only after the rollout. DigitalOcean adds up the firewalls of a droplet, so a
 * port that the {@link FleetFirewall} closes stays open until every node of the balancer has been seen to ask the other one: the
 * balancer takes a change in at its leisure after its API has answered, and a firewall at once.
 * @throws InvalidInput when a field is bad
 */
export class HeldPorts extends Construct {
  readonly resource: Firewall;

  constructor(scope: Construct, id: string, props: HeldPortsProps) {
    super(scope, id);
    const { dropletTag, loadBalancerUid, after, ...fields } = props;
    const settings = checked(this, heldSettings, fields);
    const { name, environment } = settings;
    this.resource = new Firewall(this, "firewall", {
      // With a dot, which no fleet's name has: `-held` could be another fleet's own firewall.
      name: `${environment}-${name}.held`,
      tags: [dropletTag],
      inboundRule: fromBalancer(settings, loadBalancerUid),
      dependsOn: [...after],
    });
  }
}
