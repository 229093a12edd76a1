import { jest } from "@jest/globals";
import { setTimeout as sleep } from "node:timers/promises";
import type { EmbeddedDroplet } from "../../../lab/embedded/droplet.js";
import { embedded, type EmbeddedWorld } from "../../../lab/embedded/site.js";
import { startWorld } from "../../../lab/world.js";
import { closeSsh, ssh } from "../support/ssh.js";
import { stackJson } from "../support/stack.js";
import { until } from "../support/until.js";

/** For a machine that is slow or busy; nothing is concluded from the time it takes. */
jest.setTimeout(60_000);

const REGISTRY = "registry.example.com";
const config = JSON.stringify({ auths: { [REGISTRY]: { auth: Buffer.from("me:secret").toString("base64") } } });

let world: EmbeddedWorld;
let host: EmbeddedDroplet;
/** Answers, and ends on SIGTERM. */
let good: string;

beforeAll(async () => {
  const registries = { [REGISTRY]: { user: "me", password: "secret" } };
  world = await startWorld({ stackJson: stackJson({ names: ["api-1"] }), site: embedded({ registries }) });
  host = world.droplet("api-1");
  await host.booted();
  good = await push(NODE_APP);
});
afterEach(async () => {
  await sh("docker ps -a -q --no-trunc | while read -r id; do docker rm -f $id; done");
});
afterAll(async () => {
  await closeSsh(world);
  await world.stop();
});

const NODE_APP = `
  const { createServer } = require("node:http");
  createServer((_, answer) => answer.end("hello " + process.env.NAME)).listen(Number(process.env.PORT), process.env.HOST);
  process.on("SIGTERM", () => process.exit(0));
  console.log("up"); console.error("careful");
`;

async function push(script: string, more: { stopsOnTerm?: boolean } = {}): Promise<string> {
  const image = world.site.push({
    ...{ repository: `${REGISTRY}/team/api`, tag: "v1" },
    ...{ command: [process.execPath, "-e", script], environment: { PORT: "80", NAME: "image" } },
    ...more,
  });
  const pulled = await sh(
    `mkdir -p c && cat >c/config.json && docker --config "$HOME/c" pull --quiet ${image}`,
    config,
  );
  expect(pulled).toEqual({ code: 0, stdout: `${image}\n`, stderr: "" });
  return image;
}

const sh = (command: string, input?: string) => ssh(world, host, command, input);
const state = async (name: string): Promise<string> =>
  (await sh(`docker inspect --format '{{.State.Status}} {{.State.ExitCode}} {{.RestartCount}}' ${name}`)).stdout.trim();

test("a container runs, answers on its published port and stops", async () => {
  const run = await sh(`docker run -d --name api --init -e NAME=lab -p 10.110.0.2:80:80 ${good}`);
  expect(run).toEqual({ code: 0, stdout: expect.stringMatching(/^[0-9a-f]{64}\n$/), stderr: "" });
  await until("it answers", async () => (await sh("curl -s http://10.110.0.2:80/")).stdout === "hello lab");
  expect(await sh("docker stop -t 5 api")).toEqual({ code: 0, stdout: "api\n", stderr: "" });
  expect(await state("api")).toBe("exited 0 0");
  expect((await sh("curl -s http://10.110.0.2:80/")).code).toBe(7);
});

test("a port answers at its published address only, and nothing else of this machine is reached", async () => {
  await sh(`docker run -d --name api -p 127.0.0.1:9000:80 ${good}`);
  await until("it answers", async () => (await sh("curl -s http://127.0.0.1:9000/")).code === 0);
  expect((await sh("curl -s http://10.110.0.2:9000/")).code).toBe(7);
  expect((await sh(`curl -s ${world.api.url}`)).code).toBe(7);
});

