/**
 * What nobody may do to a fleet, and what may not be found on it: the stack as it is declared, deployed and rolled out once, then looked at
 * from everywhere. Every check is also made where it has to fail.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { execa } from "execa";
import { request } from "undici";
import { environmentNames as names } from "../../contract/manifest.js";
import { SECRETS_KEY_VARIABLE } from "../../contract/secrets.js";
import type { RealDroplet } from "../../lab/real/droplet.js";
import type { NetworkNode } from "../../lab/real/network-node.js";
import { REGISTRY_NAME } from "../../lab/real/registry.js";
import { LIMIT_MS, startReal, type RealScenario } from "../support/real.js";
import { core, filesIn, found, suspectsIn, type Place } from "../support/secrets.js";
import { frontStates } from "../support/front-states.js";
import { get, scan, serve } from "./support/outside.js";

jest.setTimeout(LIMIT_MS);

const STRANGER = "198.51.100.7";
const METADATA = "169.254.169.254";
const ELSEWHERE = "registry.example.com";
const REGISTRY_PASSWORD = core();
/** A secret of the app, and the key of its fingerprint. */
const APP_SECRET = core();
const own = { APP_SECRET, [SECRETS_KEY_VARIABLE]: `${core()}${core()}` };

let scenario: RealScenario;
let droplet: RealDroplet;
let stranger: NetworkNode;
let neighbour: NetworkNode;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), "evenkeel-security-"));
  const registries = { [ELSEWHERE]: { user: "robot", password: REGISTRY_PASSWORD } };
  const fleet = { dropletCount: 2, service: { secrets: ["APP_SECRET"] } };
  scenario = await startReal({ fleet, site: { registries } });
  const { world } = scenario;
  stranger = await world.site.attach("stranger", { foreignAddress: STRANGER });
  neighbour = await world.site.attach("neighbour", { privateAddresses: ["10.110.0.150"] });
  const first = await scenario.deploy(await world.pushReference("v1"), own);
  expect({ exitCode: first.exitCode, stderr: first.stderr }).toEqual({ exitCode: 0, stderr: first.stderr });
  const image = (await world.pushReference("v2")).replace(REGISTRY_NAME, ELSEWHERE);
  const login = { [names.registryUser]: "robot", [names.registryPassword]: REGISTRY_PASSWORD };
  const { exitCode, stderr } = await scenario.deploy(image, { ...login, ...own });
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr });
  expect(await scenario.running()).toEqual([image, image]);
  droplet = world.droplet("api-1");
});
afterAll(async () => {
  await (scenario as RealScenario | undefined)?.end();
  rmSync(folder, { recursive: true });
});

const sh = (script: string): Promise<string> => droplet.run(["/bin/sh", "-c", script]);
const operator: readonly string[] = [];

/** Takes the declared firewalls away while something is done. */
async function withoutFirewall(work: () => Promise<void>): Promise<void> {
  const { account } = scenario.world;
  const declared = [...account.firewalls.all];
  if (declared.length === 0) throw new Error("the stack declares a firewall");
  for (const { id } of declared) account.firewalls.remove(id);
  await account.settled();
  try {
    await work();
  } finally {
    for (const { name, inbound_rules, outbound_rules, tags } of declared)
      account.firewalls.create({ name, inbound_rules, outbound_rules, tags });
    await account.settled();
  }
}

/** Takes the front's table away, and keeps the unit that would load it anew from doing so, while something is done. */
async function withoutFront(work: () => Promise<void>): Promise<void> {
  const watch = (signal: string): Promise<string> => sh(`kill -${signal} $(pgrep -f 'evenkeel-front[ ]watch')`);
  await watch("STOP");
  await sh("nft delete table ip evenkeel");
  try {
    await work();
  } finally {
    await sh("/usr/local/sbin/evenkeel-front check");
    await watch("CONT");
  }
}

