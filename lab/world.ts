/** A world: fleet, balancer, registry and API on a site, as a synthesized stack declares them. */
import { mkdirSync } from "node:fs";
import path from "node:path";
import { environmentNames } from "../contract/manifest.js";
import { Api } from "./api/api.js";
import { apiBalancer, apiDroplet } from "./api-view.js";
import { lookupIn } from "./attributes.js";
import { balancerSettings, type BalancerOptions } from "./balancer-options.js";
import { LabFault } from "./fault.js";
import { Fleet } from "./fleet.js";
import { Identities } from "./identities.js";
import { resolveAll, resolveText } from "./references.js";
import type { Break, ReferenceOptions } from "./releases.js";
import type { OpenSite, Site, SiteBalancer, SiteDroplet } from "./site.js";
import { only, readStack, rolloutExec, type BalancerBlock, type DropletBlock, type Stack } from "./stack.js";

export interface WorldOptions {
  /** How the balancer differs from what is declared, and what the declaration does not say. */
  readonly balancer?: BalancerOptions;
}

/** What Terraform would run, and how. */
export interface RolloutCommand {
  /** For `/bin/sh -c`. */
  readonly command: string;
  /** The whole environment: the caller's, what the lab adds, what the provisioner sets. */
  readonly environment: Readonly<Record<string, string>>;
  /** The stack's folder. */
  readonly cwd: string;
}

/** A droplet was deleted as Terraform does it, with everything that ran on it. */
export interface Removal {
  readonly droplet: string;
  readonly dropletId: string;
  /** Nodes of the balancer that still sent requests there. */
  readonly nodesUp: readonly number[];
}

/** The only token that the world's API accepts. */
export const LAB_TOKEN = "lab-token";

/**
 * Starts a world on a site of its own; its droplets boot while the caller goes on.
 * @throws Error when the stack or the site cannot be had; nothing is left then
 */
export async function startWorld<Droplet extends SiteDroplet, On extends Site<Droplet>>(input: {
  readonly stackJson: object;
  readonly site: OpenSite<On & Site<Droplet>>;
  readonly options?: WorldOptions;
}): Promise<World<Droplet, On>> {
  const world = new World<Droplet, On>(readStack(input.stackJson), input.options ?? {});
  try {
    await world.begin(input.site);
    return world;
  } catch (error) {
    await world.stop().catch(() => undefined);
    throw error;
  }
}

export class World<Droplet extends SiteDroplet = SiteDroplet, On extends Site<Droplet> = Site<Droplet>> {
  /** What was asked of the lab that it does not stand for. */
  readonly faults: string[] = [];
  readonly removals: Removal[] = [];
  readonly api = this.#newApi();
  readonly #fleet = new Fleet<Droplet>();
  readonly #identities = new Identities();
  readonly #createdAt = new Date();
  #site: On | null = null;
  #balancer: SiteBalancer<Droplet> | null = null;
  #stopped: Promise<void> | null = null;
  #stack: Stack;

  /** Use {@link startWorld}. */
  constructor(
    stack: Stack,
    private readonly options: WorldOptions,
  ) {
    this.#stack = stack;
  }

  /** @internal */
  async begin(openSite: OpenSite<On>): Promise<void> {
    await this.api.listen(0);
    this.#site = await openSite({
      privateRange: Object.values(this.#stack.resource.digitalocean_vpc)[0]?.ip_range,
      acceptsLogin: (user, password) => this.api.logins.accepts(user, password),
      onFault: (fault) => this.faults.push(fault),
    });
    mkdirSync(this.#stateFolder);
    this.#balancer = await this.site.createBalancer(this.#balancerBlock, this.options.balancer ?? {});
    await this.#createDroplets();
  }

