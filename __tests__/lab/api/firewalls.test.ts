/** What firewalls have the machines of droplets do. */
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { TestApi } from "./support/client.js";

let lab: TestApi;
beforeEach(async () => void (lab = await TestApi.start()));
afterEach(() => lab.close());

const order = { name: "d", region: "sfo3", size: "s-1vcpu-1gb", image: "debian-12-x64" };
const newDroplet = async (tags: readonly string[]): Promise<string> => {
  const { id } = await lab.want("POST", "/v2/droplets", "droplet", { ...order, tags });
  await lab.account.settled();
  return String(id);
};
const ssh = { protocol: "tcp", ports: "22", sources: { addresses: ["203.0.113.7/32"] } };
const icmp = { protocol: "icmp", destinations: { addresses: ["0.0.0.0/0"] } };
const newFirewall = async (more: object): Promise<string> => {
  const { id } = await lab.want("POST", "/v2/firewalls", "firewall", { name: "f", inbound_rules: [ssh], ...more });
  await lab.account.settled();
  return `/v2/firewalls/${String(id)}`;
};

const sshOnly = {
  inbound: [{ protocol: "tcp", ports: [22, 22], addresses: ["203.0.113.7/32"], balancer: false }],
  outbound: [],
};

test("a droplet is guarded by its tag, before and after the firewall is there, and no other is", async () => {
  const early = await newDroplet(["Stack"]);
  await newDroplet(["other"]);
  const path = await newFirewall({ tags: ["stack"] });
  const late = await newDroplet(["stack"]);
  expect(lab.machines.guards).toEqual([
    [early, sshOnly],
    [late, sshOnly],
  ]);
  await lab.call("DELETE", path);
  await lab.account.settled();
  expect(lab.machines.guards.slice(2)).toEqual([
    [early, null],
    [late, null],
  ]);
});

test("a droplet that loses the tag is guarded no more", async () => {
  const id = await newDroplet(["stack"]);
  await newFirewall({ tags: ["stack"] });
  await lab.call("DELETE", "/v2/tags/stack/resources", { resources: [{ resource_id: id, resource_type: "droplet" }] });
  await lab.account.settled();
  expect(lab.machines.guards).toEqual([
    [id, sshOnly],
    [id, null],
  ]);
});

test("rules of several firewalls add up, ranges and protocols as they are written", async () => {
  const id = await newDroplet(["stack"]);
  const first = await newFirewall({ tags: ["stack"] });
  const range = { protocol: "udp", ports: "8000-9000", sources: { addresses: ["0.0.0.0/0"] } };
  const any = { protocol: "tcp", ports: "all", destinations: { addresses: ["0.0.0.0/0"] } };
  await newFirewall({ droplet_ids: [Number(id)], inbound_rules: [range], outbound_rules: [icmp, any] });
  expect(lab.machines.guards.at(-1)).toEqual([
    id,
    {
      inbound: [
        ...sshOnly.inbound,
        { protocol: "udp", ports: [8000, 9000], addresses: ["0.0.0.0/0"], balancer: false },
      ],
      outbound: [
        { protocol: "icmp", ports: null, addresses: ["0.0.0.0/0"], balancer: false },
        { protocol: "tcp", ports: [1, 65535], addresses: ["0.0.0.0/0"], balancer: false },
      ],
    },
  ]);
  // The same rules again are no news.
  const { length } = lab.machines.guards;
  await lab.want("PUT", first, "firewall", { name: "renamed", inbound_rules: [ssh], tags: ["stack"] });
  await lab.account.settled();
  expect(lab.machines.guards).toHaveLength(length);
});

test("the balancer is known as such, wherever its nodes are", async () => {
  const rule = { entry_protocol: "http", entry_port: 80, target_protocol: "http", target_port: 80 };
  const balancer = { name: "b", region: "sfo3", tag: "web", forwarding_rules: [rule] };
  const { id: uid } = await lab.want("POST", "/v2/load_balancers", "load_balancer", balancer);
  const id = await newDroplet(["stack"]);
  await newFirewall({
    inbound_rules: [{ protocol: "tcp", ports: "80", sources: { load_balancer_uids: [uid] } }],
    tags: ["stack"],
  });
  expect(lab.machines.guards).toEqual([
    [id, { inbound: [{ protocol: "tcp", ports: [80, 80], addresses: [], balancer: true }], outbound: [] }],
  ]);
});

test("peers that no site stands for are a fault of the lab, not let through", async () => {
  await newDroplet(["stack"]);
  await lab.want("POST", "/v2/firewalls", "firewall", {
    name: "f",
    inbound_rules: [{ protocol: "tcp", ports: "22", sources: { tags: ["bastion"] } }],
    tags: ["stack"],
  });
  await expect(lab.account.settled()).rejects.toThrow("not the droplets bastion");
  expect(lab.faults).toEqual([expect.stringContaining("not the droplets bastion")]);
  expect(lab.machines.guards).toEqual([]);
});