describe("of all 65,535 ports of a droplet", () => {
  it("a stranger and a neighbour reach none, the operator SSH alone, the balancer the service and its health port", async () => {
    const { address, privateAddress } = droplet;
    const balancer = scenario.world.site.balancerNode.argv;
    const [byStranger, byNeighbour, byOperator, byBalancer] = await Promise.all([
      scan(stranger.argv, address),
      scan(neighbour.argv, privateAddress),
      scan(operator, address),
      scan(balancer, privateAddress),
    ]);
    expect(byStranger).toEqual({ open: [], refused: [] });
    expect(byNeighbour).toEqual({ open: [], refused: [] });
    expect(byOperator).toEqual({ open: [22], refused: [] });
    expect(byBalancer).toEqual({ open: [80, 8086], refused: [] });
  });

  it("no port of a container is reached at its own address", async () => {
    const container = await sh("docker inspect -f '{{.NetworkSettings.Networks.evenkeel.IPAddress}}' api");
    const own = `http://${container}:80/`;
    await execa(...command(neighbour, "ip", "route", "add", `${container}/32`, "via", droplet.privateAddress));
    expect(await get(neighbour.argv, own)).toBeNull();
    // Either the firewall or the front's own table keeps it from whoever is on the same network.
    await withoutFirewall(async () => expect(await get(neighbour.argv, own)).toBeNull());
    await withoutFront(async () => {
      expect(await get(neighbour.argv, own)).toBeNull();
      await withoutFirewall(async () => expect(await get(neighbour.argv, own)).toContain("happy response"));
    });
    expect(await get(neighbour.argv, own)).toBeNull();
  });

  it("others are reached without the firewall, which the scan sees", async () => {
    const { address, privateAddress } = droplet;
    await withoutFirewall(async () => {
      expect(await scan(stranger.argv, address, [21, 23])).toEqual({ open: [22], refused: [21, 23] });
      expect(await scan(neighbour.argv, privateAddress, [79, 81])).toEqual({ open: [80], refused: [79, 81] });
      expect(await scan(neighbour.argv, privateAddress, [8085, 8087])).toEqual({ open: [8086], refused: [8085, 8087] });
      expect(await scan(neighbour.argv, privateAddress, [9000, 9000])).toEqual({ open: [], refused: [9000] });
    });
  });

  it("a droplet itself opens only what is declared: HTTPS, and not the port beside it", async () => {
    await serving(stranger, STRANGER, [443, 444], async () => {
      expect(await droplet.run(curl(`http://${STRANGER}:443/`))).toBe(STRANGER);
      await expect(droplet.run(curl(`http://${STRANGER}:444/`))).rejects.toThrow("Connection timed out");
      await withoutFirewall(async () => expect(await droplet.run(curl(`http://${STRANGER}:444/`))).toBe(STRANGER));
    });
  });
});

describe("through the balancer", () => {
  const ask = async (method: "GET" | "POST" | "DELETE", route: string): Promise<number> => {
    const { statusCode, body } = await request(new URL(route, scenario.world.balancer.url()), { method });
    await body.dump();
    return statusCode;
  };
  it.each([
    ["POST", "/drain"],
    ["DELETE", "/drain"],
    ["GET", "/drain"],
    ["GET", "/shutdown"],
    ["POST", "/shutdown"],
  ] as const)("%s %s is not found, on either droplet, and drains none", async (method, route) => {
    // As many as there are droplets, and the same again: requests go round.
    const answers = [];
    for (let count = 0; count < 4; count += 1) answers.push(await ask(method, route));
    expect(answers).toEqual([404, 404, 404, 404]);
    expect(await ask("GET", "/")).toBe(200);
    expect(await frontStates(scenario.world.droplets)).toEqual(["open", "open"]);
  });
});

describe("a login", () => {
  const PASSWORD = "correct-horse-battery";

  /** One try with OpenSSH's client; the password is what it is told when it asks for one. */
  async function login(user: string, settings: readonly string[]): Promise<string> {
    const askpass = path.join(folder, "askpass");
    writeFileSync(askpass, `#!/bin/sh\necho ${PASSWORD}\n`, { mode: 0o700 });
    const config = scenario.world.environment()[names.sshConfig] ?? "";
    const all = [
      ...settings,
      "StrictHostKeyChecking=no",
      "UserKnownHostsFile=/dev/null",
      "LogLevel=ERROR",
      "ConnectTimeout=5",
    ];
    const { stdout, stderr } = await execa(
      "ssh",
      ["-F", config, ...all.flatMap((one) => ["-o", one]), `${user}@${droplet.address}`, "id -un"],
      { reject: false, stdin: "ignore", env: { SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: "force" } },
    );
    return stdout || stderr;
  }
  const byKey = (user: string): Promise<string> => login(user, ["PreferredAuthentications=publickey"]);
  const byPassword = (user: string): Promise<string> =>
    login(user, ["PubkeyAuthentication=no", "PreferredAuthentications=keyboard-interactive,password"]);
  /** Changes what cloud-init wrote for sshd, while something is done. */
  async function withSshd(change: string, work: () => Promise<void>): Promise<void> {
    const file = "/etc/ssh/sshd_config.d/10-evenkeel.conf";
    await sh(`cp ${file} /root/sshd.kept && sed -i '${change}' ${file}`);
    await droplet.restart("ssh");
    try {
      await work();
    } finally {
      await sh(`mv /root/sshd.kept ${file}`);
      await droplet.restart("ssh");
    }
  }
  const refused = "Permission denied (publickey).";

  it("as root is refused, although root has the key of the fleet", async () => {
    expect(await sh("cat /root/.ssh/authorized_keys")).toContain(scenario.world.site.clientKey.split(" ")[1]);
    expect(await byKey("deploy")).toBe("deploy");
    expect(await byKey("root")).toContain(refused);
    await withSshd("s/PermitRootLogin no/PermitRootLogin yes/", async () => expect(await byKey("root")).toBe("root"));
    expect(await byKey("root")).toContain(refused);
  });

  it("with a password is refused, also with the right one", async () => {
    await sh(`echo 'deploy:${PASSWORD}' | chpasswd`);
    expect(await byPassword("deploy")).toContain(refused);
    await withSshd("s/PasswordAuthentication no/PasswordAuthentication yes/", async () =>
      expect(await byPassword("deploy")).toBe("deploy"),
    );
    expect(await byPassword("deploy")).toContain(refused);
  });

  it("to a droplet that shows another host key than before is a clear stop that changes nothing", async () => {
    const before = await scenario.running();
    await droplet.changeHostKey(true);
    const { exitCode, stderr, receipt } = await scenario.deploy(await scenario.world.pushReference("v3"), own);
    await droplet.changeHostKey(false);
    expect([exitCode, receipt?.error?.code]).toEqual([3, "HostKeyChanged"]);
    expect(stderr).toContain(`remove the entry droplet-${droplet.id} from the known hosts file`);
    expect(await scenario.running()).toEqual(before);
  });
});

