/** A fleet's life as the Terraform provider drives it, and what it does to the machines. */
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { TestApi } from "./support/client.js";
import { Provider } from "./support/provider.js";

let lab: TestApi;
let provider: Provider;
beforeEach(async () => {
  lab = await TestApi.start();
  provider = new Provider(lab);
  await provider.apply(["api-1", "api-2"]);
});
afterEach(async () => {
  await lab.close();
  expect(lab.faults).toEqual([]);
});

/** What the machines were asked since this was called last. */
async function machineCalls(): Promise<string[]> {
  await lab.account.settled();
  return lab.machines.calls.splice(0);
}

test("an apply boots droplets with keys and user data, and a tag puts them behind the balancer", async () => {
  expect(await machineCalls()).toEqual([
    "balancer for http-api",
    "create 400000001",
    "sync 400000001",
    "create 400000002",
    "sync 400000001 400000002",
  ]);
  expect(lab.machines.orders[0]).toEqual({
    ...{ id: "400000001", name: "api-1", address: "203.0.113.1", privateAddress: "10.110.0.1" },
    userData: "#cloud-config\n",
    authorizedKeys: [expect.stringMatching(/^ssh-ed25519 /)],
  });
});

test("the plan after an apply is empty, and reading changes nothing", async () => {
  await machineCalls();
  const before = lab.api.calls.length;
  expect(await provider.plan()).toEqual([]);
  expect(lab.api.calls.slice(before).every(({ call }) => call.startsWith("GET "))).toBe(true);
  expect(await machineCalls()).toEqual([]);
});

test("a change of the check reaches the running balancer and leaves the rest alone", async () => {
  await machineCalls();
  await provider.changeInterval(3);
  expect(await provider.plan()).toEqual([]);
  expect(await machineCalls()).toEqual(["balancer checks every 3 s"]);
});

test("a plan names what somebody else changed", async () => {
  lab.machines.otherwise = { health_check: { unhealthy_threshold: 4 } };
  await provider.retag(400_000_001, { off: "http-api", on: "other" });
  expect(await provider.plan()).toEqual(["api-1: tags", "balancer: health_check"]);
});

test("a grown fleet joins droplet by droplet, a shrunk one leaves by deletion: no call changes the balancer", async () => {
  await machineCalls();
  const before = lab.api.calls.length;
  await provider.create(["api-3"]);
  expect(await machineCalls()).toEqual(["create 400000003", "sync 400000001 400000002 400000003"]);
  await provider.destroyDroplets([400_000_002]);
  expect(await machineCalls()).toEqual(["destroy 400000002", "sync 400000001 400000003"]);
  expect(lab.api.calls.slice(before).filter(({ call }) => call.includes("load_balancers"))).toEqual([]);
  expect(await provider.plan()).toEqual([]);
});

test("a rebuild brings the new droplets behind the balancer before the old ones are gone", async () => {
  await machineCalls();
  await provider.rebuild("#cloud-config\nusers: []\n");
  expect(await machineCalls()).toEqual([
    "create 400000003",
    "sync 400000001 400000002 400000003",
    "create 400000004",
    "sync 400000001 400000002 400000003 400000004",
    "destroy 400000001",
    "sync 400000002 400000003 400000004",
    "destroy 400000002",
    "sync 400000003 400000004",
  ]);
  expect(lab.machines.orders.at(-1)?.userData).toContain("users");
  expect(await provider.plan()).toEqual([]);
});

test("a droplet that loses the tag leaves the balancer", async () => {
  await machineCalls();
  await provider.retag(400_000_001, { off: "http-api", on: "other" });
  expect(await machineCalls()).toEqual(["sync 400000002"]);
});

test("a destroy takes everything away", async () => {
  await machineCalls();
  await provider.destroy();
  expect(await machineCalls()).toEqual(["no balancer", "destroy 400000001", "destroy 400000002"]);
  for (const path of ["droplets", "load_balancers", "firewalls", "vpcs", "tags", "account/keys"]) {
    expect([path, (await lab.call("GET", `/v2/${path}`)).body["meta"]]).toEqual([path, { total: 0 }]);
  }
});
