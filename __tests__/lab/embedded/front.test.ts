/** Containers in a network of their own, and the front that leads a droplet's ports to them. */
import { jest } from "@jest/globals";
import { connect, type Socket } from "node:net";
import { once } from "node:events";
import { FRONT_HELPER } from "../../../contract/host.js";
import type { EmbeddedDroplet } from "../../../lab/embedded/droplet.js";
import { embedded, type EmbeddedWorld } from "../../../lab/embedded/site.js";
import { startWorld } from "../../../lab/world.js";
import { closeSsh } from "../support/ssh.js";
import { stackJson } from "../support/stack.js";
import { until } from "../support/until.js";

/** For a machine that is slow or busy; nothing is concluded from the time it takes. */
jest.setTimeout(60_000);

const REGISTRY = "registry.example.com";
const PRIVATE = "10.110.0.2";
const CHECK = 8086;
const [ONE, TWO] = ["172.31.255.242", "172.31.255.243"];
const NETWORK =
  "172.31.255.240/28 172.31.255.241 ek0 172.31.255.248/29 172.31.255.242 172.31.255.243 172.31.255.244 172.31.255.245 172.31.255.246 172.31.255.247";
const SLOT_FORMAT =
  '{{with index .NetworkSettings.Networks "evenkeel"}}{{with .IPAMConfig}}{{.IPv4Address}}{{end}}{{end}}';
const ADDRESS_FORMAT = '{{with index .NetworkSettings.Networks "evenkeel"}}{{.IPAddress}}{{end}}';

const NODE_APP = `
  const { createServer } = require("node:http");
  const answer = (_, response) => response.end(process.env.NAME);
  createServer(answer).listen(Number(process.env.PORT), process.env.HOST);
  process.on("SIGTERM", () => process.exit(0));
`;

/** The balancer asks a port of its own. */
function stack(): object {
  const declared = stackJson({ names: ["api-1"] }) as {
    resource: { digitalocean_loadbalancer: { balancer: { healthcheck: { port: number } } } };
  };
  declared.resource.digitalocean_loadbalancer.balancer.healthcheck.port = CHECK;
  return declared;
}

let world: EmbeddedWorld;
let host: EmbeddedDroplet;
let image: string;

beforeAll(async () => {
  const registries = { [REGISTRY]: { user: "me", password: "secret" } };
  world = await startWorld({ stackJson: stack(), site: embedded({ registries }) });
  host = world.droplet("api-1");
  await host.booted();
  image = world.site.push({
    ...{ repository: `${REGISTRY}/team/api`, tag: "v1", command: [process.execPath, "-e", NODE_APP] },
    environment: { PORT: "80" },
  });
  const auth = Buffer.from("me:secret").toString("base64");
  const config = JSON.stringify({ auths: { [REGISTRY]: { auth } } });
  expect(
    await sh(`mkdir c && echo '${config}' >c/config.json && docker --config "$HOME/c" pull -q ${image}`),
  ).toMatchObject({ exitCode: 0 });
  expect(await sh(`docker run -d --network evenkeel --ip ${ONE} --name early ${image}`)).toMatchObject({
    exitCode: 125,
    stderr: expect.stringContaining("docker: Error response from daemon: network evenkeel not found"),
  });
  // Docker keeps a container that it could not start.
  await sh("docker rm -f early");
  await sh(
    "docker network create --driver bridge --subnet 172.31.255.240/28 --gateway 172.31.255.241 --ip-range 172.31.255.248/29 --opt com.docker.network.bridge.name=ek0 evenkeel",
  );
});
afterEach(async () => {
  await front("clear api");
  await front("clear other");
  await sh("docker ps -aq --no-trunc | while read -r id; do docker rm -f $id; done");
});
afterAll(async () => {
  await closeSsh(world);
  await world.stop();
});

const sh = (command: string) => host.shell(command);
const front = (words: string) => sh(`sudo -n ${FRONT_HELPER} ${words}`);
const lead = (address: string, ports = `80 ${CHECK}`) => front(`switch api ${PRIVATE} ${ports} ${address} 80`);
const shown = async (): Promise<string> => (await front("show")).stdout;
const curl = async (url: string): Promise<string> => (await sh(`curl -s ${url} || echo $?`)).stdout;