describe("the metadata address", () => {
  const FETCH = `fetch("http://${METADATA}/", { signal: AbortSignal.timeout(3000) }).then((one) => one.text()).then((text) => console.log(text.trim()), ({ cause }) => console.log(cause?.code))`;
  const inContainers = (): Promise<string[]> =>
    Promise.all([
      droplet.run(["docker", "exec", "api", "node", "-e", FETCH]),
      droplet.run(["docker", "run", "--rm", "--network", "other", "--entrypoint", "node", "probe:1", "-e", FETCH]),
    ]);

  it("is reached by the droplet and by no container, on Docker's own network or another", async () => {
    const metadata = await scenario.world.site.attach("metadata", { foreignAddress: METADATA });
    await sh("docker network create other && docker tag $(docker inspect -f '{{.Image}}' api) probe:1");
    await serving(metadata, METADATA, [80], async () => {
      expect(await droplet.run(curl(`http://${METADATA}/`))).toBe(METADATA);
      expect(await inContainers()).toEqual(["ECONNREFUSED", "ECONNREFUSED"]);
      await sh(`iptables -D DOCKER-USER -d ${METADATA} -j REJECT`);
      expect(await inContainers()).toEqual([METADATA, METADATA]);
      await sh("/usr/local/sbin/evenkeel-block-metadata");
      expect(await inContainers()).toEqual(["ECONNREFUSED", "ECONNREFUSED"]);
    });
    await sh("docker rmi probe:1 && docker network rm other");
  });
});

