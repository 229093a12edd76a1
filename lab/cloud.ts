/** An account on a site: whoever asks its API for a droplet boots one. */
import { mkdirSync } from "node:fs";
import path from "node:path";
import { environmentNames } from "../contract/manifest.js";
import { Account } from "./api/account.js";
import { Api } from "./api/api.js";
import { RegistryLogins } from "./api/logins.js";
import type { BalancerOptions } from "./balancer-options.js";
import { LabFault } from "./fault.js";
import type { OpenSite, Site, SiteDroplet } from "./site.js";
import { SiteMachines } from "./site-machines.js";

/** The only token that the API accepts. */
export const LAB_TOKEN = "lab-token";

const REGISTRY_HOST = "registry.digitalocean.com";
/** Name of the account's registry: the first part of the paths of the images that sites push. */
const REGISTRY = "lab";

export interface CloudOptions {
  /** How the balancer differs from what is declared, and what the declaration does not say. */
  readonly balancer?: BalancerOptions;
  /** Range of the private network, such as 10.110.0.0/20. @default - the site's */
  readonly privateRange?: string | undefined;
  /** User whom the droplets' user data creates. @default "deploy" */
  readonly user?: string;
  /** Droplets let in only who has a key that is ordered for them, not the lab's own as well. @default false */
  readonly onlyOrderedKeys?: boolean;
  /** Takes health checks that DigitalOcean refuses. @default false */
  readonly anyCheck?: boolean;
}

/**
 * Opens a site with an account that has a registry and nothing else.
 * @throws Error when the site cannot be had; nothing is left then
 */
export async function startCloud<Droplet extends SiteDroplet, On extends Site<Droplet>>(
  openSite: OpenSite<On & Site<Droplet>>,
  options: CloudOptions = {},
): Promise<Cloud<Droplet, On>> {
  const faults: string[] = [];
  const logins = new RegistryLogins();
  const site = await openSite({
    privateRange: options.privateRange,
    acceptsLogin: (user, password) => logins.accepts(user, password),
    onFault: (fault) => faults.push(fault),
  });
  const cloud = new Cloud<Droplet, On>(site, logins, faults, options);
  try {
    await cloud.begin();
    return cloud;
  } catch (error) {
    await cloud.stop().catch(() => undefined);
    throw error;
  }
}

export class Cloud<Droplet extends SiteDroplet = SiteDroplet, On extends Site<Droplet> = Site<Droplet>> {
  readonly machines: SiteMachines<Droplet>;
  readonly account: Account;
  readonly api: Api;
  readonly #stateFolder: string;
  #stopped: Promise<void> | null = null;

  /** Use {@link startCloud}. */
  constructor(
    readonly site: On,
    logins: RegistryLogins,
    /** What was asked of the lab that it does not stand for. */
    readonly faults: string[],
    { balancer = {}, user = "deploy", onlyOrderedKeys = false, anyCheck = false }: CloudOptions,
  ) {
    const onFault = (fault: string): void => void faults.push(fault);
    this.machines = new SiteMachines(site, { balancer, user, onlyOrderedKeys });
    this.account = new Account({ machines: this.machines, registryHost: REGISTRY_HOST, logins, anyCheck, onFault });
    this.api = new Api({ account: this.account, token: LAB_TOKEN, onFault });
    this.#stateFolder = path.join(site.folder, "state");
  }

  /** @internal */
  async begin(): Promise<void> {
    mkdirSync(this.#stateFolder);
    this.account.registries.create({ name: REGISTRY, subscription_tier_slug: "basic" });
    await this.api.listen(0);
  }

  /** What a rollout needs to reach this cloud, from Terraform or from the command line. */
  environment(): Record<string, string> {
    return {
      ...this.site.environment(),
      [environmentNames.digitaloceanToken]: LAB_TOKEN,
      [environmentNames.digitaloceanApi]: this.api.url,
      [environmentNames.stateFolder]: this.#stateFolder,
    };
  }

  /**
   * Ends everything; nothing is left but what the caller holds.
   * @throws LabFault when something was asked of the lab that it does not stand for
   */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    await Promise.all([this.site.close(), this.api.close()]);
    if (this.faults.length > 0) throw new LabFault(this.faults.join("\n"));
  }
}
