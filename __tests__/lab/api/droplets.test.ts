/** Droplets, what is done to them, and what refuses them. */
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { PUBLIC_KEY } from "../support/stack.js";
import { TestApi } from "./support/client.js";

const request = { name: "api-1", region: "sfo3", size: "s-1vcpu-1gb", image: "debian-12-x64" };

let lab: TestApi;
beforeEach(async () => void (lab = await TestApi.start({ dropletLimit: 3 })));
afterEach(() => lab.close());

const create = async (more: object = {}): Promise<number> => {
  const { id } = await lab.want("POST", "/v2/droplets", "droplet", { ...request, ...more });
  return Number(id);
};
const show = (id: number) => lab.want("GET", `/v2/droplets/${id}`, "droplet");
const act = (id: number, action: object) => lab.call("POST", `/v2/droplets/${id}/actions`, action);

test("a droplet is new, locked and without addresses until its machine is there", async () => {
  const open = lab.machines.hold();
  const id = await create();
  expect(await show(id)).toMatchObject({ status: "new", locked: true, networks: { v4: [], v6: [] } });
  open();
  await lab.account.settled();
  expect(await show(id)).toMatchObject({
    status: "active",
    locked: false,
    networks: { v4: [{ type: "private" }, { ip_address: "203.0.113.1", type: "public" }] },
  });
});

test("a droplet whose machine cannot be made is gone again, and that is a fault", async () => {
  lab.machines.fail(/^create/);
  const id = await create({ tags: ["a"] });
  await expect(lab.account.settled()).rejects.toThrow("no machine for create");
  expect(await lab.refusal("GET", `/v2/droplets/${id}`)).toMatch(/^404/);
  expect(await lab.want("GET", "/v2/tags/a", "tag")).toMatchObject({ resources: { count: 0 } });
  expect(lab.faults).toEqual([expect.stringContaining("no machine for create 400000001")]);
});

test("features, size and image are as they were ordered", async () => {
  const id = await create({ monitoring: true, with_droplet_agent: false, image: 7, size: "s-2vcpu-2gb" });
  expect(await show(id)).toMatchObject({
    features: ["private_networking", "monitoring"],
    image: { id: 7 },
    size: { slug: "s-2vcpu-2gb", price_monthly: 18 },
    size_slug: "s-2vcpu-2gb",
    disk: 60,
  });
});

test("without a VPC it is in its region's default one, which then cannot be deleted", async () => {
  const [one, two, elsewhere] = [await create(), await create(), await create({ region: "fra1" })];
  const [first, second, third] = [await show(one), await show(two), await show(elsewhere)];
  expect([second["vpc_uuid"] === first["vpc_uuid"], third["vpc_uuid"] === first["vpc_uuid"]]).toEqual([true, false]);
  expect(await lab.refusal("DELETE", `/v2/vpcs/${String(first["vpc_uuid"])}`)).toMatch(/^403 forbidden/);
});

test("fails for keys, networks, sizes, regions and names that are not there", async () => {
  const vpc = await lab.want("POST", "/v2/vpcs", "vpc", { name: "elsewhere", region: "fra1" });
  const wrong = { keys: { ssh_keys: ["aa:bb"] }, vpc: { vpc_uuid: "none" }, region: { vpc_uuid: vpc["id"] } };
  expect(await lab.refusal("POST", "/v2/droplets", { ...request, ...wrong.keys })).toBe(
    "422 unprocessable_entity: aa:bb are invalid key identifiers for Droplet creation.",
  );
  expect(await lab.refusal("POST", "/v2/droplets", { ...request, ...wrong.vpc })).toMatch(/^404/);
  expect(await lab.refusal("POST", "/v2/droplets", { ...request, ...wrong.region })).toMatch(
    /^422 .*not in region sfo3/,
  );
  for (const bad of [{ size: "s-9vcpu" }, { region: "mars1" }, { name: "api_1" }, { user_data: "x".repeat(65_537) }]) {
    expect(await lab.refusal("POST", "/v2/droplets", { ...request, ...bad })).toMatch(/^422 /);
  }
  expect(lab.faults).toEqual([]);
  expect(lab.account.droplets.all).toEqual([]);
});

test("fails above the account's limit", async () => {
  for (const name of ["a", "b", "c"]) await create({ name });
  expect(await lab.refusal("POST", "/v2/droplets", request)).toMatch(/^422 .*exceed your droplet limit/);
  expect(await lab.want("GET", "/v2/account", "account")).toMatchObject({ droplet_limit: 3 });
});

test("root's keys are those that were named by id or fingerprint", async () => {
  const key = await lab.want("POST", "/v2/account/keys", "ssh_key", { name: "k", public_key: PUBLIC_KEY });
  await create({ ssh_keys: [key["id"], key["fingerprint"]] });
  await lab.account.settled();
  expect(lab.machines.orders[0]?.authorizedKeys).toEqual([PUBLIC_KEY, PUBLIC_KEY]);
});

