/**
 * Load balancers, and the droplets behind them.
 * @see https://docs.digitalocean.com/reference/api/reference/load-balancers/
 */
import { z } from "zod";
import { ApiError, unprocessable } from "./errors.js";
import type { Identities } from "./identities.js";
import { loadBalancerRequest, type LoadBalancer, type LoadBalancerRequest } from "./load-balancer-request.js";
import type { Machines } from "./machines.js";
import { page } from "./pages.js";
import { shownRegion, type Region } from "./regions.js";
import { accepted, noContent, ok, readBody, removing, type Reply, type Routes } from "./router.js";
import { Shelf } from "./shelf.js";
import type { Work } from "./work.js";

const members = z.strictObject({ droplet_ids: z.array(z.number().int()).min(1) });

interface Running extends LoadBalancer {
  declared: LoadBalancerRequest;
  status: "new" | "active" | "errored";
  /** Takes no other change meanwhile. */
  updating: boolean;
  /** Those that the machine knows of. */
  synced: readonly string[];
}

export interface BalancerSurroundings {
  readonly identities: Identities;
  readonly machines: Machines;
  readonly work: Work;
  /** Takes health checks that DigitalOcean refuses. */
  readonly anyCheck: boolean;
  /** Id of the network that was asked for. @throws ApiError when there is none of that id in the region */
  vpc(region: Region, wanted: string | undefined): string;
  /** Ids of droplets with a tag. */
  dropletsWith(tag: string): readonly number[];
  isDroplet(id: number): boolean;
  /** Whether a droplet's machine is there, in that network. */
  isReady(id: number, vpcId: string): boolean;
  /** What a certificate holds for; null when there is none of that id. */
  certificateNames(id: string): readonly string[] | null;
  /** Puts it into its project. @throws ApiError for an unknown project */
  assign(urn: string, project: string | undefined): void;
  projectOf(urn: string): string;
  removed(urn: string): void;
}

export class LoadBalancers {
  readonly #balancers = new Shelf<Running>();

  constructor(private readonly around: BalancerSurroundings) {}

  get all(): LoadBalancer[] {
    return this.#balancers.all;
  }

  /** Address of every balancer, known before one runs. */
  get address(): string {
    return this.around.machines.balancerAddress();
  }

  has(id: string): boolean {
    return this.#balancers.has(id);
  }

  /** @throws ApiError not_found */
  get(id: string): LoadBalancer {
    return this.#balancers.get(id);
  }

