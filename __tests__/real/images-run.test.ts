/** Releases that fail, and variants of the reference: what their containers really do on a droplet. */
import { afterAll, beforeAll, expect, it, jest } from "@jest/globals";
import type { RealDroplet } from "../../lab/real/droplet.js";
import { Images, REPOSITORY } from "../../lab/real/images.js";
import { REGISTRY_NAME, type RealRegistry } from "../../lab/real/registry.js";
import type { StoredImage } from "../../lab/real/registry-push.js";
import { until } from "../lab/support/until.js";
import { Droplets } from "./support/droplets.js";
import { startRegistry } from "./support/registry.js";

/** The first run on a machine builds the images. */
jest.setTimeout(600_000);

let images: Images;
let droplets: Droplets;
let droplet: RealDroplet;
let registry: RealRegistry;

beforeAll(async () => {
  images = await Images.open();
  droplets = await Droplets.start();
  const reached = await startRegistry(droplets, () => true);
  registry = reached.registry;
  droplet = await droplets.order(reached.extras);
  await droplet.booted();
  await sh(`docker login -u any -p any ${REGISTRY_NAME}`);
});
afterAll(async () => {
  await registry.close();
  await droplets.end();
  expect(droplets.faults).toEqual([]);
});

const sh = (script: string): Promise<string> => droplet.run(["/bin/sh", "-c", script]);
const inspect = (name: string, format: string): Promise<string> => sh(`docker inspect -f '{{${format}}}' ${name}`);
/** What the service port answers: a status, or 000 when there is no answer, which curl itself takes for a failure. */
const status = (): Promise<string> =>
  sh("curl -s -o /dev/null -w '%{http_code}\\n' http://127.0.0.1:8080/health; true");

/** Pulls an image and runs it under a name, its service port on the droplet's loopback. */
async function run(name: string, image: StoredImage, options = ""): Promise<void> {
  const pushed = await registry.push(REPOSITORY, name, image);
  await sh(`docker ps -aq | xargs --no-run-if-empty docker rm -f && docker pull -q ${pushed}`);
  await sh(`docker run -d --name ${name} -p 127.0.0.1:8080:8080 ${options} ${pushed}`);
}

it("one that exits at once does, with its reason in the log", async () => {
  await run("exits-at-once", await images.broken("exits-at-once"));
  await until("it has ended", async () => (await inspect("exits-at-once", ".State.Status")) === "exited");
  expect(await inspect("exits-at-once", ".State.ExitCode")).toBe("1");
  expect(await sh("docker logs exits-at-once 2>&1")).toContain("DATABASE_URL is not set");
});

it("one that crashes again and again is restarted again and again", async () => {
  await run("crash-loop", await images.broken("crash-loop"), "--restart always");
  await until("it was restarted twice", async () => Number(await inspect("crash-loop", ".RestartCount")) >= 2);
});

it("one that never becomes healthy answers 503", async () => {
  await run("never-healthy", await images.broken("never-healthy"));
  await until("it answers", async () => (await status()) === "503");
  expect(await inspect("never-healthy", ".State.Running")).toBe("true");
});

it("one on a wrong port runs and answers nothing", async () => {
  await run("wrong-port", await images.broken("wrong-port"));
  await until("it says so", async () => (await sh("docker logs wrong-port")).includes("listening on port 3000"));
  expect(await status()).toBe("000");
  expect(await inspect("wrong-port", ".State.Running")).toBe("true");
});

it("the example serves, closes connections once it was drained, and ends by itself when it is stopped", async () => {
  await run("example", await images.example("v1"), "-e DRAIN_PORT=9000 -p 127.0.0.1:9000:9000");
  await until("it serves", async () => (await status()) === "200");
  const head = "curl -sf -o /dev/null -D - http://127.0.0.1:8080/";
  expect((await sh(head)).toLowerCase()).toContain("connection: keep-alive");
  await sh("curl -sf -X POST http://127.0.0.1:9000/drain");
  expect((await sh(head)).toLowerCase()).toContain("connection: close");
  expect(await status()).toBe("200");
  await sh("docker stop example");
  expect(await inspect("example", ".State.ExitCode")).toBe("0");
});

it("the reference answers the long request of load tests", async () => {
  await run("reference", await images.reference("v1"));
  await until("it serves", async () => (await status()) === "200");
  expect(await sh("curl -sf 'http://127.0.0.1:8080/slow?ms=1'")).toBe('{"waitedMs":1}');
});

it("the article's has its three routes, and no handler for SIGTERM", async () => {
  await run("article", await images.reference("v1", { contract: "article" }));
  await until("it serves", async () => (await status()) === "200");
  expect(await sh("curl -sf http://127.0.0.1:8080/shutdown")).toBe('{"shutdown":true}');
  expect(await status()).toBe("503");
  await sh("docker stop -t 1 article");
  expect(await inspect("article", ".State.ExitCode")).toBe("137");
});

it("one that takes long to start sleeps first, and is then as any other", async () => {
  await run("slow", await images.reference("v1", { startDelaySeconds: 4 }));
  expect(await status()).toBe("000");
  expect(await sh("docker exec slow cat /proc/1/comm")).toBe("sh");
  await until("it serves", async () => (await status()) === "200");
  expect(await sh("docker exec slow cat /proc/1/comm")).toBe("node");
  await sh("docker stop slow");
  expect(await inspect("slow", ".State.ExitCode")).toBe("0");
});