/** Resolves once it serves at its own address. */
async function container(name: string, address: string, more = ""): Promise<void> {
  const place = `--network evenkeel --ip ${address} --mount type=bind,src=/etc/resolv.conf,dst=/etc/resolv.conf,readonly`;
  const run = await sh(`docker run -d ${place} --name ${name} -e NAME=${name} -p 127.0.0.1::80 ${more} ${image}`);
  expect(run).toMatchObject({ exitCode: 0, stderr: "" });
  await until(`${name} serves`, async () => (await curl(`http://${address}/`)) === name);
}

describe("Docker's network of the containers", () => {
  test("is there once, and looked for by name", async () => {
    const inspect = (name: string) => sh(`docker network inspect --format '{{.Name}}' ${name}`);
    expect(await inspect("evenkeel")).toMatchObject({ exitCode: 0, stdout: "evenkeel" });
    expect(await inspect("nosuch")).toMatchObject({ exitCode: 1, stderr: "Error: No such network: nosuch" });
    const again =
      "docker network create --subnet 172.31.255.240/28 --gateway 172.31.255.241 --ip-range 172.31.255.248/29";
    expect(await sh(`${again} evenkeel`)).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("network with name evenkeel already exists"),
    });
    expect(await sh(`${again} other`)).toMatchObject({ stderr: expect.stringContaining("Pool overlaps") });
  });

  test("two containers of the same ports run at once, each at its own address", async () => {
    await container("one", ONE, "-p 127.0.0.1:9000:80");
    await container("two", TWO, "-p 127.0.0.1:9080:80 -p 127.0.0.1:9081:80");
    expect(await curl(`http://${ONE}:80/ http://${TWO}:80/`)).toBe("onetwo");
    expect(await curl(`http://127.0.0.1:9000/ http://127.0.0.1:9080/ http://127.0.0.1:9081/`)).toBe("onetwotwo");
    expect(await curl(`http://${ONE}:8080/`)).toBe("7");
  });

  test("an address belongs to the container that runs; one that is stopped keeps it in mind", async () => {
    await container("one", ONE);
    const taken = await sh(`docker run -d --network evenkeel --ip ${ONE} --name two -p 127.0.0.1::80 ${image}`);
    expect(taken).toMatchObject({ exitCode: 125, stderr: expect.stringContaining("Address already in use") });
    await sh(`docker run -d --name three ${image}`);
    const seen = async (format: string, names: string): Promise<string[]> =>
      (await sh(`docker inspect --type container --format '${format}' ${names}; echo`)).stdout.split("\n").slice(0, 3);
    expect(await seen(SLOT_FORMAT, "one two three")).toEqual([ONE, ONE, ""]);
    expect(await seen(ADDRESS_FORMAT, "one two three")).toEqual([ONE, "", ""]);
    await sh("docker stop one");
    expect(await seen(SLOT_FORMAT, "one two three")).toEqual([ONE, ONE, ""]);
    expect(await seen(ADDRESS_FORMAT, "one two three")).toEqual(["", "", ""]);
    expect((await sh("docker start two")).exitCode).toBe(0);
    expect((await sh("docker start one")).stderr).toContain("Address already in use");
    expect((await sh("docker ps -aq --no-trunc")).stdout.split("\n")).toHaveLength(3);
  });

  test("a container that is given no address gets one of those that Docker chooses from", async () => {
    await sh(`docker run -d --network evenkeel --name any ${image}`);
    expect((await sh(`docker inspect --format '${ADDRESS_FORMAT}' any`)).stdout).toBe("172.31.255.248");
    expect((await sh(`docker inspect --format '${SLOT_FORMAT}' any`)).stdout).toBe("");
  });

  test("an address that is none of the network's, or without a network, is refused", async () => {
    expect((await sh(`docker run -d --network evenkeel --ip 10.0.0.1 ${image}`)).stderr).toContain(
      "Invalid address 10.0.0.1: It does not belong to any of this network's subnets",
    );
    expect((await sh(`docker run -d --ip ${ONE} ${image}`)).stderr).toContain(
      "user specified IP address is supported on user defined networks only",
    );
  });
});

