import { Api } from "../../../lab/api/api.js";
import type { ApiBalancer, ApiDroplet } from "../../../lab/api/shapes.js";
import { PortPool } from "../../../lab/embedded/ports.js";

const droplet = (number: number): ApiDroplet => ({
  id: String(400_000_000 + number),
  name: `api-${number}`,
  region: "sfo3",
  size: "s-1vcpu-1gb",
  image: "debian-12-x64",
  address: `203.0.113.${number}`,
  privateAddress: `10.110.0.${number}`,
  vpcId: "vpc",
  tags: ["http-api", "evenkeel:production:api"],
  createdAt: new Date(0),
  powered: number !== 3,
});

const balancer: ApiBalancer = {
  id: "4de7ac8b",
  name: "sfo3-api",
  address: "198.51.100.10",
  region: "sfo3",
  nodes: 1,
  tag: "http-api",
  vpcId: "vpc",
  createdAt: new Date(0),
  backendKeepalive: false,
  idleTimeoutSeconds: 60,
  entries: [{ entryPort: 80, targetPort: 80 }],
  check: { path: "/health", port: 80, intervalSeconds: 10, timeoutSeconds: 5, fall: 2, rise: 3 },
};

const droplets = [1, 2, 3].map(droplet);
const untagged: string[] = [];
const faults: string[] = [];
const ports = new PortPool();
const api = new Api({
  token: "secret",
  onFault: (fault) => faults.push(fault),
  world: {
    droplets: () => droplets,
    balancers: () => [balancer],
    untag: (id, tag) => untagged.push(`${id} ${tag}`),
    registryHost: "registry.digitalocean.com",
    registryName: "lab",
  },
});

beforeAll(async () => api.listen(await ports.take()));
beforeEach(() => faults.splice(0));
afterAll(async () => {
  await api.close();
  await ports.release();
});

async function call(method: string, path: string, body?: unknown, token = "secret") {
  const reply = await fetch(api.url + path, {
    method,
    headers: { authorization: `Bearer ${token}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await reply.text();
  return {
    status: reply.status,
    headers: reply.headers,
    body: (text ? JSON.parse(text) : null) as Record<string, unknown>,
  };
}

test("the balancer is shown with check, tag and members", async () => {
  const { body } = await call("GET", "/v2/load_balancers/4de7ac8b");
  expect(body["load_balancer"]).toMatchObject({
    tag: "http-api",
    status: "active",
    droplet_ids: [400_000_001, 400_000_002, 400_000_003],
    health_check: {
      path: "/health",
      check_interval_seconds: 10,
      response_timeout_seconds: 5,
      healthy_threshold: 3,
      unhealthy_threshold: 2,
    },
  });
});

test("droplets are listed by tag, page by page, with both addresses", async () => {
  const first = await call("GET", "/v2/droplets?tag_name=HTTP-API&page=1&per_page=2");
  expect(first.body).toMatchObject({ meta: { total: 3 }, droplets: [{ name: "api-1" }, { name: "api-2" }] });
  const { next } = (first.body["links"] as { pages: { next: string } }).pages;
  const second = await call("GET", next.replace(api.url, ""));
  expect(second.body["droplets"]).toMatchObject([
    {
      id: 400_000_003,
      status: "off",
      networks: { v4: [{ type: "private" }, { ip_address: "203.0.113.3", type: "public" }] },
    },
  ]);
  expect((second.body["links"] as { pages: object }).pages).not.toHaveProperty("next");
  expect((await call("GET", "/v2/droplets?tag_name=other")).body["droplets"]).toEqual([]);
});

test("a tag is taken off droplets, and only off droplets", async () => {
  const resource = { resource_id: "400000001", resource_type: "droplet" };
  expect((await call("DELETE", "/v2/tags/http-api/resources", { resources: [resource] })).status).toBe(204);
  expect(untagged).toEqual(["400000001 http-api"]);
  expect((await call("DELETE", "/v2/tags/none/resources", { resources: [resource] })).status).toBe(404);
  const image = { resources: [{ ...resource, resource_type: "image" }] };
  expect((await call("DELETE", "/v2/tags/http-api/resources", image)).status).toBe(422);
});

test("registry logins are good for as long as they were asked for", async () => {
  const path = "/v2/registries/lab/docker-credentials?expiry_seconds=600&read_write=false";
  const { body } = await call("GET", path);
  const { auth } = (body["auths"] as Record<string, { auth: string }>)["registry.digitalocean.com"] ?? { auth: "" };
  const [user = "", password = ""] = Buffer.from(auth, "base64").toString().split(":");
  expect(api.logins.accepts(user, password)).toBe(true);
  expect(api.logins.accepts(user, "other")).toBe(false);
  expect(api.logins.minted.at(-1)).toMatchObject({ readWrite: false });
  expect((api.logins.minted.at(-1)?.expiresAtMs ?? 0) - Date.now()).toBeGreaterThan(590_000);
  expect((await call("GET", path.replace("lab", "other"))).status).toBe(404);
});

test("fails without the token", async () => {
  const { status, body } = await call("GET", "/v2/account", undefined, "wrong");
  expect([status, body["id"], body["message"]]).toEqual([401, "unauthorized", "Unable to authenticate you"]);
  expect(faults).toEqual([]);
});

test("fails for a call that it does not know, and remembers it", async () => {
  const { status, body } = await call("POST", "/v2/droplets", {});
  expect([status, body["id"]]).toEqual([404, "not_found"]);
  expect(body["request_id"]).toMatch(/^[0-9a-f-]{36}$/);
  expect(faults).toEqual(["API: the lab does not know POST /v2/droplets"]);
});

test("fails as planned, as often as planned", async () => {
  api.fail(/^GET \/v2\/account/, 429, 1, { "retry-after": "2" });
  api.fail(/^GET \/v2\/account/, 0);
  const limited = await call("GET", "/v2/account");
  expect([limited.status, limited.headers.get("retry-after"), limited.body["id"]]).toEqual([
    429,
    "2",
    "too_many_requests",
  ]);
  await expect(call("GET", "/v2/account")).rejects.toThrow();
  expect((await call("GET", "/v2/account")).status).toBe(200);
  expect(api.calls.slice(-3).map(({ status }) => status)).toEqual([429, 0, 200]);
});
