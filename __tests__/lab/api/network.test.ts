/** Tags, VPCs, keys and firewalls. */
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { TestApi } from "./support/client.js";

/** Made for this test, its other half thrown away; the fingerprint is what `ssh-keygen -l -E md5` says. */
const PUBLIC_KEY =
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMYuqzIWPX0+NNCwdy+SeBcumY1GQZERsMUQEECNwAml nobody@example.com";
const FINGERPRINT = "6e:f5:db:e7:e9:ed:9e:8b:41:0d:e5:f0:dd:3d:69:d9";

let lab: TestApi;
beforeEach(async () => void (lab = await TestApi.start()));
afterEach(() => lab.close());

const droplet = async (more: object = {}): Promise<number> => {
  const body = { name: "d", region: "sfo3", size: "s-1vcpu-1gb", image: "debian-12-x64", ...more };
  return Number((await lab.want("POST", "/v2/droplets", "droplet", body))["id"]);
};
const resource = (id: number | string, type = "droplet") => ({
  resources: [{ resource_id: String(id), resource_type: type }],
});

test("a tag keeps the case that it was made with and is found in any", async () => {
  await lab.want("POST", "/v2/tags", "tag", { name: "Web" });
  expect(await lab.want("POST", "/v2/tags", "tag", { name: "web" })).toMatchObject({ name: "Web" });
  const id = await droplet({ tags: ["WEB"] });
  expect(await lab.want("GET", "/v2/tags/web", "tag")).toMatchObject({
    name: "Web",
    resources: { count: 1, droplets: { count: 1, last_tagged_uri: expect.stringContaining(String(id)) } },
  });
  expect(await lab.want("GET", `/v2/droplets/${id}`, "droplet")).toMatchObject({ tags: ["Web"] });
});

test("a deleted tag is gone from every droplet", async () => {
  const id = await droplet({ tags: ["a", "b"] });
  expect((await lab.call("DELETE", "/v2/tags/a")).status).toBe(204);
  expect(await lab.want("GET", `/v2/droplets/${id}`, "droplet")).toMatchObject({ tags: ["b"] });
  expect(await lab.refusal("DELETE", "/v2/tags/a")).toMatch(/^404/);
});

test("fails for tags and droplets that are not there, and for other things than droplets", async () => {
  const id = await droplet({ tags: ["a"] });
  expect(await lab.refusal("POST", "/v2/tags/none/resources", resource(id))).toMatch(/^404/);
  expect(await lab.refusal("POST", "/v2/tags/a/resources", resource(1))).toMatch(/^422 .*resource 1 does not exist/);
  expect(await lab.refusal("DELETE", "/v2/tags/a/resources", resource(id, "image"))).toMatch(/^422 .*droplets only/);
});

test("networks get ranges that do not overlap, and names of their own", async () => {
  const one = await lab.want("POST", "/v2/vpcs", "vpc", { name: "one", region: "sfo3" });
  const two = await lab.want("POST", "/v2/vpcs", "vpc", { name: "two", region: "sfo3", ip_range: "10.110.16.0/24" });
  const three = await lab.want("POST", "/v2/vpcs", "vpc", { name: "three", region: "sfo3" });
  expect([one, two, three].map((vpc) => vpc["ip_range"])).toEqual([
    "10.110.0.0/20",
    "10.110.16.0/24",
    "10.110.32.0/20",
  ]);
  const refused = (more: object) => lab.refusal("POST", "/v2/vpcs", { name: "four", region: "sfo3", ...more });
  expect(await refused({ ip_range: "10.110.0.0/16" })).toMatch(/^422 .*overlaps/);
  expect(await refused({ ip_range: "10.0.0.0/8" })).toMatch(/^422 .*\/16 to \/28/);
  expect(await refused({ name: "one" })).toMatch(/^422 .*already exists/);
});

test("a network changes its name and goes when nothing is in it", async () => {
  const { id } = await lab.want("POST", "/v2/vpcs", "vpc", { name: "one", region: "sfo3" });
  const path = `/v2/vpcs/${String(id)}`;
  await lab.want("PUT", path, "vpc", { name: "other", description: "d", default: false });
  expect(await lab.want("GET", path, "vpc")).toMatchObject({ name: "other", description: "d", default: false });
  const member = await droplet({ vpc_uuid: id });
  expect(await lab.refusal("DELETE", path)).toMatch(/^403 forbidden: Can not delete VPC with members/);
  await lab.call("DELETE", `/v2/droplets/${member}`);
  expect((await lab.call("DELETE", path)).status).toBe(204);
});

test("a key is found by id and by fingerprint, and is on the account once", async () => {
  const key = await lab.want("POST", "/v2/account/keys", "ssh_key", { name: "k", public_key: `${PUBLIC_KEY}\n` });
  expect(key["fingerprint"]).toBe(FINGERPRINT);
  const again = { name: "again", public_key: PUBLIC_KEY };
  expect(await lab.refusal("POST", "/v2/account/keys", again)).toMatch(/SSH Key is already in use on your account/);
  await lab.want("PUT", `/v2/account/keys/${String(key["id"])}`, "ssh_key", { name: "other" });
  const path = `/v2/account/keys/${String(key["fingerprint"])}`;
  expect(await lab.want("GET", path, "ssh_key")).toMatchObject({ name: "other", public_key: `${PUBLIC_KEY}\n` });
  expect((await lab.call("DELETE", path)).status).toBe(204);
  expect(await lab.refusal("GET", path)).toMatch(/^404/);
  expect(await lab.refusal("POST", "/v2/account/keys", { name: "k", public_key: "rsa" })).toMatch(/^422/);
});

test("a firewall shows the rules that it was given and replaces them as a whole", async () => {
  const ssh = { protocol: "tcp", ports: "22", sources: { addresses: ["203.0.113.0/24", "2001:db8::/32"] } };
  const out = { protocol: "udp", ports: "1-65535", destinations: { addresses: ["0.0.0.0/0"] } };
  const body = { name: "f", inbound_rules: [ssh], outbound_rules: [out], droplet_ids: null, tags: ["a"] };
  const { id } = await lab.want("POST", "/v2/firewalls", "firewall", body);
  const path = `/v2/firewalls/${String(id)}`;
  expect(await lab.want("GET", path, "firewall")).toMatchObject({ ...body, droplet_ids: [], status: "succeeded" });
  await lab.want("PUT", path, "firewall", { name: "f", inbound_rules: [ssh] });
  expect(await lab.want("GET", path, "firewall")).toMatchObject({ outbound_rules: [], tags: [] });
  expect((await lab.call("DELETE", path)).status).toBe(204);
});

test.each([
  ["no rule", { inbound_rules: [] }, "at least one rule"],
  ["tcp without ports", { inbound_rules: [{ protocol: "tcp", sources: {} }] }, "need ports"],
  [
    "an unknown balancer",
    { inbound_rules: [{ protocol: "icmp", sources: { load_balancer_uids: ["b"] } }] },
    "balancer b",
  ],
  ["an unknown droplet", { droplet_ids: [1], inbound_rules: [{ protocol: "icmp", sources: {} }] }, "droplet 1"],
])("fails for a firewall with %s", async (_what, more, words) => {
  expect(await lab.refusal("POST", "/v2/firewalls", { name: "f", ...more })).toMatch(new RegExp(`^422 .*${words}`));
});
