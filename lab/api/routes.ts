/** The calls that a rollout makes. Whatever else is asked is a fault of whoever asks: the lab does not guess. */
import { z } from "zod";
import type { RegistryLogins } from "./logins.js";
import { shownBalancer, shownDroplet, shownPage, type ApiBalancer, type ApiDroplet } from "./shapes.js";

/** The world behind the API. */
export interface ApiWorld {
  droplets(): readonly ApiDroplet[];
  balancers(): readonly ApiBalancer[];
  /** Takes a tag off a droplet. */
  untag(dropletId: string, tag: string): void;
  /** Host name of the registry. */
  readonly registryHost: string;
  /** Name of the account's registry, the first part of its images' paths; null accepts any. */
  readonly registryName: string | null;
}

export interface Call {
  readonly method: string;
  readonly url: URL;
  readonly body: unknown;
}

export interface Reply {
  readonly status: number;
  readonly body?: unknown;
}

export class ApiError extends Error {
  override readonly name = "ApiError";
  constructor(
    readonly status: number,
    readonly id: string,
    message: string,
  ) {
    super(message);
  }
}

const notFound = (): never => {
  throw new ApiError(404, "not_found", "The resource you were accessing could not be found.");
};

const taggedResources = z.strictObject({
  resources: z
    .array(z.strictObject({ resource_id: z.string().regex(/^\d+$/), resource_type: z.literal("droplet") }))
    .min(1),
});

type Handler = (call: Call, words: readonly string[]) => Reply;

/** Method and path of each known call; `:word` stands for any part. */
export function routes(world: ApiWorld, logins: RegistryLogins): Readonly<Record<string, Handler>> {
  const credentials: Handler = ({ url }, [name]) => {
    if (name !== undefined && world.registryName !== null && name !== world.registryName) notFound();
    const expiry = Number(url.searchParams.get("expiry_seconds") ?? 0);
    const readWrite = url.searchParams.get("read_write") === "true";
    return { status: 200, body: logins.mint(world.registryHost, expiry, readWrite) };
  };
  return {
    "GET /v2/account": () => ({ status: 200, body: { account: ACCOUNT } }),
    "GET /v2/droplets": ({ url }) => ({ status: 200, body: shownPage("droplets", listed(world, url), url) }),
    "GET /v2/load_balancers/:id": (_call, [id]) => ({ status: 200, body: { load_balancer: balancer(world, id) } }),
    "DELETE /v2/tags/:tag/resources": ({ body }, [tag = ""]) => untag(world, tag, body),
    "GET /v2/registries/:name/docker-credentials": credentials,
    "GET /v2/registry/docker-credentials": credentials,
  };
}

const ACCOUNT = {
  droplet_limit: 25,
  floating_ip_limit: 5,
  email: "lab@example.com",
  name: "Lab",
  uuid: "00000000-0000-4000-8000-000000000001",
  email_verified: true,
  status: "active",
  status_message: "",
};

function listed(world: ApiWorld, url: URL): unknown[] {
  const tag = url.searchParams.get("tag_name")?.toLowerCase();
  const perPage = Number(url.searchParams.get("per_page") ?? 20);
  if (!(perPage >= 1 && perPage <= 200)) {
    throw new ApiError(400, "bad_request", "per_page must be between 1 and 200");
  }
  const wanted = world
    .droplets()
    .filter(({ tags }) => tag === undefined || tags.some((one) => one.toLowerCase() === tag));
  return wanted.map(shownDroplet);
}

function balancer(world: ApiWorld, id: string | undefined): unknown {
  const found = world.balancers().find((one) => one.id === id) ?? notFound();
  const members = world.droplets().filter(({ tags }) => tags.includes(found.tag));
  return shownBalancer(
    found,
    members.map((droplet) => droplet.id),
  );
}

function untag(world: ApiWorld, tag: string, body: unknown): Reply {
  const read = taggedResources.safeParse(body);
  if (!read.success) throw new ApiError(422, "unprocessable_entity", "resources is not a list of droplets");
  const known = new Set(world.droplets().flatMap((droplet) => droplet.tags));
  if (!known.has(tag)) notFound();
  for (const { resource_id: id } of read.data.resources) world.untag(id, tag);
  return { status: 204 };
}