test("environment comes from the image, then the file, then the command line", async () => {
  await sh("printf 'NAME=file\\n# comment\\n\\nX=a=b\\n' >e");
  await sh(`docker run -d --name api --env-file e -e Y=1 ${good}`);
  expect((await sh("docker inspect --format '{{json .Config.Env}}' api")).stdout).toBe(
    '["PORT=80","NAME=file","X=a=b","Y=1"]\n',
  );
  expect(await sh(`docker run -d --name other --env-file nosuch ${good}`)).toMatchObject({ code: 125 });
});

test("labels and state are shown the way the rollout asks for them", async () => {
  await sh(`docker run -d --name api --label evenkeel.release=abc --restart no --memory 64m --stop-timeout 3 ${good}`);
  const format = `{{.Config.Image}}|{{index .Config.Labels "evenkeel.release"}}|{{.State.Running}}|{{.State.Restarting}}|{{.RestartCount}}|{{.HostConfig.Memory}}`;
  expect((await sh(`docker inspect --type container --format '${format}' api`)).stdout).toBe(
    `${good}|abc|true|false|0|67108864\n`,
  );
  expect((await sh("docker ps --filter label=evenkeel.release=abc --format '{{.Names}} {{.State}}'")).stdout).toBe(
    "api running\n",
  );
  expect((await sh("docker ps -a --filter name=nothing --format '{{.Names}}'")).stdout).toBe("");
  expect((await sh("docker version --format '{{.Server.Version}}'")).stdout).toBe("20.10.24\n");
});

test("a log has both streams, and its last lines", async () => {
  await sh(`docker run -d --name api ${good}`);
  await until("it has written", async () => (await sh("docker logs api")).stderr !== "");
  expect(await sh("docker logs api")).toEqual({ code: 0, stdout: "up\n", stderr: "careful\n" });
  expect(await sh("docker logs --tail 1 api 2>&1")).toMatchObject({
    stdout: expect.stringMatching(/^(up|careful)\n$/),
  });
});

test("names are moved", async () => {
  await sh(`docker run -d --name api ${good}`);
  expect(await sh("docker rename api api-previous && docker start api-previous")).toMatchObject({ code: 0 });
  expect((await host.containers()).map(({ name }) => name)).toEqual(["api-previous"]);
});

test("fails when a name is in use", async () => {
  await sh(`docker run -d --name api ${good}`);
  const { code, stdout, stderr } = await sh(`docker run -d --name api ${good}`);
  expect([code, stdout]).toEqual([125, ""]);
  expect(stderr).toMatch(
    /^docker: Error response from daemon: Conflict\. The container name "\/api" is already in use by container "[0-9a-f]{64}"\. You have to remove \(or rename\) that container to be able to reuse that name\.\n\nRun 'docker run --help' for more information\n$/,
  );
});

test("fails when a port is in use, and leaves a created container", async () => {
  await sh(`docker run -d --name api -p 80:80 ${good}`);
  const { code, stdout, stderr } = await sh(`docker run -d --name api2 -p 80:80 ${good}`);
  expect([code, stdout]).toEqual([125, expect.stringMatching(/^[0-9a-f]{64}\n$/)]);
  expect(stderr).toContain("Bind for 0.0.0.0:80 failed: port is already allocated\n");
  expect(await state("api2")).toBe("created 0 0");
});

test("fails for a container that is not there, in Docker's words", async () => {
  expect(await sh("docker stop nosuch")).toEqual({
    code: 1,
    stdout: "",
    stderr: "Error response from daemon: No such container: nosuch\n",
  });
  expect(await sh("docker inspect nosuch")).toEqual({
    code: 1,
    stdout: "[]\n",
    stderr: "Error: No such object: nosuch\n",
  });
});

test("fails for an image that cannot be pulled", async () => {
  expect(await sh(`docker pull ${REGISTRY}/team/api:v1`)).toEqual({
    code: 1,
    stdout: "",
    stderr: `Error response from daemon: Head "https://${REGISTRY}/v2/team/api/manifests/v1": no basic auth credentials\n`,
  });
  expect(await sh(`docker run -d ${REGISTRY}/team/api:v7`)).toMatchObject({ code: 125 });
});

