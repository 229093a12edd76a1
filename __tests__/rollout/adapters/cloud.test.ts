import { afterEach, describe, expect, it } from "@jest/globals";
import { DigitalOcean } from "../../../scripts/rollout/adapters/cloud.js";
import { lookCloud } from "../../../scripts/rollout/compose.js";
import type { Retried } from "../../../scripts/rollout/adapters/retry.js";
import { Forbidden, RolloutError } from "../../../scripts/rollout/core/errors.js";
import { testManifest } from "../../support/fleet.js";
import { TestServer, type Answer, type Asked } from "./server.js";

const token = "dop_v1_0123456789abcdef-very-secret";
const LIMIT_MS = 60_000;

let server: TestServer;
let cloud: DigitalOcean;

async function start(answer: (asked: Asked, number: number) => Answer): Promise<void> {
  server = await TestServer.start(answer);
  cloud = new DigitalOcean(token, `${server.url}/`);
}
/** Answers in turn, the last one for ever. */
const inTurn =
  (...answers: Answer[]) =>
  (_asked: Asked, number: number): Answer =>
    answers[Math.min(number, answers.length) - 1] ?? { status: 500 };
afterEach(() => server.stop());

const balancer = {
  load_balancer: {
    id: "lb-1",
    tag: "http-api",
    health_check: {
      protocol: "http",
      port: 8086,
      path: "/health",
      check_interval_seconds: 10,
      response_timeout_seconds: 5,
      unhealthy_threshold: 2,
      healthy_threshold: 3,
    },
    forwarding_rules: [
      { entry_port: 80, target_port: 80 },
      { entry_port: 443, target_port: 80 },
    ],
  },
};
const droplet = (id: number) => ({
  id,
  name: `api-${id}`,
  status: id === 3 ? "off" : "active",
  tags: ["http-api", "evenkeel:test:api"],
  networks: {
    v4: [
      { ip_address: `10.110.0.${id}`, type: "private", netmask: "255.255.240.0" },
      { ip_address: `203.0.113.${id}`, type: "public" },
    ],
    v6: [],
  },
  size_slug: "s-1vcpu-1gb",
});

async function failure(work: Promise<unknown>): Promise<RolloutError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof RolloutError) return error;
    throw error;
  }
  throw new Error("did not fail");
}

describe("DigitalOcean's API", () => {
  it("tells how and where the balancer checks, where it sends requests, and by which tag it finds its hosts", async () => {
    await start(() => ({ status: 200, body: balancer }));
    expect(await cloud.balancer("lb-1")).toEqual({
      ...{ tag: "http-api", targetPorts: [80], backendKeepalive: false },
      check: {
        ...{ path: "/health", port: 8086 },
        checkIntervalSeconds: 10,
        responseTimeoutSeconds: 5,
        unhealthyThreshold: 2,
        healthyThreshold: 3,
      },
    });
    expect(server.asked).toHaveLength(1);
    expect(server.asked[0]).toMatchObject({
      method: "GET",
      url: "/v2/load_balancers/lb-1",
      body: "",
      headers: { authorization: `Bearer ${token}`, accept: "application/json" },
    });
  });

  it("tells whether the balancer keeps its connections to droplets", async () => {
    const keeping = { load_balancer: { ...balancer.load_balancer, enable_backend_keepalive: true } };
    await start(() => ({ status: 200, body: keeping }));
    expect(await cloud.balancer("lb-1")).toMatchObject({ backendKeepalive: true });
  });

  it("lists the droplets of a tag over all pages", async () => {
    await start((asked) => {
      const page = Number(new URL(asked.url, "http://x").searchParams.get("page"));
      const next = `https://api.digitalocean.com/v2/droplets?page=${page + 1}`;
      return { status: 200, body: { droplets: [droplet(page)], links: page < 3 ? { pages: { next } } : {} } };
    });
    const droplets = await cloud.dropletsWithTag("evenkeel:test:api");
    expect(server.asked.map(({ url }) => url)).toEqual(
      [1, 2, 3].map((page) => `/v2/droplets?tag_name=evenkeel%3Atest%3Aapi&page=${page}&per_page=200`),
    );
    expect(droplets).toEqual(
      [1, 2, 3].map((id) => ({
        id: String(id),
        name: `api-${id}`,
        tags: ["http-api", "evenkeel:test:api"],
        active: id !== 3,
        address: `203.0.113.${id}`,
        privateAddress: `10.110.0.${id}`,
      })),
    );
  });

  it("lists none for a tag that nobody has", async () => {
    await start(() => ({ status: 200, body: { droplets: [], links: {}, meta: { total: 0 } } }));
    expect(await cloud.dropletsWithTag("none")).toEqual([]);
  });

  it("takes a droplet out of a tag", async () => {
    await start(() => ({ status: 204 }));
    await cloud.untag("17", "http-api");
    expect(server.asked).toHaveLength(1);
    expect(server.asked[0]).toMatchObject({ method: "DELETE", url: "/v2/tags/http-api/resources" });
    expect(JSON.parse(server.asked[0]?.body ?? "")).toEqual({
      resources: [{ resource_id: "17", resource_type: "droplet" }],
    });
    expect(server.asked[0]?.headers["content-type"]).toBe("application/json");
  });

  it("mints a registry login that only reads and ends soon", async () => {
    const login = { auths: { "registry.digitalocean.com": { auth: "abc" } } };
    await start(() => ({ status: 200, body: login }));
    expect(JSON.parse(await cloud.registryLogin("lab"))).toEqual(login);
    expect(server.asked[0]?.url).toBe("/v2/registries/lab/docker-credentials?expiry_seconds=1800&read_write=false");
  });
});

