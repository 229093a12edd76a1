/** Private networks. @see https://docs.digitalocean.com/reference/api/reference/vpcs/ */
import { z } from "zod";
import { ApiError, unprocessable } from "./errors.js";
import type { Identities } from "./identities.js";
import { overlap, prefixLength, range } from "../../contract/ip-range.js";
import { page } from "./pages.js";
import { regionSlug, type Region } from "./regions.js";
import { created, ok, readBody, removing, type Routes } from "./router.js";
import { Shelf } from "./shelf.js";

const name = z.string().regex(/^[a-zA-Z0-9.-]{1,255}$/, "is no name of a VPC");
const description = z.string().max(255);
const ipRange = range.refine((text) => prefixLength(text) >= 16 && prefixLength(text) <= 28, "must be /16 to /28");

const vpcRequest = z.strictObject({
  name,
  region: regionSlug,
  ip_range: ipRange.optional(),
  description: description.default(""),
});
const vpcUpdate = z.strictObject({ name, description: description.default("") });

export interface Vpc {
  readonly id: string;
  readonly urn: string;
  readonly name: string;
  readonly description: string;
  readonly region: string;
  readonly ip_range: string;
  readonly default: boolean;
  readonly created_at: string;
}

export class Vpcs {
  readonly #vpcs = new Shelf<Vpc>();

  /** @param hasMembers whether droplets or balancers are in a network */
  constructor(
    private readonly identities: Identities,
    private readonly hasMembers: (vpcId: string) => boolean,
  ) {}

  create(body: unknown): Vpc {
    const { ip_range: wanted, ...request } = readBody(vpcRequest, body);
    if (wanted !== undefined && this.#ranges.some((other) => overlap(wanted, other))) {
      throw unprocessable("This range/size overlaps with another VPC network in your account");
    }
    return this.#add({ ...request, ip_range: wanted ?? freeRange(this.#ranges), default: false });
  }

  /** @throws ApiError not_found */
  get(id: string): Vpc {
    return this.#vpcs.get(id);
  }

  /** The network that a droplet or balancer of the region is in when it names none; made when it is first needed. */
  defaultOf(region: Region): Vpc {
    const found = this.#vpcs.all.find((vpc) => vpc.default && vpc.region === region);
    if (found) return found;
    const range = freeRange(this.#ranges);
    return this.#add({ name: `default-${region}`, description: "", region, ip_range: range, default: true });
  }

  update(id: string, body: unknown): Vpc {
    const vpc = this.#vpcs.get(id);
    const changes = readBody(vpcUpdate.extend({ default: z.literal(vpc.default).optional() }), body);
    this.#unused(changes.name, id);
    return this.#vpcs.put(id, { ...vpc, name: changes.name, description: changes.description });
  }

  /** @throws ApiError 403 while something is in it, which the Terraform provider waits out */
  remove(id: string): void {
    if (this.#vpcs.get(id).default) throw new ApiError(403, "forbidden", "Can not delete default VPCs");
    if (this.hasMembers(id)) throw new ApiError(403, "forbidden", "Can not delete VPC with members");
    this.#vpcs.take(id);
  }

  routes(): Routes {
    return {
      "POST /v2/vpcs": ({ body }) => created({ vpc: this.create(body) }),
      "GET /v2/vpcs?page&per_page": ({ url }) => page("vpcs", this.#vpcs.all, url),
      "GET /v2/vpcs/:id": ({ words: [id = ""] }) => ok({ vpc: this.get(id) }),
      "PUT /v2/vpcs/:id": ({ words: [id = ""], body }) => ok({ vpc: this.update(id, body) }),
      "DELETE /v2/vpcs/:id": removing((id) => this.remove(id)),
    };
  }

  get #ranges(): string[] {
    return this.#vpcs.all.map((vpc) => vpc.ip_range);
  }

  #add(vpc: Omit<Vpc, "id" | "urn" | "created_at">): Vpc {
    this.#unused(vpc.name);
    const id = this.identities.nextUuid();
    return this.#vpcs.put(id, { id, urn: `do:vpc:${id}`, created_at: new Date().toISOString(), ...vpc });
  }

  #unused(wanted: string, except?: string): void {
    if (this.#vpcs.all.some((vpc) => vpc.name === wanted && vpc.id !== except)) {
      throw unprocessable("a VPC with this name already exists on this account");
    }
  }
}

/** The first /20 of 10.110.0.0/16 that is free. */
function freeRange(taken: readonly string[]): string {
  const all = Array.from({ length: 16 }, (_, index) => `10.110.${index * 16}.0/20`);
  const free = all.find((one) => !taken.some((other) => overlap(one, other)));
  if (free === undefined) throw unprocessable("there is no free range for another VPC");
  return free;
}
