import { once } from "node:events";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { jest } from "@jest/globals";
import { embedded, type EmbeddedWorld } from "../../lab/embedded/site.js";
import { newKeyPair, type KeyPair } from "../../lab/ssh-client.js";
import { startWorld, type WorldOptions } from "../../lab/world.js";
import { runContainer } from "./support/container.js";
import { closeSsh, startSsh } from "./support/ssh.js";
import { stackJson, type StackShape } from "./support/stack.js";
import { until } from "./support/until.js";

/** For a machine that is slow or busy; nothing is concluded from the time it takes. */
jest.setTimeout(60_000);

const worlds: EmbeddedWorld[] = [];

async function start(shape: StackShape = {}, options: WorldOptions = {}): Promise<EmbeddedWorld> {
  const world = await startWorld({ stackJson: stackJson(shape), site: embedded(), options });
  worlds.push(world);
  return world;
}

afterEach(async () => {
  for (const world of worlds.splice(0)) {
    await closeSsh(world);
    await world.stop();
  }
});

interface ManifestView {
  readonly hosts: readonly { readonly id: string }[];
}

const manifestOf = (world: EmbeddedWorld): ManifestView => JSON.parse(String(world.output("manifest"))) as ManifestView;

test("the provisioner's command and environment are what Terraform would give", async () => {
  const world = await start();
  const { command, environment, cwd } = world.rolloutCommand({ image: "x@sha256:1", stackFolder: "/tmp/stack" });
  expect([command, cwd]).toEqual(["node $EVENKEEL_BUNDLE deploy; exit $?", "/tmp/stack"]);
  expect(environment).toMatchObject({
    EVENKEEL_IMAGE: "x@sha256:1",
    EVENKEEL_STARTED_BY: "terraform",
    EVENKEEL_BUNDLE: "./assets/rollout.mjs",
    DIGITALOCEAN_TOKEN: "lab-token",
    DIGITALOCEAN_API_URL: world.api.url,
    EVENKEEL_BALANCER_URL: world.balancer.url(),
    PATH: process.env["PATH"],
  });
  expect(JSON.parse(environment["EVENKEEL_MANIFEST"] ?? "")).toEqual(manifestOf(world));
});

test("a rebuild brings new droplets, and the old ones stay in rotation until they are removed", async () => {
  const world = await start({ names: ["api-1"] });
  const old = world.droplet("api-1");
  await old.booted();
  await runContainer(world, await world.pushReference("v1"));
  await until("in rotation", () => world.balancer.nodesUp(old.id).length === 1);
  await world.rebuild();
  const host = world.droplet("api-1");
  expect(host.id).not.toBe(old.id);
  expect(world.superseded).toEqual([old]);
  expect(manifestOf(world).hosts.map(({ id }) => id)).toEqual([host.id]);
  expect((await fetch(world.balancer.url())).status).toBe(200);
  expect(await world.remove(old)).toEqual({ droplet: "api-1", dropletId: old.id, nodesUp: [0] });
  expect((await fetch(world.balancer.url())).status).toBe(503);
  await host.booted();
});

test("a grown or shrunk stack keeps what it still declares", async () => {
  const world = await start({ names: ["api-1", "api-2"] });
  const [one, two] = world.droplets;
  await world.redeclare(stackJson({ names: ["api-1", "api-3"] }));
  expect(world.droplets.map(({ name }) => name).sort()).toEqual(["api-1", "api-3"]);
  expect(world.droplet("api-1")).toBe(one);
  expect(world.superseded).toEqual([two]);
});

test("a droplet is replaced by its address in Terraform; one that is not declared cannot be", async () => {
  const world = await start({ names: ["api-1", "api-2"] });
  const [one, two] = world.droplets;
  await world.replace("digitalocean_droplet.fleet_api-2_0A");
  expect(world.droplet("api-1")).toBe(one);
  expect(world.droplet("api-2").id).not.toBe(two?.id);
  expect(world.superseded).toEqual([two]);
  await expect(world.replace("digitalocean_droplet.fleet_api-3_0A")).rejects.toThrow(
    "the stack declares no digitalocean_droplet.fleet_api-3_0A",
  );
});

