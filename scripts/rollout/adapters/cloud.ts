/** The few calls of DigitalOcean's API that a rollout makes. */
import { setTimeout as sleep } from "node:timers/promises";
import { errors, request } from "undici";
import { z } from "zod";
import { Forbidden, RolloutError } from "../core/errors.js";
import { sameTag } from "../core/tags.js";
import type { Cloud, CloudDroplet, GuardCloud, ListedBalancer, LiveBalancer } from "../ports.js";
import { jittered, tellNobody, type OnRetry } from "./retry.js";

/** @see https://docs.digitalocean.com/reference/api/ */
const PUBLIC_API = "https://api.digitalocean.com";
const PAGE_SIZE = 200;

/** How long a call may take. */
export interface Patience {
  /** Tries of one call; 429, 5xx and broken connections are tried again. */
  readonly tries: number;
  /** Milliseconds that one try may take. */
  readonly tryMs: number;
}
/** A rollout cannot do without the answer. */
const PATIENT: Patience = { tries: 5, tryMs: 30_000 };
/** Somebody who looks at the fleet waits, perhaps while that API is down. */
export const BRIEF: Patience = { tries: 1, tryMs: 5000 };
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** Seconds that a registry login is good for: the pulls of one rollout. */
const LOGIN_SECONDS = 1800;

const balancerReply = z.object({
  load_balancer: z.object({
    tag: z.string().nullish(),
    health_check: z.object({
      path: z.string().nullish(),
      port: z.number(),
      check_interval_seconds: z.number(),
      response_timeout_seconds: z.number(),
      unhealthy_threshold: z.number(),
      healthy_threshold: z.number(),
    }),
    forwarding_rules: z.array(z.object({ target_port: z.number() })),
    enable_backend_keepalive: z.boolean().nullish(),
  }),
});

const links = z.object({ pages: z.object({ next: z.string().optional() }).optional() }).optional();

const taggedBalancer = z.object({
  name: z.string(),
  size_unit: z.number().nullish(),
  health_check: z.object({ path: z.string().nullish(), port: z.number() }),
  forwarding_rules: z.array(z.object({ target_port: z.number() })),
});

/** Balancers of other kinds, global ones and those of the network, are listed without some of these: only the fleet's own is held to them. */
const balancersReply = (wanted: string) =>
  z.object({
    load_balancers: z
      .array(z.looseObject({ tag: z.string().nullish() }))
      .transform((all) => all.filter(({ tag }) => tag != null && sameTag(tag, wanted)))
      .pipe(z.array(taggedBalancer)),
    links,
  });

const totalReply = z.object({ meta: z.object({ total: z.number() }) });
const accountReply = z.object({ account: z.object({ droplet_limit: z.number() }) });

const dropletReply = z.object({
  droplets: z.array(
    z.object({
      id: z.number(),
      name: z.string(),
      status: z.string(),
      tags: z.array(z.string()),
      networks: z.object({ v4: z.array(z.object({ ip_address: z.string(), type: z.string() })) }),
    }),
  ),
  links,
});

export class DigitalOcean implements Cloud, GuardCloud {
  readonly #base: string;

  constructor(
    private readonly token: string,
    base: string | undefined,
    private readonly onRetry: OnRetry = tellNobody,
    private readonly patience = PATIENT,
  ) {
    this.#base = (base || PUBLIC_API).replace(/\/$/, "");
  }

  async balancer(id: string): Promise<LiveBalancer> {
    const { load_balancer: live } = await this.#get(`/v2/load_balancers/${id}`, balancerReply);
    const check = live.health_check;
    return {
      tag: live.tag || null,
      targetPorts: targetPorts(live.forwarding_rules),
      backendKeepalive: live.enable_backend_keepalive ?? false,
      check: {
        path: check.path ?? "/",
        port: check.port,
        checkIntervalSeconds: check.check_interval_seconds,
        responseTimeoutSeconds: check.response_timeout_seconds,
        unhealthyThreshold: check.unhealthy_threshold,
        healthyThreshold: check.healthy_threshold,
      },
    };
  }

  async dropletsWithTag(tag: string): Promise<CloudDroplet[]> {
    const pages = await this.#pages(`/v2/droplets?tag_name=${encodeURIComponent(tag)}&`, dropletReply);
    return pages.flatMap(({ droplets }) => droplets.map(droplet));
  }

  async balancersWithTag(tag: string): Promise<ListedBalancer[]> {
    const pages = await this.#pages("/v2/load_balancers?", balancersReply(tag));
    return pages.flatMap(({ load_balancers: all }) => all.map(listedBalancer));
  }

  async insistOn(what: "vpcs" | "tags"): Promise<void> {
    await this.#call("GET", `/v2/${what}?page=1&per_page=1`);
  }

  async dropletTotal(): Promise<number> {
    return (await this.#get("/v2/droplets?page=1&per_page=1", totalReply)).meta.total;
  }

  async dropletLimit(): Promise<number> {
    return (await this.#get("/v2/account", accountReply)).account.droplet_limit;
  }

  async untag(dropletId: string, tag: string): Promise<void> {
    await this.#call("DELETE", `/v2/tags/${encodeURIComponent(tag)}/resources`, {
      resources: [{ resource_id: dropletId, resource_type: "droplet" }],
    });
  }

  async registryLogin(registry: string): Promise<string> {
    const query = `expiry_seconds=${LOGIN_SECONDS}&read_write=false`;
    return JSON.stringify(
      await this.#call("GET", `/v2/registries/${encodeURIComponent(registry)}/docker-credentials?${query}`),
    );
  }