  get site(): On {
    if (!this.#site) throw new Error("the world has no site yet");
    return this.#site;
  }

  get balancer(): SiteBalancer<Droplet> {
    if (!this.#balancer) throw new Error("the world has no balancer yet");
    return this.#balancer;
  }

  /** Everything of the world lies here; gone after {@link stop}. */
  get folder(): string {
    return this.site.folder;
  }

  /** Droplets that the stack declares, in its order. */
  get droplets(): Droplet[] {
    return [...this.#fleet.declared.values()].map(({ droplet }) => droplet);
  }

  /** Droplets that exist and are declared no more. */
  get superseded(): Droplet[] {
    return this.#fleet.superseded;
  }

  /** A declared droplet by its name. */
  droplet(name: string): Droplet {
    const found = this.droplets.find((droplet) => droplet.name === name);
    if (!found) throw new Error(`the stack declares no droplet ${name}`);
    return found;
  }

  /** Resolves when every declared droplet is done booting. */
  async booted(): Promise<void> {
    await Promise.all(this.droplets.map((droplet) => droplet.booted()));
  }

  /** Pushes the reference API; every version has a digest of its own. */
  pushReference(version: string, options?: ReferenceOptions): Promise<string> {
    return this.site.pushReference(version, options);
  }

  /** Pushes a release that fails. */
  pushBroken(how: Break): Promise<string> {
    return this.site.pushBroken(how);
  }

  /** The provisioner's command as Terraform would run it. @param stackFolder folder of the stack's JSON and assets */
  rolloutCommand(input: { readonly image: string; readonly stackFolder: string }): RolloutCommand {
    const exec = rolloutExec(this.#stack);
    const lookup = this.#lookup({ image: input.image });
    const environment = resolveAll(exec.environment, lookup) as Record<string, string>;
    return {
      command: resolveText(exec.command, lookup),
      environment: { ...callerEnvironment(), ...this.environment(), ...environment },
      cwd: path.resolve(input.stackFolder, resolveText(exec.working_dir ?? ".", lookup)),
    };
  }

  /** What a rollout needs to reach this world, from Terraform or from the command line. */
  environment(): Record<string, string> {
    return {
      ...this.site.environment(),
      [environmentNames.digitaloceanToken]: LAB_TOKEN,
      [environmentNames.digitaloceanApi]: this.api.url,
      [environmentNames.stateFolder]: this.#stateFolder,
    };
  }

  /** A Terraform output, such as "manifest". */
  output(name: string): unknown {
    const declared = this.#stack.output[name];
    if (!declared) throw new Error(`the stack has no output ${name}`);
    return resolveAll(declared.value, this.#lookup({}));
  }

  /** New droplets beside all declared ones, which then count as superseded: the first half of a create-before-destroy. */
  async rebuild(): Promise<void> {
    this.#fleet.keep([]);
    await this.#createDroplets();
  }

  /** Another version of the stack: droplets that are new in it are created, those it has no more are superseded. */
  async redeclare(stackJson: object): Promise<void> {
    this.#stack = readStack(stackJson);
    this.#fleet.keep(Object.keys(this.#stack.resource.digitalocean_droplet));
    await this.#createDroplets();
  }

  /** Deletes a droplet as Terraform does: at once, whatever it serves. Notes whether it was still in rotation. */
  async remove(droplet: Droplet): Promise<Removal> {
    const removal = { droplet: droplet.name, dropletId: droplet.id, nodesUp: this.balancer.nodesUp(droplet.id) };
    this.removals.push(removal);
    this.#fleet.remove(droplet);
    await droplet.close();
    await this.#syncBalancer();
    return removal;
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
    await Promise.all([this.#site?.close(), this.api.close()]);
    if (this.faults.length > 0) throw new LabFault(this.faults.join("\n"));
  }

  /** The API over this world. */
  #newApi(): Api {
    return new Api({
      token: LAB_TOKEN,
      onFault: (fault) => this.faults.push(fault),
      world: {
        registryHost: "registry.digitalocean.com",
        registryName: null,
        droplets: () => this.#fleet.existing.map((owned) => apiDroplet(owned, this.#identities.vpc.id)),
        balancers: () => [this.#apiBalancer()],
        untag: (id, tag) => this.#untag(id, tag),
      },
    });
  }

  #apiBalancer() {
    const { balancer, vpc } = this.#identities;
    const known = {
      ...{ id: balancer.id, address: this.site.balancerAddress, vpcId: vpc.id },
      createdAt: this.#createdAt,
    };
    const block = this.#balancerBlock;
    const declared = this.options.balancer?.reportDeclared ?? false;
    return apiBalancer(known, block, declared ? balancerSettings(block, {}) : this.balancer.settings);
  }

  #untag(id: string, tag: string): void {
    this.#fleet.untag(id, tag);
    this.#syncBalancer().catch((error: unknown) => this.faults.push(String(error)));
  }

  async #createDroplets(): Promise<void> {
    for (const [name, block] of Object.entries(this.#stack.resource.digitalocean_droplet)) {
      if (this.#fleet.declared.has(name)) continue;
      const resolved = resolveAll(block, this.#lookup({})) as DropletBlock;
      this.#fleet.add(name, await this.#createDroplet(resolved), resolved);
    }
    await this.#syncBalancer();
  }

  #createDroplet(block: DropletBlock): Promise<Droplet> {
    return this.site.createDroplet({
      ...this.site.nextAddresses(),
      id: this.#identities.nextDropletId(),
      name: block.name,
      userData: block.user_data,
      authorizedKeys: this.#authorizedKeys(block),
      user: this.#sshUser,
    });
  }

  /** The lab's own key stands beside those that the block names: only the user has their other halves. */
  #authorizedKeys({ ssh_keys: named }: DropletBlock): string[] {
    if (named.length === 0) return [];
    const { id, fingerprint } = this.#identities.sshKey;
    const declared = named.includes(id) || named.includes(fingerprint);
    const keys = declared ? Object.values(this.#stack.resource.digitalocean_ssh_key) : [];
    return [...keys.map((key) => key.public_key), this.site.clientKey];
  }

  /** Droplets came, went or lost a tag. */
  #syncBalancer(): Promise<void> {
    return this.balancer.sync(this.#fleet.tagged(this.#balancerBlock.droplet_tag));
  }

  /** The only balancer, references filled in. */
  get #balancerBlock(): BalancerBlock {
    const [, block] = only("digitalocean_loadbalancer", this.#stack.resource.digitalocean_loadbalancer);
    return resolveAll(block, this.#lookup({})) as BalancerBlock;
  }

  /** User that cloud-init creates, as the manifest names it. */
  get #sshUser(): string {
    const manifest = JSON.parse(rolloutExec(this.#stack).environment[environmentNames.manifest] ?? "{}") as {
      ssh?: { user?: string };
    };
    return manifest.ssh?.user ?? "deploy";
  }

  get #stateFolder(): string {
    return path.join(this.folder, "state");
  }

  #lookup(variables: Readonly<Record<string, string>>) {
    return lookupIn({
      stack: this.#stack,
      identities: this.#identities,
      balancerAddress: this.site.balancerAddress,
      droplets: this.#fleet.declared,
      variables,
    });
  }
}

const callerEnvironment = (): Record<string, string> =>
  Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