test("a command that the image does not have leaves a created container", async () => {
  const { code, stderr } = await sh(`docker run -d --name api ${good} nosuchbinary`);
  expect([code, stderr]).toEqual([
    127,
    expect.stringContaining('exec: "nosuchbinary": executable file not found in $PATH'),
  ]);
  expect(await state("api")).toBe("created 0 0");
});

test("a crash loop is a success for docker run, and restarts ever more slowly", async () => {
  const crashing = await push("setTimeout(() => process.exit(3), 20)");
  expect((await sh(`docker run -d --name api --restart always ${crashing}`)).code).toBe(0);
  await until("it restarted twice", async () => ((await host.containers())[0]?.restartCount ?? 0) >= 2);
  // In one look: a moment later it may run again.
  const format = "{{.State.Status}} {{.State.Running}} {{.State.Restarting}} {{.State.ExitCode}}";
  await until("it waits, and counts as running", async () => {
    const { stdout } = await sh(`docker inspect --format '${format}' api`);
    return stdout === "restarting true true 3\n";
  });
  await sh("docker update --restart=no api");
  await until("it ended", async () => (await state("api")).startsWith("exited 3"));
});

test("a killed container is not restarted, a crashed one is", async () => {
  await sh(`docker run -d --name api --restart always ${good}`);
  await host.crash("api");
  await until("it restarted", async () => (await host.containers())[0]?.restartCount === 1 && host.pid("api") > 0);
  expect(await sh("docker kill api")).toMatchObject({ code: 0, stdout: "api\n" });
  expect(await state("api")).toBe("exited 137 1");
  await sleep(300);
  expect(await state("api")).toBe("exited 137 1");
});

test("process 1 without a handler is killed after the time that it has, unless there is an init", async () => {
  const deaf = await push("setInterval(() => undefined, 1000)", { stopsOnTerm: false });
  await sh(`docker run -d --name deaf ${deaf}; docker run -d --name inited --init ${deaf}`);
  await sleep(200);
  await sh("docker stop -t 1 deaf inited");
  expect([await state("deaf"), await state("inited")]).toEqual(["exited 137 0", "exited 143 0"]);
});

test("restart stops and starts it", async () => {
  await sh(`docker run -d --name api --init ${good}`);
  const before = host.pid("api");
  expect(await sh("docker restart -t 5 api")).toMatchObject({ code: 0, stdout: "api\n" });
  expect(host.pid("api")).not.toBe(before);
});

test("images are listed and removed, but not one in use", async () => {
  const other = await push("process.exit(0)");
  await sh(`docker run -d --name api ${good}`);
  const list = await sh(
    `docker images --digests --no-trunc --format '{{.Repository}}@{{.Digest}}' ${REGISTRY}/team/api`,
  );
  expect(list.stdout.trim().split("\n")).toEqual(expect.arrayContaining([good, other]));
  expect(await sh(`docker rmi ${other}`)).toMatchObject({ code: 0, stdout: expect.stringContaining("Untagged: ") });
  expect(await sh(`docker rmi ${good}`)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("is using its referenced image"),
  });
  expect((await sh(`docker image inspect --format '{{json .RepoDigests}}|{{.Architecture}}' ${good}`)).stdout).toMatch(
    new RegExp(`^\\["${good}"\\]\\|(amd64|arm64)\\n$`),
  );
});

test("after a loss of power, what has the policy runs again", async () => {
  await sh(`docker run -d --name api --restart always ${good}; docker run -d --name old ${good}`);
  await closeSsh(world);
  await host.powerOff();
  expect((await host.containers()).map(({ status, exitCode }) => [status, exitCode])).toEqual([
    ["exited", 255],
    ["exited", 255],
  ]);
  host.powerOn();
  await host.booted();
  expect((await host.containers()).map(({ name, status }) => `${name} ${status}`)).toEqual([
    "api running",
    "old exited",
  ]);
});
