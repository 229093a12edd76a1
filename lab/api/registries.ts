/**
 * Container registries and logins for them.
 * @see https://docs.digitalocean.com/reference/api/reference/container-registries/
 */
import { z } from "zod";
import { ApiError, notFound, unprocessable } from "./errors.js";
import type { RegistryLogins } from "./logins.js";
import { created, ok, readBody, removing, type Reply, type Request, type Routes } from "./router.js";
import { Shelf } from "./shelf.js";

const GIB = 2 ** 30;
/** @see https://docs.digitalocean.com/products/container-registry/details/pricing/ as of November 2026 */
const TIERS = {
  starter: { name: "Starter", included_repositories: 1, included_storage_bytes: GIB / 2, monthly_price_in_cents: 0 },
  basic: { name: "Basic", included_repositories: 5, included_storage_bytes: 5 * GIB, monthly_price_in_cents: 500 },
  professional: {
    name: "Professional",
    included_repositories: 0,
    included_storage_bytes: 100 * GIB,
    monthly_price_in_cents: 2000,
  },
} as const;

const tier = z.enum(["starter", "basic", "professional"]);
const registryRequest = z.strictObject({
  name: z.string().regex(/^[a-z0-9-]{1,63}$/, "is no name of a registry"),
  subscription_tier_slug: tier,
  region: z.enum(["nyc3", "sfo3", "ams3", "sgp1", "fra1"]).default("nyc3"),
});
const subscriptionRequest = z.strictObject({ tier_slug: tier });

/** Most registries of an account with the professional tier; the others have one. */
const MOST = 10;

export interface Registry {
  readonly name: string;
  readonly region: string;
  readonly created_at: string;
  readonly storage_usage_bytes: number;
}

export class Registries {
  readonly #registries = new Shelf<Registry>();
  #tier: z.output<typeof tier> = "starter";

  /** @param host of every registry, such as registry.digitalocean.com */
  constructor(
    private readonly host: string,
    readonly logins: RegistryLogins,
  ) {}

  create(body: unknown): Registry {
    const { name, region, subscription_tier_slug: slug } = readBody(registryRequest, body);
    if (this.#registries.has(name)) throw new ApiError(409, "conflict", "registry name already in use");
    if (this.#registries.all.length >= (slug === "professional" ? MOST : 1)) {
      throw new ApiError(412, "precondition_failed", "registry limit reached");
    }
    this.#tier = slug;
    const usage = { created_at: new Date().toISOString(), storage_usage_bytes: 0 };
    return this.#registries.put(name, { name, region, ...usage });
  }

  /** The routes of one registry and those of many: the provider uses both. */
  routes(): Routes {
    const subscription = (): Reply => ok({ subscription: this.#subscription });
    const subscribe = ({ body }: Request): Reply => {
      this.#tier = readBody(subscriptionRequest, body).tier_slug;
      return subscription();
    };
    const create = ({ body }: Request): Reply => created({ registry: this.create(body) });
    return {
      "POST /v2/registry": create,
      "POST /v2/registries": create,
      "GET /v2/registry": () => ok({ registry: this.#only }),
      "DELETE /v2/registry": removing(() => this.#registries.take(this.#only.name)),
      "GET /v2/registry/subscription": subscription,
      "POST /v2/registry/subscription": subscribe,
      "GET /v2/registry/docker-credentials?expiry_seconds&read_write": ({ url }) => this.#mint(this.#only.name, url),
      "GET /v2/registries": () =>
        ok({ registries: this.#registries.all, total_registries: this.#registries.all.length }),
      "GET /v2/registries/subscription": subscription,
      "POST /v2/registries/subscription": subscribe,
      "GET /v2/registries/:name": ({ words: [name = ""] }) => ok({ registry: this.#registries.get(name) }),
      "DELETE /v2/registries/:name": removing((name) => this.#registries.take(name)),
      "GET /v2/registries/:name/docker-credentials?expiry_seconds&read_write": ({ words: [name = ""], url }) =>
        this.#mint(name, url),
    };
  }

  get #only(): Registry {
    const [first] = this.#registries.all;
    if (!first) throw notFound();
    return first;
  }

  get #subscription() {
    const usual = { slug: this.#tier, allow_storage_overage: this.#tier !== "starter", included_bandwidth_bytes: 0 };
    const now = new Date().toISOString();
    return { tier: { ...usual, ...TIERS[this.#tier] }, created_at: now, updated_at: now };
  }

  /** The login is good for every registry of the account. @throws ApiError not_found when there is none of that name */
  #mint(name: string, url: URL): Reply {
    this.#registries.get(name);
    const expiry = Number(url.searchParams.get("expiry_seconds") ?? 0);
    if (!Number.isInteger(expiry) || expiry < 0) throw unprocessable("expiry_seconds must be a number of seconds");
    return ok(this.logins.mint(this.host, expiry, url.searchParams.get("read_write") === "true"));
  }
}