describe("the front", () => {
  test("says which network it goes by", async () => {
    expect((await front("network")).stdout).toBe(NETWORK);
  });

  test("ends with 64 for a word that it does not take", async () => {
    expect(await front("drop nosuch")).toEqual({
      exitCode: 64,
      stdout: "",
      stderr: "evenkeel-front: there is no such front: nosuch",
    });
  });

  test("leads requests, the balancer's check and the droplet's own curl to a container, and to another one at once", async () => {
    await container("one", ONE);
    await container("two", TWO);
    expect((await lead(ONE)).exitCode).toBe(0);
    await until("in rotation", () => world.balancer.nodesUp(host.id).length === 1);
    const asked = async (): Promise<string> =>
      `${await (await fetch(world.balancer.url())).text()} ${await curl(`http://${PRIVATE}:${CHECK}/`)} ${String((await host.ask("/")).body)}`;
    expect(await asked()).toBe("one one one");
    await lead(TWO);
    expect(await asked()).toBe("two two two");
    expect(await shown()).toBe(`api ${PRIVATE} 80 ${CHECK} ${TWO} 80 open`);
  });

  test("has its ports before what Docker publishes, and refuses while its container does not run", async () => {
    await container("one", ONE, `-p ${PRIVATE}:80:80 -p ${PRIVATE}:8080:80`);
    await container("two", TWO);
    await lead(TWO);
    expect(await curl(`http://${PRIVATE}/ http://${PRIVATE}:8080/`)).toBe("twoone");
    await sh("docker stop two");
    expect(await curl(`http://${PRIVATE}/`)).toBe("7");
    expect(await host.endpoint(80)).toBeNull();
    await front("clear api");
    expect(await curl(`http://${PRIVATE}/`)).toBe("one");
    expect(await host.endpoint(80)).not.toBeNull();
  });

  test("a dropped health port is refused to the balancer, while clients are served and the droplet itself asks", async () => {
    await container("one", ONE);
    await lead(ONE);
    await until("in rotation", () => world.balancer.nodesUp(host.id).length === 1);
    await front("drop api");
    expect(await shown()).toContain(" dropped");
    expect([await host.endpoint(CHECK), typeof (await host.endpoint(80))]).toEqual([null, "number"]);
    expect(await curl(`http://${PRIVATE}:${CHECK}/`)).toBe("one");
    await until("out of rotation", () => world.balancer.nodesUp(host.id).length === 0);
    await front("raise api");
    await until("in rotation again", () => world.balancer.nodesUp(host.id).length === 1);
  });

  test("goes back to what is kept, and to nothing where nothing is", async () => {
    await container("one", ONE);
    await container("two", TWO);
    await lead(ONE, "80,81 8086,8087");
    await front("keep api");
    await lead(TWO);
    await front("drop api");
    expect((await front("undo api")).exitCode).toBe(0);
    expect(await shown()).toBe(`api ${PRIVATE} 80,81 8086,8087 ${ONE} 80 open`);
    expect(await curl(`http://${PRIVATE}:81/ http://${PRIVATE}:8087/`)).toBe("oneone");
    await front("clear api");
    expect((await front("undo api")).exitCode).toBe(0);
    expect(await shown()).toBe("");
  });

  test("after a loss of power it leads where it was kept, before any container starts", async () => {
    await container("one", ONE, "--restart always");
    await container("two", TWO, "--restart always");
    await lead(ONE);
    await front("keep api");
    await lead(TWO);
    await closeSsh(world);
    await host.powerOff();
    host.powerOn();
    await host.booted();
    expect(await shown()).toBe(`api ${PRIVATE} 80 ${CHECK} ${ONE} 80 open`);
    await until("it serves", async () => (await curl(`http://${PRIVATE}/`)) === "one");
  });

  test("tells who asked, who was refused, who was answered, and how many connections came", async () => {
    await container("one", ONE);
    await lead(ONE);
    const told = async (): Promise<string> => (await front("evidence api 900")).stdout;
    await until("answered", async () => (await told()).includes("answered"));
    await until("in rotation", () => world.balancer.nodesUp(host.id).length === 1);
    const opened = async (): Promise<number> => Number(/^opened 80 (\d+) \d+$/m.exec(await told())?.[1] ?? 0);
    const before = await opened();
    await fetch(world.balancer.url());
    expect(await opened()).toBe(before + 1);
    await curl(`http://${PRIVATE}/ http://${PRIVATE}:${CHECK}/`);
    expect(await opened()).toBe(before + 1);
    await front("drop api");
    await until("refused", async () => (await told()).includes("refused"));
    const node = process.platform === "linux" ? "127.0.1.1" : "127.0.0.1";
    const lines = (await told()).split("\n");
    expect(
      lines.map((line) => {
        const words = line.split(" ");
        return [...words.slice(0, line.startsWith("answered") ? 5 : 3), words.length].join(" ");
      }),
    ).toEqual(
      expect.arrayContaining([
        ...[`asked ${CHECK} ${node} 6`, `refused ${CHECK} ${node} 6`, `answered ${CHECK} ${node} ${ONE} 80 8`],
      ]),
    );
  });

  test("tells of each node's newest probes in a row, whether they are answered by the container it leads to, and when", async () => {
    const [told, node] = [
      async (): Promise<string> => (await front("traffic api 5000")).stdout,
      process.platform === "linux" ? "127.0.1.1" : "127.0.0.1",
    ];
    await container("one", ONE);
    await container("two", TWO);
    await lead(ONE);
    await until("in rotation", () => world.balancer.nodesUp(host.id).length === 1);
    await fetch(world.balancer.url());
    expect(await told()).toMatch(/^opened 80 \d+ \d+$/m);
    const passed = (count: string): RegExp => new RegExp(`^probed ${CHECK} ${node} passed ${count} \\d+ \\d+$`, "m");
    await until("a second answer", async () => passed("(?:[2-9]|\\d{2,})").test(await told()));
    expect((await told()).split("\n")[0]).toBe(`led ${ONE} 80 open ${PRIVATE} 80 8086`);
    // By another container from now on, until that is the one. Nobody asks meanwhile, however long a busy machine takes to tell.
    const { balancer } = world;
    const { settings } = balancer;
    await balancer.update({ ...settings, check: { ...settings.check, intervalSeconds: 1_000_000 } });
    await told();
    await lead(TWO);
    expect(await told()).not.toMatch(passed("\\d+"));
    expect(await told()).toMatch(new RegExp(`^probed ${CHECK} ${node} elsewhere `, "m"));
    await balancer.update(settings);
    await until("an answer of the other", async () => passed("\\d+").test(await told()));
    await front("drop api");
    await until("a refusal", async () => / failed \d/.test(await told()));
    expect((await told()).split("\n")[0]).toBe(`led ${TWO} 80 dropped ${PRIVATE} 80 8086`);
    expect(await told()).not.toMatch(passed("\\d+"));
    expect(await front("traffic api 0")).toMatchObject({ exitCode: 64, stdout: "" });
  });

  const counts = "counts open connections of a container's process";
  if (process.platform !== "linux")
    test.skip(`${counts}: not tested, as only Linux tells them (/proc)`, () => undefined);
  else
    test(counts, async () => {
      await container("one", ONE);
      // The balancer does not ask this port: its check is refused here.
      await front(`switch api ${PRIVATE} 80 - ${ONE} 80`);
      const open = async (): Promise<string> => (await front(`open ${host.pid("one")} 80`)).stdout;
      expect(await open()).toBe("0");
      const sockets: Socket[] = [];
      for (let number = 0; number < 2; number += 1) {
        const socket = connect(Number(await host.endpoint(80)), "127.0.0.1");
        await once(socket, "connect");
        sockets.push(socket);
      }
      expect(await open()).toBe("2");
      for (const socket of sockets) socket.destroy();
      expect(await front(`open ${process.pid} 80`)).toMatchObject({ exitCode: 64 });
    });
});

test("sudo knows nothing else, and the end of the world says so", async () => {
  const other = await startWorld({ stackJson: stackJson({ names: ["api-1"] }), site: embedded() });
  const droplet = other.droplet("api-1");
  await droplet.booted();
  expect((await droplet.shell("sudo -n reboot")).exitCode).toBe(1);
  await expect(other.stop()).rejects.toThrow("the lab's sudo knows only");
});
