/** Who may reach a fleet's droplets, and whom they may reach. */
import { Firewall } from "@cdktf/provider-digitalocean/lib/firewall/index.js";
import { Construct } from "constructs";
import type { z } from "zod";
import { access, fleetFields } from "../contract/config.js";
import { record } from "../contract/fields.js";
import { service } from "../contract/policy.js";
import { checked } from "./checked.js";

const firewallSettings = record({
  /** Together with `environment` the name shown in the control panel. */
  name: fleetFields.shape.name,
  environment: fleetFields.shape.environment,
  /** Port that only the balancer reaches. @default 80 */
  servicePort: service.shape.port,
  /** @default 22 */
  sshPort: access.shape.port,
  /** Ranges that reach the SSH port. @default - none: it stays closed */
  allowedCidrs: access.shape.allowedCidrs,
});

/** The firewall's part of the configuration. */
export interface FleetFirewallProps extends z.input<typeof firewallSettings> {
  /** Tag of the droplets: the stack's own, so that a superseded droplet is guarded until it is gone. */
  readonly dropletTag: string;
  /** The balancer's id. Its addresses change, so that none can be listed. */
  readonly loadBalancerUid: string;
}

const everywhere = ["0.0.0.0/0", "::/0"];

/** Names, packages (http), time, images and HTTPS. */
const outbound = [
  { protocol: "tcp", portRange: "53" },
  { protocol: "udp", portRange: "53" },
  { protocol: "tcp", portRange: "80" },
  { protocol: "udp", portRange: "123" },
  { protocol: "tcp", portRange: "443" },
].map((rule) => ({ ...rule, destinationAddresses: everywhere }));

/**
 * Lets only the balancer reach the service port and only listed ranges reach SSH. DigitalOcean adds up the firewalls of a
 * droplet: to open more, such as a database's port outbound, attach another one to the same tag.
 * @see https://docs.digitalocean.com/products/networking/firewalls/
 * @throws InvalidInput when a field is bad
 */
export class FleetFirewall extends Construct {
  readonly resource: Firewall;

  constructor(scope: Construct, id: string, props: FleetFirewallProps) {
    super(scope, id);
    const { dropletTag, loadBalancerUid, ...fields } = props;
    const { name, environment, servicePort, sshPort, allowedCidrs } = checked(this, firewallSettings, fields);
    const fromBalancer = { protocol: "tcp", portRange: String(servicePort), sourceLoadBalancerUids: [loadBalancerUid] };
    const ssh = { protocol: "tcp", portRange: String(sshPort), sourceAddresses: allowedCidrs };
    this.resource = new Firewall(this, "firewall", {
      name: `${environment}-${name}`,
      tags: [dropletTag],
      inboundRule: allowedCidrs.length > 0 ? [fromBalancer, ssh] : [fromBalancer],
      outboundRule: outbound,
    });
  }
}
