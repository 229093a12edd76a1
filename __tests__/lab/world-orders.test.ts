/** What a world asks of the site that it stands on. */
import type { SiteContext } from "../../lab/site.js";
import { startWorld } from "../../lab/world.js";
import { RecordingSite } from "./support/recording-site.js";
import { PUBLIC_KEY, stackJson, type StackShape } from "./support/stack.js";

const open = async (context: SiteContext) => new RecordingSite(context);
const start = (shape: StackShape = {}) => startWorld({ stackJson: stackJson(shape), site: open });

test("droplets are ordered as they are declared, references filled in", async () => {
  const world = await start();
  await world.stop();
  const common = {
    userData: "#cloud-config\nbootcmd: ['echo ${HOME}']\n",
    authorizedKeys: [PUBLIC_KEY, "ecdsa-sha2-nistp256 the-lab"],
    user: "deploy",
  };
  expect(world.site.orders).toEqual([
    { ...common, id: "400000001", name: "api-1", address: "192.0.2.1", privateAddress: "10.0.0.1" },
    { ...common, id: "400000002", name: "api-2", address: "192.0.2.2", privateAddress: "10.0.0.2" },
  ]);
});

test("members of the balancer are told whenever they change: together, beside superseded ones, and after a removal", async () => {
  const world = await start();
  const [old] = world.droplets;
  await world.redeclare(stackJson({ names: ["api-2", "api-3"] }));
  if (old) await world.remove(old);
  await world.stop();
  expect(world.site.calls).toEqual([
    "sync 400000001 400000002",
    "sync 400000001 400000002 400000003",
    "close api-1 400000001",
    "sync 400000002 400000003",
    "close",
  ]);
  expect(world.removals).toEqual([{ droplet: "api-1", dropletId: "400000001", nodesUp: [0] }]);
});

test("addresses of the site stand in manifest and API, and its environment in the rollout's", async () => {
  const world = await start();
  const manifest = JSON.parse(String(world.output("manifest"))) as object;
  expect(manifest).toMatchObject({ hosts: [{ address: "192.0.2.1" }, {}], loadBalancer: { address: "198.51.100.99" } });
  const reply = await fetch(`${world.api.url}/v2/droplets`, { headers: { authorization: "Bearer lab-token" } });
  expect(await reply.text()).toContain("192.0.2.2");
  expect(world.environment()).toMatchObject({ SITE: "recording", DIGITALOCEAN_API_URL: world.api.url });
  await world.stop();
});

test("a site takes only logins that the API handed out", async () => {
  const world = await start();
  const { context } = world.site;
  const reply = await fetch(`${world.api.url}/v2/registry/docker-credentials?expiry_seconds=60`, {
    headers: { authorization: "Bearer lab-token" },
  });
  const { auths } = (await reply.json()) as { auths: Record<string, { auth: string }> };
  const [user = "", password = ""] = Buffer.from(Object.values(auths)[0]?.auth ?? "", "base64")
    .toString()
    .split(":");
  expect(context.acceptsLogin(user, password)).toBe(true);
  expect(context.acceptsLogin("somebody", "else")).toBe(false);
  await world.stop();
});

test("what the site does not stand for fails the end of the world", async () => {
  const world = await start();
  world.site.context.onFault("a volume");
  await expect(world.stop()).rejects.toThrow("a volume");
  expect(world.site.calls.at(-1)).toBe("close");
});

test("fails when the site cannot be had, and when it cannot make the balancer: then it is closed", async () => {
  const none = () => Promise.reject(new Error("no root here"));
  await expect(startWorld({ stackJson: stackJson(), site: none })).rejects.toThrow("no root here");
  let opened: RecordingSite | undefined;
  const broken = async (context: SiteContext) => {
    opened = new RecordingSite(context);
    opened.createBalancer = () => Promise.reject(new Error("no proxy here"));
    return opened;
  };
  await expect(startWorld({ stackJson: stackJson(), site: broken })).rejects.toThrow("no proxy here");
  expect(opened?.calls).toEqual(["close"]);
});

test("droplets are guarded as the stack's firewall is declared, those that come later as well", async () => {
  const balancer = "${digitalocean_loadbalancer.balancer.id}";
  const wall = {
    name: "production-api",
    tags: ["${digitalocean_tag.stack.name}"],
    inbound_rule: [
      { protocol: "tcp", port_range: "80", source_load_balancer_uids: [balancer] },
      { protocol: "tcp", port_range: "22", source_addresses: ["203.0.113.7/32"] },
    ],
    outbound_rule: [
      { protocol: "icmp", destination_addresses: ["0.0.0.0/0"] },
      { protocol: "tcp", port_range: "5432", destination_addresses: ["0.0.0.0/0", "::/0"] },
    ],
  };
  const guarded = (shape: StackShape): object => {
    const json = stackJson(shape) as { resource: object };
    return { ...json, resource: { ...json.resource, digitalocean_firewall: { wall } } };
  };
  const world = await startWorld({ stackJson: guarded({ names: ["api-1"] }), site: open });
  await world.redeclare(guarded({ names: ["api-1", "api-2"] }));
  await world.stop();
  const tcp = (port: number, addresses: string[], isBalancer: boolean) => ({
    ...{ protocol: "tcp", ports: [port, port], addresses, balancer: isBalancer },
  });
  const policy = {
    inbound: [tcp(80, [], true), tcp(22, ["203.0.113.7/32"], false)],
    outbound: [
      { protocol: "icmp", ports: null, addresses: ["0.0.0.0/0"], balancer: false },
      tcp(5432, ["0.0.0.0/0", "::/0"], false),
    ],
  };
  expect(world.site.guards).toEqual([
    { name: "api-1", policy },
    { name: "api-2", policy },
  ]);
});