test("droplets are found by tag, without regard to case, and by name", async () => {
  await create({ tags: ["Blue"] });
  await create({ name: "api-2" });
  const names = async (query: string) =>
    ((await lab.call("GET", `/v2/droplets?${query}`)).body["droplets"] as { name: string }[]).map(({ name }) => name);
  expect(await names("tag_name=blue")).toEqual(["api-1"]);
  expect(await names("tag_name=none")).toEqual([]);
  expect(await names("name=api-2&page=1")).toEqual(["api-2"]);
  expect(await lab.refusal("GET", "/v2/droplets?name=a&tag_name=b")).toMatch(/^400/);
});

test("a deleted droplet is gone at once, from tags and firewalls too; a second deletion finds nothing", async () => {
  const id = await create({ tags: ["a"] });
  const rule = { protocol: "icmp", sources: { addresses: ["0.0.0.0/0"] } };
  const firewall = { name: "f", inbound_rules: [rule], droplet_ids: [id] };
  const guard = await lab.want("POST", "/v2/firewalls", "firewall", firewall);
  await lab.account.settled();
  expect((await lab.call("DELETE", `/v2/droplets/${id}`)).status).toBe(204);
  expect(await lab.refusal("DELETE", `/v2/droplets/${id}`)).toMatch(/^404/);
  expect(await lab.want("GET", "/v2/tags/a", "tag")).toMatchObject({ resources: { droplets: { count: 0 } } });
  const shown = await lab.want("GET", `/v2/firewalls/${String(guard["id"])}`, "firewall");
  expect(shown["droplet_ids"]).toEqual([]);
  await lab.account.settled();
  expect(lab.machines.calls.at(-1)).toBe(`destroy ${id}`);
});

test("power goes off and on, one action after the other, each complete when the machine has done it", async () => {
  const id = await create();
  await lab.account.settled();
  const open = lab.machines.hold();
  const off = (await act(id, { type: "power_off" })).body["action"] as { id: number };
  await act(id, { type: "power_on" });
  const action = () => lab.want("GET", `/v2/actions/${off.id}`, "action");
  expect(await action()).toMatchObject({ status: "in-progress", completed_at: null, type: "power_off" });
  expect(await show(id)).toMatchObject({ status: "active", locked: true });
  open();
  await lab.account.settled();
  expect(await action()).toMatchObject({ status: "completed", completed_at: expect.any(String) });
  expect(lab.machines.calls.slice(-2)).toEqual([`off ${id}`, `on ${id}`]);
});

test("an action that the machine cannot do is errored", async () => {
  const id = await create();
  await lab.account.settled();
  lab.machines.fail(/^off/);
  const { id: number } = (await act(id, { type: "shutdown" })).body["action"] as { id: number };
  await expect(lab.account.settled()).rejects.toThrow("no machine for off");
  expect(await lab.want("GET", `/v2/droplets/${id}/actions/${number}`, "action")).toMatchObject({ status: "errored" });
  expect(await show(id)).toMatchObject({ status: "active" });
});

test("a resize needs the power off, and a disk that has grown stays", async () => {
  const id = await create();
  await lab.account.settled();
  const resize = { type: "resize", size: "s-2vcpu-2gb", disk: true };
  expect((await act(id, resize)).status).toBe(422);
  await act(id, { type: "power_off" });
  await lab.account.settled();
  expect(await lab.refusal("POST", `/v2/droplets/${id}/actions`, { type: "power_off" })).toMatch(/already powered off/);
  await act(id, resize);
  await lab.account.settled();
  expect(await show(id)).toMatchObject({ status: "off", size: { slug: "s-2vcpu-2gb" }, disk: 60, vcpus: 2 });
  const back = { type: "resize", size: "s-1vcpu-1gb", disk: false };
  expect(await lab.refusal("POST", `/v2/droplets/${id}/actions`, back)).toMatch(/smaller disk/);
});

test("a name and features change in place, and an unknown action is a fault", async () => {
  const id = await create();
  await act(id, { type: "rename", name: "api-9" });
  await act(id, { type: "enable_ipv6" });
  await act(id, { type: "enable_backups" });
  await lab.account.settled();
  expect(await show(id)).toMatchObject({ name: "api-9", features: expect.arrayContaining(["ipv6", "backups"]) });
  await act(id, { type: "disable_backups" });
  await lab.account.settled();
  expect((await show(id))["features"]).not.toContain("backups");
  expect(lab.faults).toEqual([]);
  expect((await act(id, { type: "snapshot", name: "s" })).status).toBe(422);
  expect(lab.faults).toHaveLength(1);
});