describe("what the guard asks", () => {
  const listed = (name: string) => ({
    ...balancer.load_balancer,
    name,
    size_unit: 2,
    forwarding_rules: [
      { entry_port: 80, target_port: 8080 },
      { entry_port: 443, target_port: 8080 },
    ],
  });

  it("is every balancer of a tag, over all pages", async () => {
    await start((asked) => {
      const page = Number(new URL(asked.url, "http://x").searchParams.get("page"));
      const next = `https://api.digitalocean.com/v2/load_balancers?page=${page + 1}`;
      const links = page < 2 ? { pages: { next } } : {};
      return { status: 200, body: { load_balancers: [listed(`front-${page}`)], links } };
    });
    const common = { sizeUnit: 2, check: { path: "/health", port: 8086 }, targetPorts: [8080] };
    expect(await cloud.balancersWithTag("http-api")).toEqual([
      { name: "front-1", ...common },
      { name: "front-2", ...common },
    ]);
    expect(server.asked.map(({ url }) => url)).toEqual([
      "/v2/load_balancers?page=1&per_page=200",
      "/v2/load_balancers?page=2&per_page=200",
    ]);
  });

  describe("of an account with balancers of other kinds", () => {
    const global = { id: "g", name: "global", type: "GLOBAL", tag: "", target_load_balancer_ids: ["lb-1"] };
    const network = { id: "n", name: "network", type: "REGIONAL_NETWORK", droplet_ids: [1], health_check: null };
    const other = { ...listed("other"), tag: "web", forwarding_rules: null };
    const account = (...all: object[]) => start(() => ({ status: 200, body: { load_balancers: all, links: {} } }));

    it("is none but the tag's own, in whichever case that is written", async () => {
      await account(global, network, { ...listed("own"), tag: "HTTP-Api" }, other);
      const found = await cloud.balancersWithTag("http-api");
      expect(found.map(({ name }) => name)).toEqual(["own"]);
    });

    it("is nothing where none has the tag", async () => {
      await account(global, network, other);
      expect(await cloud.balancersWithTag("http-api")).toEqual([]);
    });

    it("fails when the tag's own is of another form", async () => {
      await account(global, { ...listed("own"), health_check: { path: "/health" } });
      const { code, message } = await failure(cloud.balancersWithTag("http-api"));
      expect([code, message]).toEqual(["CloudFailed", expect.stringContaining("health_check.port")]);
    });
  });

  it("is how many droplets there are, and how many there may be", async () => {
    await start(({ url }) => ({
      status: 200,
      body: url === "/v2/account" ? { account: { droplet_limit: 25 } } : { droplets: [], meta: { total: 7 } },
    }));
    expect([await cloud.dropletTotal(), await cloud.dropletLimit()]).toEqual([7, 25]);
    expect(server.asked.map(({ url }) => url)).toEqual(["/v2/droplets?page=1&per_page=1", "/v2/account"]);
  });

  it("tells a token that may not read from every other refusal", async () => {
    await start(inTurn({ status: 200, body: {} }, { status: 403, body: { message: "no" } }, { status: 404, body: {} }));
    await cloud.insistOn("vpcs");
    expect(await failure(cloud.insistOn("tags"))).toBeInstanceOf(Forbidden);
    expect(await failure(cloud.insistOn("tags"))).not.toBeInstanceOf(Forbidden);
    expect(server.asked.map(({ url }) => url)).toEqual(
      ["vpcs", "tags", "tags"].map((what) => `/v2/${what}?page=1&per_page=1`),
    );
  });
});

