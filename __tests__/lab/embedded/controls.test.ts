/** What may befall a droplet: its SSH, its Docker, its disk, its registry. */
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { FRONT_HELPER } from "../../../contract/host.js";
import type { EmbeddedDroplet } from "../../../lab/embedded/droplet.js";
import { embedded, type EmbeddedWorld } from "../../../lab/embedded/site.js";
import { dateProgram, type FrontTrouble, type ShellOutput } from "../../../lab/trouble.js";
import { startWorld } from "../../../lab/world.js";
import { runContainer } from "../support/container.js";
import { closeSsh, ssh } from "../support/ssh.js";
import { stackJson } from "../support/stack.js";
import { until } from "../support/until.js";

/** For a machine that is slow or busy; nothing is concluded from the time it takes. */
jest.setTimeout(180_000);

let world: EmbeddedWorld;
let host: EmbeddedDroplet;
beforeEach(async () => {
  world = await startWorld({ stackJson: stackJson({ names: ["api-1"] }), site: embedded() });
  host = world.droplet("api-1");
  await host.booted();
});
afterEach(async () => {
  await closeSsh(world);
  await world.stop();
});

const answers = (): Promise<boolean> =>
  host.ask("/health").then(
    ({ status }) => status === 200,
    () => false,
  );
const run = (command: string) => ssh(world, host, command);

test("SSH that stalls answers nothing, and everything afterwards", async () => {
  await run("true");
  const began = performance.now();
  const over = host.freezeSsh(700);
  expect(await run("echo there")).toMatchObject({ stdout: "there\n", code: 0 });
  // A timer of Node may fire a millisecond early.
  expect(performance.now() - began).toBeGreaterThanOrEqual(699);
  await over;
});

test("another host key is refused by whoever knows the first one", async () => {
  expect((await run("true")).code).toBe(0);
  await host.changeHostKey(true);
  const refused = await run("true");
  expect(refused.code).toBe(255);
  expect(refused.stderr).toContain("Host key verification failed");
  await host.changeHostKey(false);
  expect((await run("true")).code).toBe(0);
});

test("Docker that is restarted is away for a while; its containers go on", async () => {
  await runContainer(world, await world.pushReference("v1"));
  await until("the app answers", answers);
  const pid = host.pid("api");
  // Longer than one command takes on a busy machine, as nothing else tells that it is away.
  const back = host.restartDocker(5000);
  await until("it is away", async () => (await run("docker version")).stderr.includes("Cannot connect to the Docker"));
  expect((await host.ask("/health")).status).toBe(200);
  await back;
  expect((await run("docker ps -q")).code).toBe(0);
  expect(host.pid("api")).toBe(pid);
});

test("a full disk takes neither an image nor a container", async () => {
  const image = await world.pushReference("v1");
  await runContainer(world, image);
  const other = await world.pushReference("v2");
  await host.fillDisk(true);
  const refused = await Promise.all([
    run(`docker --config "$HOME/c" pull --quiet ${other}`),
    run(`docker run -d ${image}`),
  ]);
  for (const { code, stderr } of refused) {
    expect(code).not.toBe(0);
    expect(stderr).toContain("no space left on device");
  }
  for (const change of [
    "docker rename api other",
    "docker update --restart=no api",
    "docker stop api && docker start api",
  ])
    expect((await run(change)).stderr).toContain("no space left on device");
  expect((await run("df -Pk /")).stdout).toContain(" 0 100% /");
  expect(await host.containers()).toHaveLength(1);
  await host.fillDisk(false);
  expect((await host.shell(`docker run -d ${image}`)).exitCode).toBe(0);
});

test("a registry fails every pull in Docker's words until it is mended", async () => {
  const image = await world.pushReference("v1");
  const pull = (): Promise<ShellOutput> => host.shell(`docker pull ${image}`);
  await world.site.troubleRegistry("rate-limited");
  expect(await pull()).toMatchObject({
    exitCode: 1,
    stderr: "Error response from daemon: toomanyrequests: too many requests",
  });
  await world.site.troubleRegistry("down");
  expect((await pull()).stderr).toContain("connection refused");
  await world.site.troubleRegistry("unauthorized");
  expect((await pull()).stderr).toContain("unauthorized: authentication required");
  await world.site.troubleRegistry(null);
  expect((await pull()).stderr).toContain("no basic auth credentials");
});

test("a service that is hidden answers the droplet, and nobody else", async () => {
  await runContainer(world, await world.pushReference("v1"));
  const up = (): boolean => world.balancer.nodesUp(host.id).length > 0;
  await until("the balancer has it", up);
  await host.hideService(true);
  await until("the balancer lets it go", () => !up());
  expect((await host.ask("/health")).status).toBe(200);
  await host.hideService(false);
  await until("the balancer has it again", up);
});

test("a balancer's node that is cut off from a droplet lets it go, and nobody else notices", async () => {
  await runContainer(world, await world.pushReference("v1"));
  const up = (): boolean => world.balancer.nodesUp(host.id).length > 0;
  await until("the balancer has it", up);
  await world.site.cutOff(host, true, 1);
  await world.site.cutOff(host, true, 0);
  await until("the balancer lets it go", () => !up());
  expect((await host.ask("/health")).status).toBe(200);
  await world.site.cutOff(host, false);
  await until("the balancer has it again", up);
});

test.each<[FrontTrouble, string, string, string]>([
  ["refused", "network", "", "sudo: a password is required"],
  ["missing", "network", "", `sudo: ${FRONT_HELPER}: command not found`],
  ["no-module", "show", "", "evenkeel-front: the front's table is missing"],
  ["no-module", "drop api", "", "mnl.c:60: Unable to initialize Netlink socket: Protocol not supported"],
])(
  "a front's helper in trouble (%s) fails in the words of the real one: %s",
  async (trouble, words, stdout, stderr) => {
    const call = (verb: string) => host.shell(`sudo -n ${FRONT_HELPER} ${verb}`);
    await host.troubleFront(trouble);
    expect(await call(words)).toMatchObject({ stdout, stderr });
    expect((await call(words)).exitCode).not.toBe(0);
    await host.troubleFront(null);
    expect((await call("network")).exitCode).toBe(0);
  },
);

test("a front without nf_tables still does what needs no nft", async () => {
  await host.troubleFront("no-module");
  const { exitCode, stdout } = await host.shell(`sudo -n ${FRONT_HELPER} network`);
  expect([exitCode, stdout.split(" ")[0]]).toEqual([0, "172.31.255.240/28"]);
});

test("a firewall that there is not cannot be flushed", async () =>
  expect(host.flushFirewall()).rejects.toThrow("api-1 has no firewall"));

test("a clock that is off is what date tells there, and here it is not", async () => {
  const apart = async (): Promise<number> => Number((await run("date +%s")).stdout) - Date.now() / 1000;
  await host.shadow("date", dateProgram(3600));
  // Within a minute.
  expect(await apart()).toBeCloseTo(3600, -2);
  await host.shadow("date", null);
  expect(await apart()).toBeCloseTo(0, -2);
});

test("a droplet that is off has no shell", async () => {
  expect((await host.shell("echo there")).stdout).toBe("there");
  await host.powerOff();
  await expect(host.shell("echo there")).rejects.toThrow("api-1 is off");
});
