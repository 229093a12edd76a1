import { expect, test } from "@jest/globals";
import type { FirewallPolicy } from "../../../lab/firewall-policy.js";
import { rulesFor4, rulesFor6 } from "../../../lab/real/firewall-rules.js";

const policy: FirewallPolicy = {
  inbound: [
    { protocol: "tcp", ports: [80, 80], addresses: [], balancer: true },
    { protocol: "tcp", ports: [22, 22], addresses: ["203.0.113.7/32", "2001:db8::/32"], balancer: false },
  ],
  outbound: [
    { protocol: "udp", ports: [1, 65535], addresses: ["0.0.0.0/0", "::/0"], balancer: false },
    { protocol: "icmp", ports: null, addresses: ["198.51.100.0/24"], balancer: false },
  ],
};
const guarded = { cable: "3", plugs: ["public3", "private3"], policy };

test("what is declared passes, in both directions and on both sides; all else is dropped", () => {
  expect(rulesFor4([guarded], ["10.110.0.200", "10.110.0.201"])).toBe(`*filter
:FORWARD ACCEPT [0:0]
:to-3 - [0:0]
:from-3 - [0:0]
-A FORWARD -m physdev --physdev-is-bridged --physdev-out public3 -j to-3
-A FORWARD -m physdev --physdev-is-bridged --physdev-in public3 -j from-3
-A FORWARD -m physdev --physdev-is-bridged --physdev-out private3 -j to-3
-A FORWARD -m physdev --physdev-is-bridged --physdev-in private3 -j from-3
-A to-3 -m conntrack --ctstate ESTABLISHED,RELATED -j RETURN
-A to-3 --source 10.110.0.200 -p tcp --dport 80:80 -j RETURN
-A to-3 --source 10.110.0.201 -p tcp --dport 80:80 -j RETURN
-A to-3 --source 203.0.113.7/32 -p tcp --dport 22:22 -j RETURN
-A to-3 -j DROP
-A from-3 -m conntrack --ctstate ESTABLISHED,RELATED -j RETURN
-A from-3 --destination 0.0.0.0/0 -p udp --dport 1:65535 -j RETURN
-A from-3 --destination 198.51.100.0/24 -p icmp -j RETURN
-A from-3 -j DROP
COMMIT
`);
});

test("nothing of IPv6 passes, whatever is declared", () => {
  const rules = rulesFor6([guarded]);
  expect(rules).toContain("-A to-3 -j DROP\n-A from-3 -j DROP\n");
  expect(rules).not.toContain("RETURN");
});

test("a machine without firewalls is not in the way of anything", () => {
  for (const rules of [rulesFor4([], ["10.110.0.200"]), rulesFor6([])])
    expect(rules).toBe("*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n");
});