describe("a call that may succeed later", () => {
  it.each<[string, Answer]>([
    ["is told to slow down", { status: 429, headers: { "retry-after": "0" }, body: { message: "too many requests" } }],
    ["meets a fault over there", { status: 500, headers: { "retry-after": "0" }, body: { message: "server error" } }],
    ["meets a gateway without its server", { status: 503, headers: { "retry-after": "0" }, body: "<html>" }],
  ])(
    "is made again when it %s",
    async (_name, answer) => {
      await start(inTurn(answer, answer, { status: 200, body: balancer }));
      expect((await cloud.balancer("lb-1")).tag).toBe("http-api");
      expect(server.asked).toHaveLength(3);
    },
    LIMIT_MS,
  );

  it(
    "waits at least as long as it is told",
    async () => {
      await start(inTurn({ status: 429, headers: { "retry-after": "1" } }, { status: 200, body: balancer }));
      const told: Retried[] = [];
      cloud = new DigitalOcean(token, server.url, (retried) => told.push(retried));
      const started = performance.now();
      await cloud.balancer("lb-1");
      expect(told).toEqual([
        { host: null, why: expect.stringContaining("GET /v2/load_balancers/lb-1: 429"), afterMs: expect.any(Number) },
      ]);
      expect(told[0]?.afterMs).toBeGreaterThanOrEqual(1000);
      // Timers may fire a millisecond early.
      expect(performance.now() - started).toBeGreaterThanOrEqual(990);
    },
    LIMIT_MS,
  );

  it("is not made again when it is told to wait for longer than anybody waits", async () => {
    await start(() => ({ status: 429, headers: { "retry-after": "120" }, body: { message: "too many requests" } }));
    const { code, message } = await failure(cloud.balancer("lb-1"));
    expect(code).toBe("CloudFailed");
    expect(message).toContain("asks to be left alone for 120 s");
    expect(server.asked).toHaveLength(1);
  });

  it(
    "is made again when the connection breaks",
    async () => {
      await start(inTurn({ status: 0, reset: true }, { status: 200, body: balancer }));
      expect((await cloud.balancer("lb-1")).tag).toBe("http-api");
      expect(server.asked).toHaveLength(2);
    },
    LIMIT_MS,
  );

  it(
    "is given up after five tries, with what was answered and without the token",
    async () => {
      await start(() => ({
        status: 500,
        headers: { "retry-after": "0" },
        body: { id: "server_error", message: "Server Error" },
      }));
      const error = await failure(cloud.balancer("lb-1"));
      expect(error.code).toBe("CloudFailed");
      expect(error.message).toBe(
        "DigitalOcean's API does not do GET /v2/load_balancers/lb-1: 500 Server Error (tried 5 times)",
      );
      expect(server.asked).toHaveLength(5);
    },
    LIMIT_MS,
  );
});

describe("a look at the fleet", () => {
  /** As the command line asks, which sets the API's address and the token in the environment. */
  const look = (): Promise<unknown> | undefined => {
    const environment = { DIGITALOCEAN_API_URL: server.url, DIGITALOCEAN_TOKEN: token };
    return lookCloud(testManifest(), environment)?.balancer("lb-1");
  };

  it(
    "asks an API that never answers once, and goes on without it",
    async () => {
      await start(() => ({ status: 0, silent: true }));
      const { code, message } = await failure(Promise.resolve(look()));
      expect([code, message]).toEqual([
        "CloudFailed",
        "DigitalOcean's API does not do GET /v2/load_balancers/lb-1: no answer within 5 s (tried once)",
      ]);
      expect(server.asked).toHaveLength(1);
    },
    LIMIT_MS,
  );

  it("asks an API that fails once", async () => {
    await start(() => ({ status: 503, headers: { "retry-after": "0" }, body: { message: "Server Error" } }));
    const { message } = await failure(Promise.resolve(look()));
    expect([message.split(": ")[1], server.asked.length]).toEqual(["503 Server Error (tried once)", 1]);
  });
});

describe("a call that cannot succeed", () => {
  it.each([
    [401, "unauthorized", "Unable to authenticate you"],
    [403, "forbidden", "You are not authorized to perform this operation"],
    [404, "not_found", "The resource you were accessing could not be found."],
    [422, "unprocessable_entity", "Tag is invalid"],
  ])("is made once: %s", async (status, id, message) => {
    await start(() => ({ status, body: { id, message } }));
    const error = await failure(cloud.balancer("lb-1"));
    expect(error.code).toBe("CloudRefused");
    expect(error.message).toBe(`DigitalOcean's API refuses GET /v2/load_balancers/lb-1: ${status} ${message}`);
    expect(server.asked).toHaveLength(1);
  });

  it("never shows the token", async () => {
    await start(() => ({ status: 401, body: { message: "Unable to authenticate you" } }));
    const error = await failure(cloud.balancer("lb-1"));
    expect(`${error.message}${error.stack ?? ""}${JSON.stringify(error)}`).not.toContain(token);
  });

  it("shows what was answered also when that is not JSON, but not all of it", async () => {
    await start(() => ({ status: 403, body: `<html>${"x".repeat(5000)}` }));
    const { message } = await failure(cloud.balancer("lb-1"));
    expect(message).toContain("403 <html>xxx");
    expect(message.length).toBeLessThan(400);
  });

  it("never shows the token, even when the answer repeats it", async () => {
    await start(({ headers }) => ({ status: 401, body: { message: `bad header ${headers.authorization ?? ""}` } }));
    const error = await failure(cloud.balancer("lb-1"));
    expect(`${error.message}${error.stack ?? ""}`).not.toContain(token);
  });

  it("says so when the answer is of another form", async () => {
    await start(() => ({ status: 200, body: { load_balancer: { id: "lb-1" } } }));
    const error = await failure(cloud.balancer("lb-1"));
    expect(error.code).toBe("CloudFailed");
    expect(error.message).toContain("/v2/load_balancers/lb-1");
  });
});