test("another key replaces every droplet, and each lets in only who has its own", async () => {
  const [before, after] = [newKeyPair("before"), newKeyPair("after")];
  const world = await start({ names: ["api-1"], publicKey: before.public }, { onlyOrderedKeys: true });
  const old = world.droplet("api-1");
  await world.redeclare(stackJson({ names: ["api-1"], publicKey: before.public }));
  expect(world.superseded).toEqual([]);
  await world.redeclare(stackJson({ names: ["api-1"], publicKey: after.public }));
  const host = world.droplet("api-1");
  expect(world.superseded).toEqual([old]);
  await Promise.all([old.booted(), host.booted()]);
  const letsIn = async (droplet: typeof host, key: KeyPair): Promise<boolean> => {
    const file = path.join(world.folder, "key");
    writeFileSync(file, key.private, { mode: 0o600 });
    const alone = ["-i", file, "-o", "ControlMaster=no", "-o", "ControlPath=none"];
    const [code] = (await once(startSsh(world, droplet, "true", alone), "exit")) as [number];
    return code === 0;
  };
  expect([await letsIn(old, before), await letsIn(old, after)]).toEqual([true, false]);
  expect([await letsIn(host, before), await letsIn(host, after)]).toEqual([false, true]);
});

test("a changed balancer is changed in place, and the guard would run before", async () => {
  const world = await start({ names: ["api-1"], checkIntervalSeconds: 5 });
  const { balancer } = world;
  const changed = stackJson({ names: ["api-1"], checkIntervalSeconds: 4 }) as {
    resource: { null_resource: Record<string, unknown> };
  };
  const exec = {
    command: "node $EVENKEEL_BUNDLE guard",
    environment: { EVENKEEL_BUNDLE: "${path.module}/b.mjs", EVENKEEL_GUARD: "{}" },
  };
  changed.resource.null_resource["guard"] = { provisioner: [{ "local-exec": exec }], triggers: { settings: "1" } };
  const guard = world.guardCommand({ stackJson: changed, stackFolder: "/tmp/stack" });
  expect(guard).toMatchObject({ command: "node $EVENKEEL_BUNDLE guard", cwd: "/tmp/stack" });
  expect(guard?.environment).toMatchObject({ EVENKEEL_BUNDLE: "./b.mjs", DIGITALOCEAN_TOKEN: "lab-token" });
  await world.redeclare(changed);
  expect(world.balancer).toBe(balancer);
  expect(balancer.settings.check.intervalSeconds).toBe(4);
  expect(world.guardCommand({ stackJson: changed, stackFolder: "/tmp/stack" })).toBeNull();
  expect(world.guardCommand({ stackJson: stackJson(), stackFolder: "/tmp/stack" })).toBeNull();
});

test("a droplet that loses the tag gets no requests", async () => {
  const world = await start({ names: ["api-1"] });
  const host = world.droplet("api-1");
  await host.booted();
  await runContainer(world, await world.pushReference("v1"));
  await until("in rotation", () => world.balancer.nodesUp(host.id).length === 1);
  const reply = await fetch(`${world.api.url}/v2/tags/http-api/resources`, {
    method: "DELETE",
    headers: { authorization: "Bearer lab-token" },
    body: JSON.stringify({ resources: [{ resource_id: host.id, resource_type: "droplet" }] }),
  });
  expect(reply.status).toBe(204);
  expect((await fetch(world.balancer.url())).status).toBe(503);
});

test("the API shows what the balancer really does, or what is declared although it does otherwise", async () => {
  const shown = async (reportDeclared: boolean) => {
    const world = await start({ checkIntervalSeconds: 5 }, { balancer: { unhealthyThreshold: 4, reportDeclared } });
    const id = (JSON.parse(String(world.output("manifest"))) as { loadBalancer: { id: string } }).loadBalancer.id;
    const reply = await fetch(`${world.api.url}/v2/load_balancers/${id}`, {
      headers: { authorization: "Bearer lab-token" },
    });
    return ((await reply.json()) as { load_balancer: { health_check: { unhealthy_threshold: number } } }).load_balancer
      .health_check;
  };
  expect((await shown(false)).unhealthy_threshold).toBe(4);
  expect((await shown(true)).unhealthy_threshold).toBe(2);
});
