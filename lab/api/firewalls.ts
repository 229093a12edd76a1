/**
 * Cloud firewalls. They are kept and shown; no packet is held back.
 * @see https://docs.digitalocean.com/reference/api/reference/firewalls/
 */
import { z } from "zod";
import { unprocessable } from "./errors.js";
import type { Identities } from "./identities.js";
import { page } from "./pages.js";
import { accepted, ok, readBody, removing, type Routes } from "./router.js";
import { Shelf } from "./shelf.js";
import { tagName } from "./tags.js";

const peers = z.strictObject({
  addresses: z.array(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()])).optional(),
  tags: z.array(tagName).optional(),
  droplet_ids: z.array(z.number().int()).optional(),
  load_balancer_uids: z.array(z.string()).optional(),
});

const common = {
  protocol: z.enum(["tcp", "udp", "icmp"]),
  ports: z
    .string()
    .regex(/^(all|0|\d{1,5}(-\d{1,5})?)$/, "is no port or range of ports")
    .optional(),
};
const hasPorts = ({ protocol, ports }: { readonly protocol: string; readonly ports?: string | undefined }): boolean =>
  protocol === "icmp" || ports !== undefined;
const inbound = z.strictObject({ ...common, sources: peers }).refine(hasPorts, "tcp and udp need ports");
const outbound = z.strictObject({ ...common, destinations: peers }).refine(hasPorts, "tcp and udp need ports");

const firewallRequest = z
  .strictObject({
    name: z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9.-]*$/, "is no name of a firewall"),
    inbound_rules: z.array(inbound).nullish(),
    outbound_rules: z.array(outbound).nullish(),
    droplet_ids: z.array(z.number().int()).max(10).nullish(),
    tags: z.array(tagName).max(5).nullish(),
  })
  .transform((request) => ({
    name: request.name,
    inbound_rules: request.inbound_rules ?? [],
    outbound_rules: request.outbound_rules ?? [],
    droplet_ids: request.droplet_ids ?? [],
    tags: request.tags ?? [],
  }))
  .refine(({ inbound_rules: into, outbound_rules: out }) => into.length + out.length > 0, "needs at least one rule");

export type Firewall = Readonly<z.output<typeof firewallRequest>> & {
  readonly id: string;
  readonly status: "succeeded";
  readonly created_at: string;
  readonly pending_changes: readonly never[];
};

export interface FirewallSurroundings {
  readonly identities: Identities;
  isDroplet(id: number): boolean;
  isBalancer(id: string): boolean;
}

export class Firewalls {
  readonly #firewalls = new Shelf<Firewall>();

  constructor(private readonly around: FirewallSurroundings) {}

  get all(): Firewall[] {
    return this.#firewalls.all;
  }

  create(body: unknown): Firewall {
    const request = this.#checked(body);
    const id = this.around.identities.nextUuid();
    const known = { id, status: "succeeded", created_at: new Date().toISOString(), pending_changes: [] } as const;
    return this.#firewalls.put(id, { ...known, ...request });
  }

  /** Replaces the whole declaration. @throws ApiError not_found */
  update(id: string, body: unknown): Firewall {
    const present = this.#firewalls.get(id);
    return this.#firewalls.put(id, { ...present, ...this.#checked(body) });
  }

  /** A droplet is gone. */
  forget(dropletId: number): void {
    for (const firewall of this.all) {
      const left = firewall.droplet_ids.filter((id) => id !== dropletId);
      this.#firewalls.put(firewall.id, { ...firewall, droplet_ids: left });
    }
  }

  routes(): Routes {
    return {
      "POST /v2/firewalls": ({ body }) => accepted({ firewall: this.create(body) }),
      "GET /v2/firewalls?page&per_page": ({ url }) => page("firewalls", this.all, url),
      "GET /v2/firewalls/:id": ({ words: [id = ""] }) => ok({ firewall: this.#firewalls.get(id) }),
      "PUT /v2/firewalls/:id": ({ words: [id = ""], body }) => ok({ firewall: this.update(id, body) }),
      "DELETE /v2/firewalls/:id": removing((id) => this.#firewalls.take(id)),
    };
  }

  #checked(body: unknown) {
    const request = readBody(firewallRequest, body);
    const peersOf = [
      ...request.inbound_rules.map((rule) => rule.sources),
      ...request.outbound_rules.map((rule) => rule.destinations),
    ];
    const droplets = [...request.droplet_ids, ...peersOf.flatMap((side) => side.droplet_ids ?? [])];
    const strangeDroplet = droplets.find((id) => !this.around.isDroplet(id));
    if (strangeDroplet !== undefined) throw unprocessable(`droplet ${strangeDroplet} does not exist`);
    const balancers = peersOf.flatMap((side) => side.load_balancer_uids ?? []);
    const strangeBalancer = balancers.find((id) => !this.around.isBalancer(id));
    if (strangeBalancer !== undefined) throw unprocessable(`load balancer ${strangeBalancer} does not exist`);
    return request;
  }
}