describe("after a deploy and a rollout, the secrets", () => {
  const secrets = new Map<string, string>();
  beforeAll(() => {
    const { world } = scenario;
    secrets.set("the API token", world.environment()[names.digitaloceanToken] ?? "");
    secrets.set("the registry password", REGISTRY_PASSWORD);
    world.api.logins.minted.forEach(({ token }, index) => secrets.set(`minted login ${index + 1}`, token));
    const key = readFileSync(path.join(world.folder, "id_ecdsa"), "utf8").split("\n");
    secrets.set("the operator's key", key[2] ?? "");
    secrets.set("the app's secret", APP_SECRET);
    secrets.set("the key of its fingerprint", own[SECRETS_KEY_VARIABLE]);
    for (const secret of secrets.values()) expect(secret.length).toBeGreaterThan(8);
    expect([...secrets.keys()]).toContain("minted login 1");
  });

  /** Everything that a droplet has: its disk, Docker's, what is kept in memory, and what its processes were started with. */
  async function on(one: RealDroplet, wanted: ReadonlyMap<string, string>): Promise<Place[]> {
    const disk = path.join(scenario.world.folder, one.id);
    const files = [path.join(disk, "disk/upper"), path.join(disk, "root/var/lib/docker")];
    const script = async (what: string, text: string): Promise<Place> => ({
      where: `${what} of ${one.name}`,
      text: Buffer.from(
        await one.run(["/bin/sh", "-c", `{ ${text}; } 2>/dev/null | base64 --wrap 0`]),
        "base64",
      ).toString("latin1"),
    });
    return [
      ...(await Promise.all(files.map((file) => suspectsIn(file, wanted)))).flat(),
      await script("memory", "find /run /tmp /dev/shm -xdev -type f -exec cat {} +"),
      await script("processes", "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline"),
      await script("containers", "docker inspect $(docker ps -aq)"),
      await script(
        "images",
        "docker inspect $(docker images -q); docker history --no-trunc $(docker images -q | head -1)",
      ),
      await script("logs", "for one in $(docker ps -aq); do docker logs $one 2>&1; done"),
    ];
  }
  const everywhere = async (): Promise<Place[]> =>
    (await Promise.all(scenario.world.droplets.map((one) => on(one, secrets)))).flat();

  it("are on no droplet: disk, memory, processes, containers, images, logs", async () => {
    const places = await everywhere();
    const text = (what: string): string =>
      places
        .filter(({ where }) => where.includes(what))
        .map((one) => one.text)
        .join("\n");
    // What was to be looked at was there.
    expect(text("names in")).toMatch(/releases\/\S+\.env/);
    expect(text("names in")).toMatch(/overlay2\/\S+\/diff/);
    expect(text("processes of api-1")).toContain("dockerd");
    expect(text("containers of api-1")).toContain('"Env"');
    expect(text("logs of api-1")).toContain("start");
    // The one place that the app reads it from, of both releases on both droplets.
    const kept = found(secrets, places).filter((one) =>
      /^the app's secret in .*\/releases\/[0-9a-f]{16}\.secrets\/APP_SECRET$/.test(one),
    );
    expect(kept).toHaveLength(4);
    expect(found(secrets, places).filter((one) => !kept.includes(one))).toEqual([]);
    // Nobody is logged in to anything.
    expect(text("names in")).not.toMatch(/\.docker\/config\.json|doctl/);
  });

  it("of the app are read by its user in the container, and by nobody else on the droplet", async () => {
    expect(await sh("docker exec api sh -c 'cat $APP_SECRET_FILE'")).toBe(APP_SECRET);
    const others = "su -s /bin/sh nobody -c 'cat /home/deploy/.evenkeel/api/releases/*.secrets/*' 2>&1 || :";
    expect(await sh(others)).toMatch(/Permission denied|No such file/);
  });

  it("are not in what was synthesized, nor in what the rollouts kept here", () => {
    const places = [...filesIn(scenario.stackFolder), ...filesIn(path.join(scenario.world.folder, "state"))];
    const seen = places.map(({ where }) => path.basename(where));
    expect(seen).toEqual(expect.arrayContaining(["cdk.tf.json", "events.jsonl", "receipt.json", "known_hosts"]));
    const outputs = { where: "the output", text: JSON.stringify(scenario.world.output("manifest")) };
    expect(found(secrets, [...places, outputs])).toEqual([]);
  });

  it("are found where they are put: disk, Docker's disk, memory, a process, a container, the name of a file", async () => {
    const planted = new Map(
      ["disk", "layer", "memory", "process", "container", "name"].map((where) => [where, core()]),
    );
    const secret = (where: string): string => planted.get(where) ?? "";
    const auth = Buffer.from(`robot:${secret("disk")}`).toString("base64");
    await sh(`echo '{"auth":"${auth}"}' >/root/kept.json; touch /root/${secret("name")}
      echo ${secret("memory")} >/run/kept
      KEPT=${secret("process")} setsid sleep 60 >/dev/null 2>&1 & echo $! >/run/kept.pid
      docker create --name kept --env KEPT=${secret("container")} $(docker inspect -f '{{.Image}}' api)
      echo ${secret("layer")} >/root/layer; docker cp /root/layer kept:/layer; rm /root/layer`);
    const places = await on(droplet, planted);
    await sh("docker rm kept; kill $(cat /run/kept.pid); rm /run/kept* /root/kept.json");
    expect(found(planted, places).map((one) => one.replace(/ in .*/, ""))).toEqual(
      expect.arrayContaining([...planted.keys()]),
    );
  });
});

const curl = (url: string): string[] => ["curl", "--silent", "--show-error", "--max-time", "3", url];

/** Servers on the ports of a machine while something is done. */
async function serving(
  there: NetworkNode,
  address: string,
  ports: readonly number[],
  work: () => Promise<void>,
): Promise<void> {
  const seen = path.join(folder, address);
  mkdirSync(seen);
  const servers = await Promise.all(ports.map((port) => serve(there.argv, address, port, seen)));
  try {
    await work();
  } finally {
    for (const server of servers) server.kill("SIGKILL");
  }
}

/** An argument list as execa takes it. */
function command(node: NetworkNode, ...argv: string[]): [file: string, rest: string[]] {
  const [file = "", ...rest] = [...node.argv, ...argv];
  return [file, rest];
}
