/** A site under the hands of whoever calls the API: Terraform, or a test in its place. */
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { startCloud, type Cloud } from "../../lab/cloud.js";
import type { SiteContext, SiteDroplet } from "../../lab/site.js";
import { RecordingSite } from "./support/recording-site.js";

let cloud: Cloud<SiteDroplet, RecordingSite>;
beforeEach(async () => void (cloud = await startCloud(async (context: SiteContext) => new RecordingSite(context))));
afterEach(() => cloud.stop().catch(() => undefined));

const rule = { entry_protocol: "http", entry_port: 80, target_protocol: "http", target_port: 80 };
const balancer = { name: "b", region: "sfo3", tag: "web", forwarding_rules: [rule] };
const droplet = { name: "api-1", region: "sfo3", size: "s-1vcpu-1gb", image: "debian-12-x64", tags: ["web"] };

async function call(method: string, path: string, body?: object): Promise<{ status: number; text: string }> {
  const reply = await fetch(`${cloud.api.url}/v2/${path}`, {
    method,
    headers: { authorization: "Bearer lab-token" },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  return { status: reply.status, text: await reply.text() };
}

test("a droplet boots when it is asked for, joins by its tag, and ends when it is deleted", async () => {
  await call("POST", "load_balancers", balancer);
  await call("POST", "droplets", { ...droplet, user_data: "#cloud-config\n" });
  await cloud.account.settled();
  expect(cloud.site.orders).toEqual([
    expect.objectContaining({ id: "400000001", userData: "#cloud-config\n", authorizedKeys: [], user: "deploy" }),
  ]);
  expect(cloud.machines.droplet("400000001").name).toBe("api-1");
  expect((await call("DELETE", "droplets/400000001")).status).toBe(204);
  await cloud.account.settled();
  expect(cloud.site.calls).toEqual(["sync 400000001", "close api-1 400000001", "sync"]);
  expect(cloud.machines.removals).toEqual([{ droplet: "api-1", dropletId: "400000001", nodesUp: [0] }]);
  expect(() => cloud.machines.droplet("400000001")).toThrow("the site has no droplet 400000001");
  await cloud.stop();
});

test("a change of the balancer reaches its machine when that has to do otherwise; other nodes are a fault", async () => {
  const { text } = await call("POST", "load_balancers", balancer);
  const path = `load_balancers/${(JSON.parse(text) as { load_balancer: { id: string } }).load_balancer.id}`;
  await cloud.account.settled();
  expect((await call("PUT", path, { ...balancer, name: "other" })).status).toBe(200);
  await cloud.account.settled();
  expect(cloud.site.calls).toEqual([]);
  await call("PUT", path, { ...balancer, health_check: { path: "/other" } });
  await cloud.account.settled();
  await call("PUT", path, { ...balancer, name: "other", health_check: { path: "/other" } });
  await cloud.account.settled();
  expect(cloud.site.calls).toEqual(["update to /other"]);
  await call("PUT", path, { ...balancer, size_unit: 2 });
  const refusal = "the lab cannot give a running balancer 2 nodes instead of 1";
  await expect(cloud.account.settled()).rejects.toThrow(refusal);
  await expect(cloud.stop()).rejects.toThrow(refusal);
});

test("fails for a second balancer, and for one that no site stands for: they are errored", async () => {
  await call("POST", "load_balancers", { ...balancer, forwarding_rules: [{ ...rule, entry_protocol: "tcp" }] });
  await expect(cloud.account.settled()).rejects.toThrow("entry_protocol");
  await call("POST", "load_balancers", balancer);
  await cloud.account.settled();
  await call("POST", "load_balancers", balancer);
  await expect(cloud.account.settled()).rejects.toThrow("a site has one balancer");
  const statuses = JSON.parse((await call("GET", "load_balancers")).text) as { load_balancers: { status: string }[] };
  expect(statuses.load_balancers.map(({ status }) => status)).toEqual(["errored", "active", "errored"]);
});

test("logins are for the account's registry, which is there from the start", async () => {
  expect((await call("GET", "registries/lab/docker-credentials")).text).toContain("registry.digitalocean.com");
  expect((await call("GET", "registries/other/docker-credentials")).status).toBe(404);
});
