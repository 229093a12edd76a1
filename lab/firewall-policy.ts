/** What a droplet's cloud firewalls let through, as a site enforces it. Whatever no rule names is dropped. */

export interface FirewallRule {
  readonly protocol: "tcp" | "udp" | "icmp";
  /** Ports of the destination, both ends included; null with icmp, which has none. */
  readonly ports: readonly [first: number, last: number] | null;
  /** Ranges of the other side, such as 203.0.113.7/32. */
  readonly addresses: readonly string[];
  /** The other side may be a node of the balancer, wherever that is. */
  readonly balancer: boolean;
}

export interface FirewallPolicy {
  readonly inbound: readonly FirewallRule[];
  readonly outbound: readonly FirewallRule[];
}
