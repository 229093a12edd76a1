import { jest } from "@jest/globals";
import { startWorld, type World, type WorldOptions } from "../../../lab/embedded/world.js";
import { closeSsh, ssh } from "../support/ssh.js";
import { stackJson, type StackShape } from "../support/stack.js";
import { until } from "../support/until.js";

/** For a machine that is slow or busy; nothing is concluded from the time it takes. */
jest.setTimeout(60_000);

const worlds: World[] = [];

async function start(shape: StackShape = {}, options: WorldOptions = {}): Promise<World> {
  const world = await startWorld({ stackJson: stackJson(shape), options });
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
  readonly hosts: readonly {
    readonly name: string;
    readonly id: string;
    readonly address: string;
    readonly privateAddress: string;
  }[];
}

const manifestOf = (world: World): ManifestView => JSON.parse(String(world.output("manifest"))) as ManifestView;

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

test("the manifest keeps addresses that exist nowhere, and SSH leads them to this machine", async () => {
  const world = await start();
  await world.booted();
  expect(manifestOf(world).hosts).toMatchObject([
    { name: "api-1", id: "400000001", address: "203.0.113.2", privateAddress: "10.110.0.2" },
    { name: "api-2", id: "400000002", address: "203.0.113.3", privateAddress: "10.110.0.3" },
  ]);
  expect((await ssh(world, world.droplet("api-2"), "uname")).code).toBe(0);
});

test("droplets boot late: SSH is refused, then cloud-init is at work and Docker missing", async () => {
  const world = await start({ names: ["api-1"] }, { sshDelayMs: 300, cloudInitDelayMs: 700 });
  const host = world.droplet("api-1");
  expect((await ssh(world, host, "true")).stderr).toContain("Connection refused");
  await until("SSH answers", () => host.boot === "running");
  expect(await ssh(world, host, "cloud-init status; docker ps -q")).toMatchObject({
    stdout: "status: running\n",
    stderr: "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\n",
    code: 1,
  });
  await host.booted();
  expect(await ssh(world, host, "cloud-init status; docker ps -q")).toMatchObject({
    stdout: "status: done\n",
    code: 0,
  });
});

test("a rebuild brings new droplets, and the old ones stay in rotation until they are removed", async () => {
  const world = await start({ names: ["api-1"] });
  const old = await world.droplet("api-1").booted();
  await deploy(world, await world.pushReference("v1"));
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

test("a droplet that loses the tag gets no requests", async () => {
  const world = await start({ names: ["api-1"] });
  const host = await world.droplet("api-1").booted();
  await deploy(world, await world.pushReference("v1"));
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

test("the reference app tells the balancer's nodes from the droplet itself", async () => {
  const world = await start({ names: ["api-1"] }, { balancer: { nodes: 2 } });
  const host = await world.droplet("api-1").booted();
  await deploy(world, await world.pushReference("v1"));
  await until("both nodes have it up", () => world.balancer.nodesUp(host.id).length === 2);
  await ssh(world, host, "curl -s http://10.110.0.2:80/health");
  const { body } = await host.control("GET", "/lifecycle");
  const sources = (body as { probes: { source: string }[] }).probes.map(({ source }) => source).sort();
  expect(sources).toEqual(process.platform === "linux" ? ["127.0.1.1", "127.0.1.2"] : ["127.0.0.1"]);
  expect(body).toMatchObject({ release: "r1", state: "serving" });
});

test.each([
  ["exits-at-once", "exited 1", ["fatal: DATABASE_URL is not set"]],
  ["crash-loop", "exited 1", ["fatal: lost the connection to the database"]],
  ["never-healthy", "running 503", ["waiting for the database"]],
  ["wrong-port", "running refused", ["listening on port 3000"]],
] as const)("the broken release %s is %s", async (how, outcome, lines) => {
  const world = await start({ names: ["api-1"] });
  const host = await world.droplet("api-1").booted();
  await deploy(world, world.pushBroken(how));
  const seen = async (): Promise<string> => {
    const [container] = host.containers();
    if (container?.status !== "running") return `${container?.status ?? "none"} ${container?.exitCode ?? 0}`;
    return `running ${await host.ask("/health").then(
      ({ status }) => String(status),
      () => "refused",
    )}`;
  };
  await until(outcome, async () => (await seen()) === outcome && host.logs("api").length > 0);
  expect(host.logs("api")).toEqual(lines);
});

test("what the lab does not stand for fails the end of the world", async () => {
  const world = await startWorld({ stackJson: stackJson({ names: ["api-1"] }) });
  const host = await world.droplet("api-1").booted();
  expect(await ssh(world, host, "docker swarm init")).toEqual({
    code: 125,
    stdout: "",
    stderr: 'lab: the lab\'s docker does not know the command "swarm init"\n',
  });
  await closeSsh(world);
  await expect(world.stop()).rejects.toThrow(
    'docker swarm init: the lab\'s docker does not know the command "swarm init"',
  );
});

/** One container as a rollout would start it, by the shortest way. */
async function deploy(world: World, image: string): Promise<void> {
  const host = world.droplet("api-1");
  const reply = await fetch(`${world.api.url}/v2/registry/docker-credentials?expiry_seconds=60`, {
    headers: { authorization: "Bearer lab-token" },
  });
  const ports = `-p ${host.identity.privateAddress}:80:80 -p 127.0.0.1:9000:9000`;
  const environment = "-e PORT=80 -e CONTROL_PORT=9000 -e RELEASE=r1";
  const result = await ssh(
    world,
    host,
    `mkdir c && cat >c/config.json && docker --config "$HOME/c" pull --quiet ${image} && docker run -d --name api --init ${environment} ${ports} ${image}`,
    await reply.text(),
  );
  expect(result).toMatchObject({ code: 0, stderr: "" });
}
