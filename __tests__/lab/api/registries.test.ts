/** Registries of an account, and logins for them. */
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { TestApi } from "./support/client.js";
import * as shapes from "./support/shapes.js";

let lab: TestApi;
beforeEach(async () => void (lab = await TestApi.start()));
afterEach(() => lab.close());

const create = (name: string, tier = "basic") =>
  lab.call("POST", "/v2/registry", { name, subscription_tier_slug: tier, region: "sfo3" });

test("a registry is created over one family of routes and read over the other", async () => {
  expect((await create("lab")).status).toBe(201);
  for (const path of ["/v2/registry", "/v2/registries/lab"])
    shapes.registry.parse(await lab.want("GET", path, "registry"));
  for (const path of ["/v2/registry/subscription", "/v2/registries/subscription"]) {
    expect(shapes.subscription.parse(await lab.want("GET", path, "subscription")).tier.slug).toBe("basic");
  }
  await lab.want("POST", "/v2/registries/subscription", "subscription", { tier_slug: "professional" });
  expect(await lab.want("GET", "/v2/registry/subscription", "subscription")).toMatchObject({
    tier: { slug: "professional", monthly_price_in_cents: 2000 },
  });
  expect((await lab.call("DELETE", "/v2/registries/lab")).status).toBe(204);
  expect(await lab.refusal("GET", "/v2/registry")).toMatch(/^404/);
});

test("only the professional tier has more than one", async () => {
  await create("one");
  expect((await create("two")).status).toBe(412);
  expect((await create("two", "professional")).status).toBe(201);
  expect((await create("two", "professional")).status).toBe(409);
  expect((await lab.call("GET", "/v2/registries")).body).toMatchObject({ total_registries: 2 });
});

test("a login is good for as long as it was asked for, and only for a registry that is there", async () => {
  await create("lab");
  const path = "/v2/registries/lab/docker-credentials?expiry_seconds=600&read_write=false";
  const { auths } = (await lab.call("GET", path)).body as { auths: Record<string, { auth: string }> };
  const { auth } = auths["registry.digitalocean.com"] ?? { auth: "" };
  const [user = "", password = ""] = Buffer.from(auth, "base64").toString().split(":");
  const { logins } = lab.api;
  expect([logins.accepts(user, password), logins.accepts(user, "other")]).toEqual([true, false]);
  expect(logins.minted.at(-1)).toMatchObject({ readWrite: false });
  expect((logins.minted.at(-1)?.expiresAtMs ?? 0) - Date.now()).toBeGreaterThan(590_000);
  await lab.call("GET", "/v2/registry/docker-credentials?read_write=true");
  expect(logins.minted.at(-1)).toMatchObject({ readWrite: true, expiresAtMs: Infinity });
  expect(await lab.refusal("GET", path.replace("lab", "other"))).toMatch(/^404/);
});
