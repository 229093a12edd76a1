/** The front of a droplet as cloud-init makes it: who may change it, and what leads where after a switch, a flush and a power failure. */
import { afterAll, beforeAll, expect, it, jest } from "@jest/globals";
import type { RealDroplet } from "../../lab/real/droplet.js";
import type { NetworkNode } from "../../lab/real/network-node.js";
import { until } from "../lab/support/until.js";
import { Droplets } from "./support/droplets.js";
import { makeTinyImage, runServer } from "./support/tiny-image.js";

/** For a machine that is slow or busy; nothing is concluded from the time it takes. */
jest.setTimeout(180_000);

const HELPER = "/usr/local/sbin/evenkeel-front";
/** Docker's network of containers, and the front's name. */
const NETWORK = "evenkeel";
const NAME = "app";

let droplets: Droplets;
let droplet: RealDroplet;
let node: NetworkNode;
/** Where the front is. */
let places: string;
/** Address of the container. */
let container: string;

beforeAll(async () => {
  droplets = await Droplets.start();
  droplet = await droplets.order();
  node = await droplets.network.attach("node", { privateAddresses: ["10.110.0.99"] });
  await droplet.booted();
  places = `${droplet.privateAddress} 80 8079`;
  await makeTinyImage(droplet);
  const { stdout } = await sudo("network");
  const [subnet = "", gateway = "", bridge = "", dynamic = "", slot = ""] = stdout.split(" ");
  container = slot;
  const range = ["--subnet", subnet, "--gateway", gateway, "--ip-range", dynamic];
  const option = ["--opt", `com.docker.network.bridge.name=${bridge}`];
  await droplet.run(["docker", "network", "create", "--driver", "bridge", ...range, ...option, NETWORK]);
  await runServer(droplet, NAME, 8080, [
    ...["--network", NETWORK, "--ip", container, "--restart", "always", "-p", "127.0.0.1::8080"],
  ]);
});
afterAll(async () => {
  await droplets.end();
  expect(droplets.faults).toEqual([]);
});

const asDeploy = async (command: string) => {
  const { exitCode, stdout, stderr } = await droplets.ssh(droplet, command);
  return { exitCode, stdout, stderr };
};
const sudo = (words: string) => asDeploy(`sudo -n ${HELPER} ${words}`);
const shown = () => `${NAME} ${places} ${container} 8080 open`;

/** What the balancer gets from a port. */
const answer = (port: number): Promise<string> =>
  droplets.claim
    .run([...node.argv, "curl", "-q", "-sS", "-m", "3", `http://${droplet.privateAddress}:${port}/`])
    .catch(() => "nothing");
const SERVED = '{"method":"GET","route":"/"}';

it("is changed by the deploying user through the helper alone", async () => {
  expect(await sudo("show")).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  expect(await answer(80)).toBe("nothing");
  expect(await sudo(`switch ${NAME} ${places} ${container} 8080`)).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  expect([await answer(80), await answer(8079)]).toEqual([SERVED, SERVED]);
  expect(await sudo("show")).toMatchObject({ stdout: shown() });

  expect(await asDeploy("sudo -n nft list ruleset")).toMatchObject({ exitCode: 1 });
  expect(await asDeploy(`sudo -n sh -c '${HELPER} show'`)).toMatchObject({ exitCode: 1 });
  expect(await asDeploy(`${HELPER} drop ${NAME}`)).not.toMatchObject({ exitCode: 0 });
  expect(await sudo(`switch ${NAME} ${droplet.privateAddress} 22 8079 ${container} 8080`)).toMatchObject({
    exitCode: 64,
  });
  expect(await sudo(`switch ${NAME} ${places} 10.110.0.99 8080`)).toMatchObject({ exitCode: 64 });
  expect(await sudo("show")).toMatchObject({ stdout: shown() });
});

it("comes back by itself when somebody flushes the firewall", async () => {
  await sudo(`switch ${NAME} ${places} ${container} 8080`);
  await droplet.run(["nft", "flush", "ruleset"]);
  await until("the front leads there again", async () => (await answer(80)) === SERVED);
  expect(await sudo("show")).toMatchObject({ stdout: shown() });
});

it("stands after a power failure before Docker does, as it was kept", async () => {
  await sudo(`switch ${NAME} ${places} ${container} 8080`);
  await sudo(`keep ${NAME}`);
  await droplet.powerOff();
  droplet.powerOn();
  await droplet.booted();
  await until("the container is up", async () => (await answer(80)) === SERVED);
  expect(await answer(8079)).toBe(SERVED);
  expect(await sudo("show")).toMatchObject({ stdout: shown() });
});
