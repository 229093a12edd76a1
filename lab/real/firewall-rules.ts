/** Cloud firewalls as rules of the switch that all machines of a world are plugged into. Pure. */
import type { FirewallPolicy, FirewallRule } from "../firewall-policy.js";

/** A machine that is guarded. */
export interface Guarded {
  /** Its cable, as the network numbers it. */
  readonly cable: string;
  /** Its two plugs in the switch. */
  readonly plugs: readonly string[];
  readonly policy: FirewallPolicy;
}

/**
 * For `iptables-restore`, which puts it in the place of whatever was there. Whoever answers may do so; a packet between two guarded machines
 * passes both. What a packet is for is read off as the sender wrote it: the droplet's own Docker has not touched it yet.
 * @param balancer ranges of the balancer's nodes
 */
export const rulesFor4 = (guarded: readonly Guarded[], balancer: readonly string[]): string =>
  table(guarded, ({ cable, policy }) => [
    ...chain(`to-${cable}`, policy.inbound, "--source", balancer),
    ...chain(`from-${cable}`, policy.outbound, "--destination", balancer),
  ]);

/** For `ip6tables-restore`. The lab has no IPv6: nothing of it gets to a guarded machine or away from it. */
export const rulesFor6 = (guarded: readonly Guarded[]): string =>
  table(guarded, ({ cable }) => [`-A to-${cable} -j DROP`, `-A from-${cable} -j DROP`]);

function table(guarded: readonly Guarded[], rules: (one: Guarded) => string[]): string {
  const lines = [
    "*filter",
    ":FORWARD ACCEPT [0:0]",
    ...guarded.flatMap(({ cable }) => [`:to-${cable} - [0:0]`, `:from-${cable} - [0:0]`]),
    ...guarded.flatMap(({ cable, plugs }) =>
      plugs.flatMap((plug) => [
        `-A FORWARD -m physdev --physdev-is-bridged --physdev-out ${plug} -j to-${cable}`,
        `-A FORWARD -m physdev --physdev-is-bridged --physdev-in ${plug} -j from-${cable}`,
      ]),
    ),
    ...guarded.flatMap(rules),
    "COMMIT",
  ];
  return lines.map((line) => `${line}\n`).join("");
}

function chain(name: string, rules: readonly FirewallRule[], side: string, balancer: readonly string[]): string[] {
  return [
    `-A ${name} -m conntrack --ctstate ESTABLISHED,RELATED -j RETURN`,
    ...rules.flatMap((rule) =>
      peersOf(rule, balancer).map((peer) => `-A ${name} ${side} ${peer} ${what(rule)} -j RETURN`),
    ),
    `-A ${name} -j DROP`,
  ];
}

const peersOf = ({ addresses, balancer }: FirewallRule, nodes: readonly string[]): string[] => [
  ...addresses.filter((range) => !range.includes(":")),
  ...(balancer ? nodes : []),
];

const what = ({ protocol, ports }: FirewallRule): string =>
  ports === null ? `-p ${protocol}` : `-p ${protocol} --dport ${ports[0]}:${ports[1]}`;
