/** A site as the machines of an account: its droplets and its one balancer. */
import { isDeepStrictEqual } from "node:util";
import type { LoadBalancer } from "./api/load-balancer-request.js";
import type { BalancerFields, Machines, NewDroplet } from "./api/machines.js";
import { balancerSettings, type BalancerOptions } from "./balancer-options.js";
import type { FirewallPolicy } from "./firewall-policy.js";
import type { Addresses, Site, SiteBalancer, SiteDroplet } from "./site.js";
import { balancerBlock, type BalancerBlock } from "./stack.js";

/** A droplet was deleted as Terraform does it, with everything that ran on it. */
export interface Removal {
  readonly droplet: string;
  readonly dropletId: string;
  /** Nodes of the balancer that still sent requests there. */
  readonly nodesUp: readonly number[];
}

export interface MachineOptions {
  /** How the balancer differs from what is declared. */
  readonly balancer: BalancerOptions;
  /** User whom the droplets' user data creates. */
  readonly user: string;
  /** The lab's own key is not put beside those that are ordered. */
  readonly onlyOrderedKeys: boolean;
}

export class SiteMachines<Droplet extends SiteDroplet = SiteDroplet> implements Machines {
  readonly removals: Removal[] = [];
  readonly #droplets = new Map<string, Droplet>();
  #balancer: SiteBalancer<Droplet> | null = null;

  constructor(
    private readonly site: Site<Droplet>,
    private readonly options: MachineOptions,
  ) {}

  /** @throws Error for one that is not there */
  droplet(id: string): Droplet {
    const found = this.#droplets.get(id);
    if (!found) throw new Error(`the site has no droplet ${id}`);
    return found;
  }

  /** @throws Error while there is none */
  get balancer(): SiteBalancer<Droplet> {
    if (!this.#balancer) throw new Error("the site has no balancer");
    return this.#balancer;
  }

  nextAddresses(): Addresses {
    return this.site.nextAddresses();
  }

  /** The lab's own key stands beside those that are ordered: only the user has their other halves. */
  async createDroplet({ authorizedKeys: ordered, ...order }: NewDroplet): Promise<void> {
    const own = ordered.length === 0 || this.options.onlyOrderedKeys ? [] : [this.site.clientKey];
    const authorizedKeys = [...new Set([...ordered, ...own])];
    this.#droplets.set(order.id, await this.site.createDroplet({ ...order, authorizedKeys, user: this.options.user }));
  }

  powered(dropletId: string): boolean {
    return this.droplet(dropletId).boot !== "off";
  }

  async powerOn(dropletId: string): Promise<void> {
    this.droplet(dropletId).powerOn();
  }

  powerOff(dropletId: string): Promise<void> {
    return this.droplet(dropletId).powerOff();
  }

  guardDroplet(dropletId: string, policy: FirewallPolicy | null): Promise<void> {
    return this.droplet(dropletId).guard(policy);
  }

  async destroyDroplet(dropletId: string): Promise<void> {
    const droplet = this.droplet(dropletId);
    const nodesUp = this.#balancer?.nodesUp(dropletId) ?? [];
    this.removals.push({ droplet: droplet.name, dropletId, nodesUp });
    this.#droplets.delete(dropletId);
    await droplet.close();
  }

  balancerAddress(): string {
    return this.site.balancerAddress;
  }

  /** @throws Error for a second one */
  async createBalancer(balancer: LoadBalancer): Promise<void> {
    if (this.#balancer) throw new Error("a site has one balancer");
    this.#balancer = await this.site.createBalancer(blockOf(balancer), this.options.balancer);
  }

  /** @throws Error for a change that no site stands for */
  async updateBalancer(balancer: LoadBalancer): Promise<void> {
    const { settings } = this.balancer;
    const wanted = balancerSettings(blockOf(balancer), this.options.balancer);
    if (wanted.nodes !== settings.nodes)
      throw new Error(`the lab cannot give a running balancer ${wanted.nodes} nodes instead of ${settings.nodes}`);
    if (!isDeepStrictEqual(settings, wanted)) await this.balancer.update(wanted);
  }

  async syncBalancer(_balancerId: string, dropletIds: readonly string[]): Promise<void> {
    await this.balancer.sync(dropletIds.flatMap((id) => this.#droplets.get(id) ?? []));
  }

  async destroyBalancer(): Promise<void> {
    await this.balancer.close();
    this.#balancer = null;
  }

  runsOtherwise(): BalancerFields {
    const {
      reportDeclared = false,
      checkIntervalSeconds,
      unhealthyThreshold,
      healthyThreshold,
    } = this.options.balancer;
    if (reportDeclared) return {};
    return {
      health_check: given({
        check_interval_seconds: checkIntervalSeconds,
        unhealthy_threshold: unhealthyThreshold,
        healthy_threshold: healthyThreshold,
      }),
    };
  }
}

type Given<Fields> = { [Name in keyof Fields]?: NonNullable<Fields[Name]> };

/** Without the fields that are undefined. */
const given = <Fields extends object>(fields: Fields): Given<Fields> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Given<Fields>;

/** As Terraform declares it; a certificate's id does for its name, as sites sign for themselves. @throws ZodError for one that no site stands for */
function blockOf({ declared, vpcId, certificates }: LoadBalancer): BalancerBlock {
  const { tag, forwarding_rules: rules, health_check: healthcheck, size_unit: nodes, ...rest } = declared;
  const forwarding_rule = rules.map(({ certificate_id: certificate, ...rule }) => ({
    ...rule,
    ...(certificate ? { certificate_name: certificate } : {}),
  }));
  return balancerBlock.parse({
    ...rest,
    size_unit: nodes ?? 1,
    droplet_tag: tag,
    vpc_uuid: vpcId,
    forwarding_rule,
    certificate_domains: certificates,
    healthcheck,
  });
}