  /** @param path up to the query's last "&" */
  async #pages<Schema extends z.ZodType<{ links?: z.output<typeof links> }>>(
    path: string,
    schema: Schema,
  ): Promise<z.output<Schema>[]> {
    const found: z.output<Schema>[] = [];
    for (let page = 1; ; page += 1) {
      const reply = await this.#get(`${path}page=${page}&per_page=${PAGE_SIZE}`, schema);
      found.push(reply);
      if (!reply.links?.pages?.next) return found;
    }
  }

  /** @throws RolloutError CloudFailed for an answer of another form */
  async #get<Schema extends z.ZodType>(path: string, schema: Schema): Promise<z.output<Schema>> {
    const reply = schema.safeParse(await this.#call("GET", path));
    if (reply.success) return reply.data;
    const where = reply.error.issues.map((issue) => issue.path.join(".")).join(", ");
    throw new RolloutError(
      "CloudFailed",
      `DigitalOcean's API answers GET ${path} in another form than documented (${where})`,
    );
  }

  /** @throws RolloutError CloudRefused for a call that cannot succeed, CloudFailed after the last try */
  async #call(method: "GET" | "DELETE", path: string, body?: unknown): Promise<unknown> {
    for (let tries = 1; ; tries += 1) {
      const outcome = await this.#once(method, path, body);
      if (outcome.type === "done") return outcome.body;
      if (outcome.type === "refused") {
        const message = `DigitalOcean's API refuses ${method} ${path}: ${outcome.why}`;
        throw outcome.forbidden ? new Forbidden(message) : new RolloutError("CloudRefused", message);
      }
      if ((outcome.afterMs ?? 0) > LONGEST_PAUSE_MS)
        throw new RolloutError(
          "CloudFailed",
          `DigitalOcean's API does not do ${method} ${path} now: ${outcome.why}; it asks to be left alone for ${Math.ceil((outcome.afterMs ?? 0) / 1000)} s, run the rollout again then`,
        );
      if (tries === this.patience.tries)
        throw new RolloutError(
          "CloudFailed",
          `DigitalOcean's API does not do ${method} ${path}: ${outcome.why} (tried ${tries === 1 ? "once" : `${tries} times`})`,
        );
      // What the API asks for is the least, so that is lengthened.
      const wished =
        outcome.afterMs === null ? jittered(FIRST_PAUSE_MS * 2 ** tries) : outcome.afterMs + jittered(1000);
      const afterMs = Math.min(LONGEST_PAUSE_MS, wished);
      this.onRetry({ host: null, why: `${method} ${path}: ${outcome.why}`, afterMs });
      await sleep(afterMs);
    }
  }

  async #once(method: "GET" | "DELETE", path: string, body: unknown): Promise<Outcome> {
    const { tryMs } = this.patience;
    const deadline = AbortSignal.timeout(tryMs);
    try {
      const reply = await request(`${this.#base}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${this.token}`,
          accept: "application/json",
          ...(body ? { "content-type": "application/json" } : {}),
        },
        ...(body ? { body: JSON.stringify(body) } : {}),
        signal: deadline,
        headersTimeout: 0,
        bodyTimeout: 0,
      });
      const text = await reply.body.text();
      const status = reply.statusCode;
      if (status < 300) return { type: "done", body: jsonOf(text) };
      // An answer may repeat what it was asked.
      const why = `${status} ${messageOf(text)}`.replaceAll(this.token, "[redacted]");
      if (status !== 429 && status < 500) return { type: "refused", why, forbidden: status === 403 };
      const retryAfter = Number(reply.headers["retry-after"]);
      return { type: "again", why, afterMs: Number.isFinite(retryAfter) ? retryAfter * 1000 : null };
    } catch (error) {
      // A call that cannot even be sent is not sent better the next time.
      if (error instanceof errors.InvalidArgumentError)
        return { type: "refused", why: error.message, forbidden: false };
      const why = error instanceof Error ? error.message : String(error);
      return { type: "again", why: deadline.aborted ? `no answer within ${tryMs / 1000} s` : why, afterMs: null };
    }
  }
}

type Outcome =
  | { readonly type: "done"; readonly body: unknown }
  | { readonly type: "refused"; readonly why: string; readonly forbidden: boolean }
  | { readonly type: "again"; readonly why: string; readonly afterMs: number | null };

const listedBalancer = ({
  name,
  size_unit: sizeUnit,
  health_check: check,
  forwarding_rules: rules,
}: z.output<typeof taggedBalancer>): ListedBalancer => ({
  name,
  sizeUnit: sizeUnit ?? null,
  check: { path: check.path ?? "/", port: check.port },
  targetPorts: targetPorts(rules),
});

const targetPorts = (rules: readonly { target_port: number }[]): number[] => [
  ...new Set(rules.map(({ target_port: port }) => port)),
];

function droplet({
  id,
  name,
  status,
  tags,
  networks,
}: z.output<typeof dropletReply>["droplets"][number]): CloudDroplet {
  const address = (type: string): string => networks.v4.find((network) => network.type === type)?.ip_address ?? "";
  return {
    id: String(id),
    name,
    tags,
    active: status === "active",
    address: address("public"),
    privateAddress: address("private"),
  };
}

/** Text that is no JSON stays text, and fails the check of its form. */
function jsonOf(text: string): unknown {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return text;
  }
}

function messageOf(text: string): string {
  try {
    return z.object({ message: z.string() }).parse(JSON.parse(text)).message;
  } catch {
    return text.slice(0, 200);
  }
}
