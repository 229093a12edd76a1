/**
 * Cloud firewalls. A droplet has those that name it or one of its tags, and lets through what any of them allows; with none, everything.
 * @see https://docs.digitalocean.com/reference/api/reference/firewalls/
 */
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import type { FirewallPolicy, FirewallRule } from "../firewall-policy.js";
import { machineOf } from "./droplets.js";
import { unprocessable } from "./errors.js";
import type { Identities } from "./identities.js";
import type { Machines } from "./machines.js";
import { page } from "./pages.js";
import { accepted, ok, readBody, removing, type Routes } from "./router.js";
import { Shelf } from "./shelf.js";
import { tagName } from "./tags.js";
import type { Work } from "./work.js";

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
  readonly machines: Machines;
  readonly work: Work;
  /** Ids of the droplets whose machines are there. */
  droplets(): readonly number[];
  tagsOf(id: number): readonly string[];
  isDroplet(id: number): boolean;
  isBalancer(id: string): boolean;
}

export class Firewalls {
  readonly #firewalls = new Shelf<Firewall>();
  /** What each droplet's machine was told, by its id. */
  readonly #told = new Map<number, readonly Rules[]>();

  constructor(private readonly around: FirewallSurroundings) {}

  get all(): Firewall[] {
    return this.#firewalls.all;
  }

  create(body: unknown): Firewall {
    const request = this.#checked(body);
    const id = this.around.identities.nextUuid();
    const known = { id, status: "succeeded", created_at: new Date().toISOString(), pending_changes: [] } as const;
    const firewall = this.#firewalls.put(id, { ...known, ...request });
    this.sync();
    return firewall;
  }

  /** Replaces the whole declaration. @throws ApiError not_found */
  update(id: string, body: unknown): Firewall {
    const present = this.#firewalls.get(id);
    const firewall = this.#firewalls.put(id, { ...present, ...this.#checked(body) });
    this.sync();
    return firewall;
  }

  /** @throws ApiError not_found */
  remove(id: string): void {
    this.#firewalls.take(id);
    this.sync();
  }

  /** A droplet is gone. */
  forget(dropletId: number): void {
    this.#told.delete(dropletId);
    for (const firewall of this.all) {
      const left = firewall.droplet_ids.filter((id) => id !== dropletId);
      this.#firewalls.put(firewall.id, { ...firewall, droplet_ids: left });
    }
  }

  /** Tells the machines of droplets whose rules are others now. */
  sync(): void {
    for (const id of this.around.droplets()) {
      const rules = this.#rulesOf(id);
      if (isDeepStrictEqual(rules, this.#told.get(id) ?? [])) continue;
      this.#told.set(id, rules);
      this.around.work.start(machineOf(id), () => this.around.machines.guardDroplet(String(id), policyOf(rules)));
    }
  }

  routes(): Routes {
    return {
      "POST /v2/firewalls": ({ body }) => accepted({ firewall: this.create(body) }),
      "GET /v2/firewalls?page&per_page": ({ url }) => page("firewalls", this.all, url),
      "GET /v2/firewalls/:id": ({ words: [id = ""] }) => ok({ firewall: this.#firewalls.get(id) }),
      "PUT /v2/firewalls/:id": ({ words: [id = ""], body }) => ok({ firewall: this.update(id, body) }),
      "DELETE /v2/firewalls/:id": removing((id) => this.remove(id)),
    };
  }

  #rulesOf(dropletId: number): Rules[] {
    const worn = new Set(this.around.tagsOf(dropletId).map((name) => name.toLowerCase()));
    return this.all
      .filter(
        ({ droplet_ids, tags }) => droplet_ids.includes(dropletId) || tags.some((one) => worn.has(one.toLowerCase())),
      )
      .map(({ inbound_rules, outbound_rules }) => ({ inbound_rules, outbound_rules }));
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

type Rules = Pick<Firewall, "inbound_rules" | "outbound_rules">;

/** Null: nobody guards the droplet. @throws Error for peers that no site stands for */
function policyOf(firewalls: readonly Rules[]): FirewallPolicy | null {
  if (firewalls.length === 0) return null;
  return {
    inbound: firewalls.flatMap(({ inbound_rules: rules }) => rules.map((rule) => ruleOf(rule, rule.sources))),
    outbound: firewalls.flatMap(({ outbound_rules: rules }) => rules.map((rule) => ruleOf(rule, rule.destinations))),
  };
}

interface ApiRule {
  readonly protocol: FirewallRule["protocol"];
  readonly ports?: string | undefined;
}

function ruleOf({ protocol, ports }: ApiRule, side: z.output<typeof peers>): FirewallRule {
  const strange = [...(side.tags ?? []), ...(side.droplet_ids ?? [])];
  if (strange.length > 0)
    throw new Error(`the lab's firewalls know addresses and balancers, not the droplets ${strange.join(", ")}`);
  return {
    protocol,
    ports: protocol === "icmp" ? null : portsOf(ports ?? "all"),
    addresses: side.addresses ?? [],
    balancer: (side.load_balancer_uids ?? []).length > 0,
  };
}

/** "all" and "0" are the same to the API. */
function portsOf(ports: string): [number, number] {
  if (ports === "all" || ports === "0") return [1, 65_535];
  const [first = 0, last = first] = ports.split("-").map(Number);
  return [first, last];
}
