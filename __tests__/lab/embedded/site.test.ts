import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { jest } from "@jest/globals";
import { FRONT_HELPER } from "../../../contract/host.js";
import { startCloud } from "../../../lab/cloud.js";
import type { EmbeddedDroplet } from "../../../lab/embedded/droplet.js";
import { embedded, type EmbeddedOptions, type EmbeddedWorld } from "../../../lab/embedded/site.js";
import type { Break } from "../../../lab/releases.js";
import { startWorld, type WorldOptions } from "../../../lab/world.js";
import { runContainer } from "../support/container.js";
import { closeSsh, ssh } from "../support/ssh.js";
import { stackJson, type StackShape } from "../support/stack.js";
import { until } from "../support/until.js";

/** For a machine that is slow or busy; nothing is concluded from the time it takes. */
jest.setTimeout(60_000);

const worlds: EmbeddedWorld[] = [];

async function start(
  shape: StackShape = {},
  options: { readonly site?: EmbeddedOptions; readonly world?: WorldOptions } = {},
): Promise<EmbeddedWorld> {
  const { site, world: worldOptions = {} } = options;
  const world = await startWorld({ stackJson: stackJson(shape), site: embedded(site), options: worldOptions });
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

const manifestOf = (world: EmbeddedWorld): ManifestView => JSON.parse(String(world.output("manifest"))) as ManifestView;

test("the manifest keeps addresses that exist nowhere, and SSH leads them to this machine", async () => {
  const world = await start();
  await world.booted();
  expect(manifestOf(world).hosts).toMatchObject([
    { name: "api-1", id: "400000001", address: "203.0.113.2", privateAddress: "10.110.0.2" },
    { name: "api-2", id: "400000002", address: "203.0.113.3", privateAddress: "10.110.0.3" },
  ]);
  expect((await ssh(world, world.droplet("api-2"), "uname")).code).toBe(0);
});

test("a rollout is led to the balancer's HTTPS where that is declared", async () => {
  const plain = await start();
  expect(plain.environment()["EVENKEEL_BALANCER_URL"]).toBe(plain.balancer.url(80));
  expect(plain.environment()).not.toHaveProperty("NODE_EXTRA_CA_CERTS");
  const secure = await start({ https: true });
  expect(secure.environment()).toMatchObject({
    EVENKEEL_BALANCER_URL: secure.balancer.url(443),
    NODE_EXTRA_CA_CERTS: secure.site.authorityFile,
  });
});

test("droplets boot late: SSH is refused, then cloud-init is at work and Docker missing", async () => {
  const world = await start({ names: ["api-1"] }, { site: { sshDelayMs: 300, cloudInitDelayMs: 700 } });
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

test("the reference app is asked by each of the balancer's nodes, and tells them nothing but its health", async () => {
  const world = await start({ names: ["api-1"] }, { world: { balancer: { nodes: 2 } } });
  const host = world.droplet("api-1");
  await host.booted();
  await runContainer(world, await world.pushReference("v1"));
  await until("both nodes have it up", () => world.balancer.nodesUp(host.id).length === 2);
  expect((await ssh(world, host, "curl -s -o /dev/null -w '%{http_code}' http://10.110.0.2:80/health")).stdout).toBe(
    "200",
  );
});

test.each([
  ["exits-at-once", "exited 1", ["fatal: DATABASE_URL is not set"]],
  ["crash-loop", "exited 1", ["fatal: lost the connection to the database"]],
  ["never-healthy", "running 503", ["waiting for the database"]],
  ["wrong-port", "running refused", ["listening on port 3000"]],
  ["health-301", "running 301", ["the health path answers 301"]],
  // Whoever asks here is not curl.
  ["health-403", "running 403", ["the health path answers 403 to whoever is not curl"]],
  ["health-404", "running 404", ["the health path answers 404"]],
  ["health-500", "running 500", ["the health path answers 500"]],
  ["slow-start", "running refused", ["migrating the database"]],
  ["flaps", "running 200", ["healthy for six seconds"]],
] as const)("the broken release %s is %s", async (how, outcome, lines) => {
  const world = await start({ names: ["api-1"] });
  const host = world.droplet("api-1");
  await host.booted();
  await runContainer(world, await world.pushBroken(how));
  const seen = async (): Promise<string> => {
    const [container] = await host.containers();
    if (container?.status !== "running") return `${container?.status ?? "none"} ${container?.exitCode ?? 0}`;
    return `running ${await host.ask("/health").then(
      ({ status }) => String(status),
      () => "refused",
    )}`;
  };
  await until(outcome, async () => (await seen()) === outcome && (await host.logs("api")).length > 0);
  expect(await host.logs("api")).toEqual(lines);
});

async function startBroken(how: Break): Promise<EmbeddedDroplet> {
  const world = await start({ names: ["api-1"] });
  const host = world.droplet("api-1");
  await host.booted();
  await runContainer(world, await world.pushBroken(how));
  await until("it answers", () =>
    host.ask("/health").then(
      () => true,
      () => false,
    ),
  );
  return host;
}

test("a release that ignores SIGTERM ends when it is killed", async () => {
  const host = await startBroken("ignores-term");
  await host.shell("docker stop --time 1 api");
  expect(await host.containers()).toMatchObject([{ status: "exited", exitCode: 137 }]);
});

test("a websocket goes through the balancer, is counted where it ends, and ends with its process", async () => {
  const world = await start({ names: ["api-1"] });
  const host = world.droplet("api-1");
  await host.booted();
  await runContainer(world, await world.pushBroken("websocket"));
  await until("the balancer has it", () => world.balancer.nodesUp(host.id).length > 0);
  const open = async (): Promise<number> =>
    Number((await host.shell(`sudo -n ${FRONT_HELPER} open ${host.pid("api")} 80`)).stdout);
  const { hostname, port } = new URL(world.balancer.url());
  const headers = { connection: "Upgrade", upgrade: "websocket" };
  const asked = request({ hostname, port, path: "/socket", agent: false, headers }).end();
  const [answer, socket] = (await once(asked, "upgrade")) as [IncomingMessage, Socket];
  expect(answer.statusCode).toBe(101);
  // The balancer's own probes come and go. Only Linux tells what is open (/proc).
  if (process.platform === "linux")
    for (let look = 0; look < 10; look += 1) expect(await open()).toBeGreaterThanOrEqual(1);
  const closed = once(socket.on("error", () => undefined).resume(), "close");
  await host.shell("docker stop api");
  await closed;
});

test("a websocket that nobody can serve is refused by the balancer", async () => {
  const world = await start({ names: ["api-1"] });
  const { hostname, port } = new URL(world.balancer.url());
  const headers = { connection: "Upgrade", upgrade: "websocket" };
  const asked = request({ hostname, port, path: "/socket", agent: false, headers }).end();
  const [answer] = (await once(asked, "response")) as [IncomingMessage];
  expect(answer.statusCode).toBe(503);
});

test("what the lab does not stand for fails the end of the world", async () => {
  const world = await startWorld({ stackJson: stackJson({ names: ["api-1"] }), site: embedded() });
  const host = world.droplet("api-1");
  await host.booted();
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

test("where the balancer will be reached is known before there is one", async () => {
  const cloud = await startCloud(embedded());
  try {
    const told = cloud.environment()["EVENKEEL_BALANCER_URL"];
    const rule = { entry_protocol: "http", entry_port: 80, target_protocol: "http", target_port: 80 };
    cloud.account.loadBalancers.create({ name: "b", region: "sfo3", tag: "web", forwarding_rules: [rule] });
    await cloud.account.settled();
    expect(cloud.machines.balancer.url()).toBe(told);
  } finally {
    await cloud.stop();
  }
});
