/**
 * A DigitalOcean account: what it has, the rules between its parts, and nothing of HTTP. Whatever needs a machine is done
 * by the {@link Machines} behind it, while the caller goes on.
 */
import { MetricAlerts } from "./alerts.js";
import { Certificates } from "./certificates.js";
import { Domains } from "./domains.js";
import { DropletActions } from "./droplet-actions.js";
import { Droplets } from "./droplets.js";
import { unprocessable } from "./errors.js";
import { Firewalls } from "./firewalls.js";
import { Identities } from "./identities.js";
import { Keys } from "./keys.js";
import { LoadBalancers } from "./load-balancers.js";
import { RegistryLogins } from "./logins.js";
import type { Machines } from "./machines.js";
import { Projects } from "./projects.js";
import type { Region } from "./regions.js";
import { Registries } from "./registries.js";
import { ok, type Handler, type Routes } from "./router.js";
import { Tags } from "./tags.js";
import { UptimeChecks } from "./uptime.js";
import { Vpcs } from "./vpcs.js";
import { Work } from "./work.js";

export interface AccountSettings {
  readonly machines: Machines;
  /** Host of the account's registries, such as registry.digitalocean.com. */
  readonly registryHost: string;
  /** Logins that were minted and will be. @default - none yet */
  readonly logins?: RegistryLogins;
  /** Most droplets at a time. @default 25 */
  readonly dropletLimit?: number;
  /** Takes health checks that DigitalOcean refuses, for those who cannot wait its 3 seconds. @default false */
  readonly anyCheck?: boolean;
  /** Told of machines that did not do what they had to. */
  readonly onFault: (fault: string) => void;
}

export class Account {
  readonly projects: Projects;
  readonly keys: Keys;
  readonly vpcs: Vpcs;
  readonly tags: Tags;
  readonly droplets: Droplets;
  readonly actions: DropletActions;
  readonly domains: Domains;
  readonly certificates: Certificates;
  readonly loadBalancers: LoadBalancers;
  readonly firewalls: Firewalls;
  readonly registries: Registries;
  readonly #metricAlerts: MetricAlerts;
  readonly #uptimeChecks: UptimeChecks;
  readonly #work: Work;
  readonly #dropletLimit: number;

  constructor(settings: AccountSettings) {
    const { machines, registryHost, logins = new RegistryLogins(), dropletLimit = 25, anyCheck = false } = settings;
    const identities = new Identities();
    const work = new Work(settings.onFault);
    const around = { identities, machines, work };
    this.#work = work;
    this.#dropletLimit = dropletLimit;
    this.projects = new Projects(identities);
    this.keys = new Keys(identities);
    this.vpcs = new Vpcs(identities, (id) => this.#hasMembers(id));
    this.tags = new Tags({ isDroplet: (id) => this.droplets.has(id), changed: () => this.#membersChanged() });
    this.droplets = this.#newDroplets(around);
    this.actions = new DropletActions(this.droplets, around);
    this.domains = this.#newDomains(identities);
    this.certificates = this.#newCertificates(identities);
    this.loadBalancers = this.#newLoadBalancers({ ...around, anyCheck });
    this.firewalls = this.#newFirewalls(around);
    this.registries = new Registries(registryHost, logins);
    this.#metricAlerts = new MetricAlerts(identities);
    this.#uptimeChecks = new UptimeChecks(identities);
  }

  /** Resolves once the machines are as the account has them. @throws the first failure since this was asked last */
  async settled(): Promise<void> {
    await this.#work.settled();
  }

  /** Everything that the account answers. */
  routes(): Routes {
    const machines = [this.droplets, this.actions, this.loadBalancers, this.firewalls, this.tags, this.vpcs, this.keys];
    const names = [this.domains, this.certificates, this.registries, this.projects];
    const nouns = [...machines, ...names, this.#metricAlerts, this.#uptimeChecks];
    const account: Routes = { "GET /v2/account": () => ok({ account: shownAccount(this.#dropletLimit) }) };
    return Object.fromEntries([account, ...nouns.map((noun) => noun.routes())].flatMap(Object.entries<Handler>));
  }

  #newDroplets(around: Around): Droplets {
    return new Droplets({
      ...around,
      limit: this.#dropletLimit,
      key: (reference) => this.keys.find(reference),
      vpc: (region, wanted) => this.#vpc(region, wanted),
      tagsOf: (id) => this.tags.of(id),
      added: (id, tags) => {
        this.projects.assign(urnOf(id));
        for (const name of tags) this.tags.tag(this.tags.create({ name }).name, id);
      },
      removed: (id) => {
        this.projects.forget(urnOf(id));
        this.tags.forget(id);
        this.firewalls.forget(id);
      },
      changed: () => this.#membersChanged(),
    });
  }

  #newLoadBalancers(around: Around & { readonly anyCheck: boolean }): LoadBalancers {
    return new LoadBalancers({
      ...around,
      vpc: (region, wanted) => this.#vpc(region, wanted),
      dropletsWith: (tag) => this.tags.dropletsWith(tag),
      isDroplet: (id) => this.droplets.has(id),
      isReady: (id, vpcId) => this.droplets.isMadeIn(id, vpcId),
      certificateNames: (id) => (this.certificates.has(id) ? this.certificates.get(id).shown.dns_names : null),
      assign: (urn, project) => this.projects.assign(urn, project),
      projectOf: (urn) => this.projects.of(urn),
      removed: (urn) => this.projects.forget(urn),
    });
  }

  #newDomains(identities: Identities): Domains {
    return new Domains({
      identities,
      added: (urn) => this.projects.assign(urn),
      removed: (urn) => this.projects.forget(urn),
    });
  }

  #newCertificates(identities: Identities): Certificates {
    return new Certificates({
      identities,
      covers: (name) => this.domains.covers(name),
      isUsed: (id) =>
        this.loadBalancers.all.some((balancer) =>
          balancer.declared.forwarding_rules.some((rule) => rule.certificate_id === id),
        ),
    });
  }

  #newFirewalls(around: Around): Firewalls {
    return new Firewalls({
      ...around,
      droplets: () => this.droplets.all.filter(({ made }) => made).map(({ id }) => id),
      tagsOf: (id) => this.tags.of(id),
      isDroplet: (id) => this.droplets.has(id),
      isBalancer: (id) => this.loadBalancers.has(id),
    });
  }

  /** A droplet came or went, or has other tags. */
  #membersChanged(): void {
    this.loadBalancers.sync();
    this.firewalls.sync();
  }

  #vpc(region: Region, wanted: string | undefined): string {
    if (wanted === undefined) return this.vpcs.defaultOf(region).id;
    const vpc = this.vpcs.get(wanted);
    if (vpc.region !== region) throw unprocessable(`VPC ${wanted} is not in region ${region}`);
    return vpc.id;
  }

  #hasMembers(vpcId: string): boolean {
    return [...this.droplets.all, ...this.loadBalancers.all].some((member) => member.vpcId === vpcId);
  }
}

const urnOf = (dropletId: number): string => `do:droplet:${dropletId}`;

interface Around {
  readonly identities: Identities;
  readonly machines: Machines;
  readonly work: Work;
}

const shownAccount = (dropletLimit: number) => ({
  droplet_limit: dropletLimit,
  floating_ip_limit: 5,
  email: "lab@example.com",
  name: "Lab",
  uuid: "00000000-0000-4000-8000-000000000001",
  email_verified: true,
  status: "active",
  status_message: "",
});