  /** It starts while the caller goes on. */
  create(body: unknown): LoadBalancer {
    const declared = this.#checked(body);
    const vpcId = this.around.vpc(declared.region, declared.vpc_uuid);
    const id = this.around.identities.nextUuid();
    const urn = `do:loadbalancer:${id}`;
    this.around.assign(urn, declared.project_id);
    const certificates = this.#certificatesOf(declared);
    const known = { id, urn, createdAt: new Date().toISOString(), vpcId, declared, certificates };
    const balancer = { ...known, status: "new" as const, updating: false, synced: [] };
    this.#balancers.put(id, balancer);
    this.around.work.start(machineOf(id), () => this.#make(balancer));
    this.sync();
    return balancer;
  }

  /** Replaces the whole declaration: what is left out takes its default. @throws ApiError 403 while a change is under way */
  update(id: string, body: unknown): LoadBalancer {
    const balancer = this.#balancers.get(id);
    if (balancer.status === "new" || balancer.updating) throw busy();
    const declared = this.#checked(body);
    refuseOther("region", balancer.declared.region, declared.region);
    refuseOther("network", balancer.declared.network, declared.network);
    refuseOther("vpc_uuid", balancer.vpcId, declared.vpc_uuid ?? balancer.vpcId);
    if (declared.project_id !== undefined) this.around.assign(balancer.urn, declared.project_id);
    return this.#redeclare(balancer, declared);
  }

  /** @throws ApiError not_found */
  remove(id: string): void {
    const balancer = this.#balancers.take(id);
    this.around.removed(balancer.urn);
    this.around.work.start(machineOf(id), async () => {
      if (balancer.status === "active") await this.around.machines.destroyBalancer(id);
    });
  }

  /** Ids of the droplets behind a balancer now. */
  members({ declared, vpcId }: LoadBalancer): number[] {
    const ids = declared.tag ? this.around.dropletsWith(declared.tag) : (declared.droplet_ids ?? []);
    return ids.filter((id) => this.around.isReady(id, vpcId));
  }

  /** Tells balancers whose droplets have changed. */
  sync(): void {
    for (const balancer of this.#balancers.all) {
      this.around.work.start(machineOf(balancer.id), () => this.#sync(balancer));
    }
  }

  routes(): Routes {
    const show = (id: string) => ({ load_balancer: this.#shown(this.#balancers.get(id)) });
    return {
      "POST /v2/load_balancers": ({ body }) => accepted(show(this.create(body).id)),
      "GET /v2/load_balancers?page&per_page": ({ url }) =>
        page(
          "load_balancers",
          this.#balancers.all.map((balancer) => this.#shown(balancer)),
          url,
        ),
      "GET /v2/load_balancers/:id": ({ words: [id = ""] }) => ok(show(id)),
      "PUT /v2/load_balancers/:id": ({ words: [id = ""], body }) => ok(show(this.update(id, body).id)),
      "DELETE /v2/load_balancers/:id": removing((id) => this.remove(id)),
      "POST /v2/load_balancers/:id/droplets": ({ words: [id = ""], body }) =>
        this.#list(id, body, (listed, given) => [...new Set([...listed, ...given])]),
      "DELETE /v2/load_balancers/:id/droplets": ({ words: [id = ""], body }) =>
        this.#list(id, body, (listed, given) => listed.filter((one) => !given.includes(one))),
    };
  }

  #checked(body: unknown): LoadBalancerRequest {
    const declared = readBody(loadBalancerRequest(this.around), body);
    const strange = declared.droplet_ids?.find((id) => !this.around.isDroplet(id));
    if (strange !== undefined) throw unprocessable(`droplet ${strange} does not exist`);
    for (const { certificate_id: id } of declared.forwarding_rules) {
      if (id && !this.around.certificateNames(id)) throw unprocessable(`certificate ${id} does not exist`);
    }
    return declared;
  }

  #certificatesOf({ forwarding_rules: rules }: LoadBalancerRequest): LoadBalancer["certificates"] {
    const ids = rules.flatMap(({ certificate_id: id }) => id || []);
    return Object.fromEntries(ids.map((id) => [id, this.around.certificateNames(id) ?? []]));
  }

  async #make(balancer: Running): Promise<void> {
    try {
      await this.around.machines.createBalancer(balancer);
      balancer.status = "active";
    } catch (error) {
      balancer.status = "errored";
      throw error;
    }
  }

  #redeclare(balancer: Running, declared: LoadBalancerRequest): LoadBalancer {
    Object.assign(balancer, { declared, certificates: this.#certificatesOf(declared), updating: true });
    this.around.work.start(machineOf(balancer.id), async () => {
      await this.around.machines.updateBalancer(balancer).finally(() => (balancer.updating = false));
    });
    this.sync();
    return balancer;
  }

  async #sync(balancer: Running): Promise<void> {
    const now = this.members(balancer).map(String);
    if (!this.has(balancer.id) || balancer.status !== "active" || now.join() === balancer.synced.join()) return;
    balancer.synced = now;
    await this.around.machines.syncBalancer(balancer.id, now);
  }

  #list(id: string, body: unknown, change: (listed: readonly number[], given: readonly number[]) => number[]): Reply {
    const balancer = this.#balancers.get(id);
    if (balancer.declared.tag) throw unprocessable("droplet_ids cannot be changed while the balancer matches by tag");
    const { droplet_ids: given } = readBody(members, body);
    const ids = change(balancer.declared.droplet_ids ?? [], given);
    balancer.declared = { ...balancer.declared, droplet_ids: ids };
    this.sync();
    return noContent();
  }

  /** Fields that are shown otherwise than they are declared, because the machine does otherwise. */
  #otherwise({ id, status, declared }: Running): Partial<LoadBalancerRequest> {
    const { health_check: check, ...fields } = status === "active" ? this.around.machines.runsOtherwise(id) : {};
    return { ...fields, health_check: { ...declared.health_check, ...check } };
  }

  #shown(balancer: Running) {
    const { id, urn, status, createdAt, vpcId, declared } = balancer;
    const { size, size_unit: unit, tag, ...rest } = { ...declared, ...this.#otherwise(balancer) };
    return {
      id,
      ip: status === "active" ? this.address : "",
      ipv6: "",
      status,
      created_at: createdAt,
      ...rest,
      ...(size ? { size } : { size_unit: unit ?? 1 }),
      tag: tag ?? "",
      region: shownRegion(declared.region),
      droplet_ids: this.members(balancer),
      vpc_uuid: vpcId,
      project_id: this.around.projectOf(urn),
    };
  }
}

const machineOf = (id: string): string => `balancer ${id}`;

const busy = (): ApiError =>
  new ApiError(403, "forbidden", "Load Balancer can't be updated while it processes previous actions");

function refuseOther(field: string, present: string, wanted: string): void {
  if (wanted !== present) throw unprocessable(`${field} cannot be changed`);
}
