/** The registry as a droplet's Docker meets it. */
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { Agent, request } from "undici";
import type { RealDroplet } from "../../lab/real/droplet.js";
import { Images, REPOSITORY } from "../../lab/real/images.js";
import { REGISTRY_NAME, type RealRegistry } from "../../lab/real/registry.js";
import { until } from "../lab/support/until.js";
import { Droplets } from "./support/droplets.js";
import { startRegistry } from "./support/registry.js";

/** The first run on a machine builds the images. */
jest.setTimeout(600_000);

/** Tokens are user and password in one, as DigitalOcean's. */
const READER = "dop_v1_reader";
const WRITER = "dop_v1_writer";
/** By tag: Docker does not ask for what it already has by digest. */
const NAMED = `${REGISTRY_NAME}/${REPOSITORY}:v1`;
let expired = false;

let droplets: Droplets;
let droplet: RealDroplet;
let registry: RealRegistry;
let address: string;
let first: string;
let second: string;
let client: Agent;

beforeAll(async () => {
  const images = await Images.open();
  const built = [await images.reference("v1"), await images.reference("v2")];
  droplets = await Droplets.start();
  const { ca, extras, ...reached } = await startRegistry(
    droplets,
    (user, password, action) =>
      user === password && !expired && (user === WRITER || (user === READER && action === "pull")),
  );
  ({ registry, address } = reached);
  const [v1, v2] = built;
  if (!v1 || !v2) return;
  first = await registry.push(REPOSITORY, "v1", v1);
  second = await registry.push(REPOSITORY, "v2", v2);
  client = new Agent({ connect: { ca, servername: REGISTRY_NAME } });
  droplet = await droplets.order(extras);
  await droplet.booted();
});
afterEach(async () => {
  expired = false;
  await registry.breakWith(null);
});
afterAll(async () => {
  await client.close();
  await registry.close();
  await droplets.end();
  expect(droplets.faults).toEqual([]);
});

/** Over SSH, as a rollout does it. */
const ssh = (command: string) => droplets.ssh(droplet, command);
/** Logged in for this one command. */
const withLogin = (token: string, command: string) =>
  ssh(
    `export DOCKER_CONFIG=$(mktemp -d); echo ${token} | docker login -u ${token} --password-stdin ${REGISTRY_NAME} >&2 && ${command}`,
  );

async function ask(route: string, token = READER, signal?: AbortSignal) {
  const authorization = `Basic ${Buffer.from(`${token}:${token}`).toString("base64")}`;
  const { statusCode, body } = await request(`https://${address}${route}`, {
    ...{ dispatcher: client, headers: { host: REGISTRY_NAME, authorization } },
    ...(signal ? { signal } : {}),
  });
  return { statusCode, text: await body.text() };
}
const manifest = (): string => `/v2/${REPOSITORY}/manifests/${first.split("@")[1] ?? ""}`;

describe("an image", () => {
  it("is pulled by digest under the product's name, and another version of it brings only what differs", async () => {
    expect(first).toMatch(/^registry\.digitalocean\.com\/lab\/api@sha256:[0-9a-f]{64}$/);
    expect(await withLogin(READER, `docker pull --quiet ${first}`)).toMatchObject({ exitCode: 0, stdout: first });
    const before = registry.served.length;
    expect(await withLogin(READER, `docker pull --quiet ${second}`)).toMatchObject({ exitCode: 0, stdout: second });
    const blobs = registry.served.slice(before).filter(({ call }) => call.includes("/blobs/"));
    // Its configuration.
    expect(blobs).toHaveLength(1);
  });

  it("runs on the droplet, the app as process 1", async () => {
    await withLogin(READER, `docker pull --quiet ${first}`);
    const { privateAddress } = droplet;
    const run = `docker run -d --name api -e RELEASE=v1 -p ${privateAddress}:80:8080 ${first}`;
    expect(await ssh(run)).toMatchObject({ exitCode: 0 });
    await until("it serves", async () => (await ssh(`curl -sf http://${privateAddress}/health`)).exitCode === 0);
    expect((await ssh(`curl -sf http://${privateAddress}/`)).stdout).toContain('"release":"v1"');
    expect((await ssh("docker exec api cat /proc/1/comm")).stdout).toBe("node");
    expect((await ssh("docker stop api >/dev/null; docker inspect -f '{{.State.ExitCode}}' api")).stdout).toBe("0");
  });

  it("is not found under a digest that nobody pushed", async () => {
    const unknown = `${REGISTRY_NAME}/${REPOSITORY}@sha256:${"0".repeat(64)}`;
    const { exitCode, stderr } = await withLogin(READER, `docker pull ${unknown}`);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("manifest unknown");
  });
});

describe("a login", () => {
  it("is needed", async () => {
    const { exitCode, stderr } = await ssh(`docker pull ${NAMED}`);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("no basic auth credentials");
  });

  it("is refused once it does not hold any more", async () => {
    await ssh(`docker --config kept login -u ${READER} -p ${READER} ${REGISTRY_NAME}`);
    expect(await ssh(`docker --config kept pull --quiet ${NAMED}`)).toMatchObject({ exitCode: 0 });
    expired = true;
    const pull = await ssh(`docker --config kept pull ${NAMED}`);
    expect(pull.exitCode).toBe(1);
    expect(pull.stderr).toContain("unauthorized: authentication required");
    const login = await withLogin(READER, "true");
    expect(login.exitCode).toBe(1);
    expect(login.stderr).toContain("failed with status: 401 Unauthorized");
  });

  it("that may only pull cannot push, and one that may push can", async () => {
    const mine = `${REGISTRY_NAME}/lab/mine:1`;
    await withLogin(READER, `docker pull --quiet ${first}`);
    const push = `docker tag ${first} ${mine} && docker push --quiet ${mine}`;
    const { exitCode, stderr } = await withLogin(READER, push);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("denied: requested access to the resource is denied");
    expect(await withLogin(WRITER, push)).toMatchObject({ exitCode: 0 });
    expect((await ask("/v2/lab/mine/tags/list")).text).toContain('"tags":["1"]');
  });
});

describe("a registry that fails", () => {
  it.each([
    ["down", "connect: connection refused"],
    ["unauthorized", "unauthorized: authentication required"],
    ["rate-limited", "toomanyrequests: too many requests"],
  ] as const)("because it is %s says so to Docker, and serves again after that", async (kind, words) => {
    await ssh(`docker --config kept login -u ${READER} -p ${READER} ${REGISTRY_NAME}`);
    await registry.breakWith({ kind });
    const { exitCode, stderr } = await ssh(`docker --config kept pull ${NAMED}`);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(words);
    await registry.breakWith(null);
    expect(await ssh(`docker --config kept pull --quiet ${NAMED}`)).toMatchObject({ exitCode: 0 });
  });

  it("does not answer while it is frozen", async () => {
    await registry.breakWith({ kind: "frozen" });
    await expect(ask(manifest(), READER, AbortSignal.timeout(1000))).rejects.toThrow(/timeout/);
  });

  it("answers in full when it is slow, only later", async () => {
    const quick = await ask(manifest());
    await registry.breakWith({ kind: "slow", bytesPerSecond: quick.text.length });
    const from = performance.now();
    expect(await ask(manifest())).toEqual(quick);
    // One second's worth of bytes.
    expect(performance.now() - from).toBeGreaterThan(900);
  });
});
