/** Balancers: defaults, what refuses them, their members, and their machine. */
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { TestApi } from "./support/client.js";

const rule = { entry_protocol: "http", entry_port: 80, target_protocol: "http", target_port: 80 };
const request = { name: "b", region: "sfo3", forwarding_rules: [rule], tag: "web" };
const PATH = "/v2/load_balancers";

let lab: TestApi;
beforeEach(async () => void (lab = await TestApi.start()));
afterEach(() => lab.close());

const create = async (more: object = {}): Promise<string> => {
  const { id } = await lab.want("POST", PATH, "load_balancer", { ...request, ...more });
  return String(id);
};
const show = (id: string) => lab.want("GET", `${PATH}/${id}`, "load_balancer");
const droplet = async (more: object = {}): Promise<number> => {
  const body = { name: "d", region: "sfo3", size: "s-1vcpu-1gb", image: "debian-12-x64", ...more };
  return Number((await lab.want("POST", "/v2/droplets", "droplet", body))["id"]);
};

test("what a declaration leaves out takes DigitalOcean's default, after a change too", async () => {
  const id = await create({ enable_backend_keepalive: true, http_idle_timeout_seconds: 90 });
  await lab.account.settled();
  expect(await show(id)).toMatchObject({ enable_backend_keepalive: true, http_idle_timeout_seconds: 90 });
  await lab.want("PUT", `${PATH}/${id}`, "load_balancer", request);
  expect(await show(id)).toMatchObject({
    ...{ algorithm: "round_robin", size_unit: 1, type: "REGIONAL", network: "EXTERNAL" },
    ...{ enable_backend_keepalive: false, http_idle_timeout_seconds: 60, redirect_http_to_https: false },
    health_check: {
      ...{ protocol: "http", port: 80, path: "/", check_interval_seconds: 10, response_timeout_seconds: 5 },
      ...{ healthy_threshold: 5, unhealthy_threshold: 3 },
    },
  });
});

test("it is new and without an address until its machine runs, and takes no change meanwhile", async () => {
  const open = lab.machines.hold();
  const id = await create();
  const busy = "403 forbidden: Load Balancer can't be updated while it processes previous actions";
  expect(await show(id)).toMatchObject({ status: "new", ip: "" });
  expect(await lab.refusal("PUT", `${PATH}/${id}`, request)).toBe(busy);
  open();
  await lab.account.settled();
  expect(await show(id)).toMatchObject({ status: "active", ip: "198.51.100.10" });
  const reopen = lab.machines.hold();
  await lab.want("PUT", `${PATH}/${id}`, "load_balancer", request);
  expect(await lab.refusal("PUT", `${PATH}/${id}`, request)).toBe(busy);
  reopen();
  await lab.account.settled();
  await lab.want("PUT", `${PATH}/${id}`, "load_balancer", request);
});

test("one whose machine does not start is errored", async () => {
  lab.machines.fail(/^balancer/);
  const id = await create();
  await expect(lab.account.settled()).rejects.toThrow("no machine");
  expect(await show(id)).toMatchObject({ status: "errored" });
  expect((await lab.call("DELETE", `${PATH}/${id}`)).status).toBe(204);
  await lab.account.settled();
  expect(lab.machines.calls).toEqual(["balancer for web"]);
});

test("members are the droplets of its network that carry the tag and are there", async () => {
  const id = await create();
  const other = await lab.want("POST", "/v2/vpcs", "vpc", { name: "other", region: "sfo3" });
  await droplet({ tags: ["web"], vpc_uuid: other["id"] });
  const inside = await droplet({ tags: ["Web"] });
  await droplet();
  await lab.account.settled();
  const open = lab.machines.hold();
  await droplet({ tags: ["web"] });
  expect((await show(id))["droplet_ids"]).toEqual([inside]);
  open();
});

test("members by id can be changed one by one, those by tag cannot", async () => {
  const [one, two] = [await droplet(), await droplet()];
  const listed = await create({ tag: undefined, droplet_ids: [one] });
  await lab.account.settled();
  const change = (method: string, id: string, ids: number[]) =>
    lab.call(method, `${PATH}/${id}/droplets`, { droplet_ids: ids });
  expect((await change("POST", listed, [two])).status).toBe(204);
  expect((await show(listed))["droplet_ids"]).toEqual([one, two]);
  expect((await change("DELETE", listed, [one])).status).toBe(204);
  await lab.account.settled();
  expect(lab.machines.calls.slice(-2)).toEqual([`sync ${one} ${two}`, `sync ${two}`]);
  const tagged = await create();
  expect((await change("POST", tagged, [one])).status).toBe(422);
});

test.each([
  ["a check below 3 seconds", { health_check: { check_interval_seconds: 2 } }, "check_interval_seconds"],
  ["a threshold of 1", { health_check: { unhealthy_threshold: 1 } }, "unhealthy_threshold"],
  ["an idle timeout of 5 seconds", { http_idle_timeout_seconds: 5 }, "http_idle_timeout_seconds"],
  ["tag and ids together", { droplet_ids: [1] }, "exclude each other"],
  ["two sizes", { size: "lb-small", size_unit: 1 }, "exclude each other"],
  ["a redirect to HTTPS that nobody serves", { redirect_http_to_https: true }, "redirect_http_to_https"],
  ["an unknown certificate", { forwarding_rules: [{ ...rule, certificate_id: "none" }] }, "certificate none"],
  ["unknown droplets", { tag: undefined, droplet_ids: [1] }, "droplet 1 does not exist"],
  ["a global one", { type: "GLOBAL" }, "regional"],
])("fails for %s", async (_what, more, words) => {
  expect(await lab.refusal("POST", PATH, { ...request, ...more })).toMatch(new RegExp(`^422 .*${words}`));
  expect([lab.account.loadBalancers.all, lab.faults]).toEqual([[], []]);
});

test("fails for another region or network on a running one", async () => {
  const id = await create();
  await lab.account.settled();
  for (const other of [{ region: "fra1" }, { network: "INTERNAL" }, { vpc_uuid: "other" }]) {
    expect(await lab.refusal("PUT", `${PATH}/${id}`, { ...request, ...other })).toMatch(/^422 .*cannot be changed/);
  }
});

test("a lab that cannot wait may check more often than DigitalOcean does", async () => {
  const quick = await TestApi.start({ anyCheck: true });
  const check = { check_interval_seconds: 0.2, unhealthy_threshold: 1 };
  const shown = await quick.want("POST", PATH, "load_balancer", { ...request, health_check: check });
  expect(shown["health_check"]).toMatchObject(check);
  await quick.close();
});

test("it shows what its machine does otherwise than declared", async () => {
  const id = await create();
  await lab.account.settled();
  lab.machines.otherwise = { size_unit: 2, health_check: { unhealthy_threshold: 9 } };
  expect(await show(id)).toMatchObject({
    size_unit: 2,
    health_check: { unhealthy_threshold: 9, healthy_threshold: 5, path: "/" },
  });
});

test("it is in the account's default project unless it is given another", async () => {
  const project = await lab.want("POST", "/v2/projects", "project", { name: "p", purpose: "API" });
  const id = await create();
  await lab.account.settled();
  const home = (await lab.want("GET", "/v2/projects/default", "project"))["id"];
  expect((await show(id))["project_id"]).toBe(home);
  await lab.want("PUT", `${PATH}/${id}`, "load_balancer", { ...request, project_id: project["id"] });
  expect((await show(id))["project_id"]).toBe(project["id"]);
});
