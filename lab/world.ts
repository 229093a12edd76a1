/** A world: fleet, balancer, registry and API on a site, as a synthesized stack declares them. */
import path from "node:path";
import { isDeepStrictEqual } from "node:util";
import { environmentNames } from "../contract/manifest.js";
import type { Account } from "./api/account.js";
import type { Api } from "./api/api.js";
import { lookupIn } from "./attributes.js";
import type { BalancerOptions } from "./balancer-options.js";
import { startCloud, type Cloud } from "./cloud.js";
import { declareBase, declareDroplet, redeclareBalancer, type Attributes, type DeclareEach } from "./declare.js";
import { resolveAll, resolveText, type Lookup } from "./references.js";
import type { Break, ReferenceOptions } from "./releases.js";
import type { OpenSite, Site, SiteBalancer, SiteDroplet } from "./site.js";
import type { Removal } from "./site-machines.js";
import { guardRun, readStack, rolloutExec, type BalancerBlock, type LocalExec, type Stack } from "./stack.js";

export type { Removal } from "./site-machines.js";

export interface WorldOptions {
  /** How the balancer differs from what is declared, and what the declaration does not say. */
  readonly balancer?: BalancerOptions;
  /** Droplets let in only who has a key that the stack orders, not the lab's own as well. @default false */
  readonly onlyOrderedKeys?: boolean;
}

/** What Terraform would run, and how. */
export interface ProvisionerCommand {
  /** For `/bin/sh -c`. */
  readonly command: string;
  /** The whole environment: the caller's, what the lab adds, what the provisioner sets. */
  readonly environment: Readonly<Record<string, string>>;
  /** The stack's folder. */
  readonly cwd: string;
}

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
  #cloud: Cloud<Droplet, On> | null = null;
  /** Of all declared resources, by type and name of the block. */
  readonly #attributes = new Map<string, Attributes>();
  /** What they were declared with, where another value replaces them. */
  readonly #replacing = new Map<string, unknown>();
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
    this.#cloud = await startCloud<Droplet, On>(openSite, {
      ...this.options,
      privateRange: Object.values(this.#stack.resource.digitalocean_vpc)[0]?.ip_range,
      user: this.#manifest.ssh?.user ?? "deploy",
      anyCheck: true,
    });
    await this.#declare();
  }

  get site(): On {
    return this.#running.site;
  }

  get api(): Api {
    return this.#running.api;
  }

  get account(): Account {
    return this.#running.account;
  }

  get balancer(): SiteBalancer<Droplet> {
    return this.#running.machines.balancer;
  }

  /** Droplets that were deleted, oldest first. */
  get removals(): readonly Removal[] {
    return this.#running.machines.removals;
  }

  /** Everything of the world lies here; gone after {@link stop}. */
  get folder(): string {
    return this.site.folder;
  }

  /** Droplets that the stack declares, in its order. */
  get droplets(): Droplet[] {
    return this.#declaredIds.map((id) => this.#running.machines.droplet(id));
  }

  /** Droplets that exist and are declared no more. */
  get superseded(): Droplet[] {
    const ids = this.account.droplets.all.map(({ id }) => String(id));
    const declared = this.#declaredIds;
    return ids.filter((id) => !declared.includes(id)).map((id) => this.#running.machines.droplet(id));
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
  rolloutCommand(input: { readonly image: string; readonly stackFolder: string }): ProvisionerCommand {
    return this.#provisionerCommand(rolloutExec(this.#stack), this.#lookup({ image: input.image }), input.stackFolder);
  }

  /** What Terraform would run before it changes this world to another version of the stack; null when it would run nothing. */
  guardCommand(input: { readonly stackJson: object; readonly stackFolder: string }): ProvisionerCommand | null {
    const stack = readStack(input.stackJson);
    const run = guardRun(stack);
    if (run === null || isDeepStrictEqual(run.triggers, guardRun(this.#stack)?.triggers)) return null;
    // It comes before every resource, so that it may know of none.
    const lookup = lookupIn({ stack, attributes: new Map(), variables: {} });
    return this.#provisionerCommand(run.exec, lookup, input.stackFolder);
  }

  #provisionerCommand(exec: LocalExec, lookup: Lookup, stackFolder: string): ProvisionerCommand {
    const environment = resolveAll(exec.environment, lookup) as Record<string, string>;
    return {
      command: resolveText(exec.command, lookup),
      environment: { ...callerEnvironment(), ...this.environment(), ...environment },
      cwd: path.resolve(stackFolder, resolveText(exec.working_dir ?? ".", lookup)),
    };
  }

  /** What a rollout needs to reach this world, from Terraform or from the command line. */
  environment(): Record<string, string> {
    return this.#running.environment();
  }

  /** A Terraform output, such as "manifest". */
  output(name: string): unknown {
    const declared = this.#stack.output[name];
    if (!declared) throw new Error(`the stack has no output ${name}`);
    return resolveAll(declared.value, this.#lookup({}));
  }

  /** New droplets beside all declared ones, which then count as superseded: the first half of a create-before-destroy. */
  async rebuild(): Promise<void> {
    this.#keepDroplets([]);
    await this.#declare();
  }

  /** A new droplet beside a declared one, which then counts as superseded. @param address as Terraform's `-replace` takes it */
  async replace(address: string): Promise<void> {
    const name = address.startsWith(`${DROPLET}.`) ? address.slice(DROPLET.length + 1) : "";
    const names = Object.keys(this.#stack.resource.digitalocean_droplet);
    if (!names.includes(name)) throw new Error(`the stack declares no ${address}`);
    this.#keepDroplets(names.filter((one) => one !== name));
    await this.#declare();
  }

  /**
   * Another version of the stack: droplets that are new in it, or that Terraform would replace, are created; those it has no more, or that
   * were replaced, are superseded; the balancer is changed in place. Whatever else has changed stays as it was, but for a key.
   */
  async redeclare(stackJson: object): Promise<void> {
    const before = this.#stack.resource.digitalocean_loadbalancer;
    this.#stack = readStack(stackJson);
    this.#keepDroplets(Object.keys(this.#stack.resource.digitalocean_droplet));
    for (const [name, block] of Object.entries(this.#stack.resource.digitalocean_loadbalancer)) {
      const id = this.#attributes.get(`${BALANCER}.${name}`)?.["id"];
      if (id === undefined || isDeepStrictEqual(block, before[name])) continue;
      const declared = resolveAll(block, this.#lookup({})) as BalancerBlock;
      redeclareBalancer(this.#running.account, id, declared, this.#domain);
    }
    await this.#declare();
  }

  /** Deletes a droplet as Terraform does: at once, whatever it serves. Notes whether it was still in rotation. */
  async remove(droplet: Droplet): Promise<Removal> {
    this.account.droplets.remove(droplet.id);
    await this.account.settled();
    const removal = this.removals.find(({ dropletId }) => dropletId === droplet.id);
    if (!removal) throw new Error(`droplet ${droplet.id} was not removed`);
    return removal;
  }

  /**
   * Ends everything; nothing is left but what the caller holds.
   * @throws LabFault when something was asked of the lab that it does not stand for
   */
  async stop(): Promise<void> {
    await this.#cloud?.stop();
  }

  /** What clients ask for; empty without a domain. */
  get #domain(): string {
    return this.#manifest.loadBalancer?.serverName ?? "";
  }

  /** What is declared and not there yet. */
  async #declare(): Promise<void> {
    const { account, site } = this.#running;
    const { resource } = this.#stack;
    declareBase(account, resource, this.#domain, this.#declareEach);
    this.#declareEach(DROPLET, resource.digitalocean_droplet, (block) =>
      declareDroplet(account, block, site.clientKey),
    );
    await account.settled();
  }

  readonly #declareEach: DeclareEach = (type, blocks, declare) => {
    for (const [name, block] of Object.entries(blocks)) {
      const key = `${type}.${name}`;
      if (this.#attributes.has(key) && !REPLACING.has(type)) continue;
      const filledIn = resolveAll(block, this.#lookup({})) as typeof block;
      const replacing = REPLACING.get(type)?.map((field) => (filledIn as Readonly<Record<string, unknown>>)[field]);
      if (this.#attributes.has(key) && isDeepStrictEqual(replacing, this.#replacing.get(key))) continue;
      this.#replacing.set(key, replacing);
      this.#attributes.set(key, declare(filledIn));
    }
  };

  /** Droplets of other blocks are declared no more; they stay. */
  #keepDroplets(blockNames: readonly string[]): void {
    const kept = blockNames.map((name) => `${DROPLET}.${name}`);
    const declared = [...this.#attributes.keys()].filter((key) => key.startsWith(`${DROPLET}.`));
    for (const key of declared) if (!kept.includes(key)) this.#attributes.delete(key);
  }

  get #declaredIds(): string[] {
    const declared = [...this.#attributes].filter(([key]) => key.startsWith(`${DROPLET}.`));
    return declared.map(([, { id = "" }]) => id);
  }

  get #running(): Cloud<Droplet, On> {
    if (!this.#cloud) throw new Error("the world does not stand yet");
    return this.#cloud;
  }

  /** As the provisioner gets it, references not yet filled in. */
  get #manifest(): ManifestView {
    return JSON.parse(rolloutExec(this.#stack).environment[environmentNames.manifest] ?? "{}") as ManifestView;
  }

  #lookup(variables: Readonly<Record<string, string>>) {
    return lookupIn({ stack: this.#stack, attributes: this.#attributes, variables });
  }
}

/** What a world needs of a manifest. */
interface ManifestView {
  readonly ssh?: {
    /** User that cloud-init creates. */
    readonly user?: string;
  };
  readonly loadBalancer?: {
    /** What clients ask for. */
    readonly serverName?: string;
  };
}

/** Type of the blocks that come and go. */
const DROPLET = "digitalocean_droplet";
const BALANCER = "digitalocean_loadbalancer";

/**
 * Fields of which another value makes the provider create another resource.
 * @see https://registry.terraform.io/providers/digitalocean/digitalocean/latest/docs
 */
const REPLACING: ReadonlyMap<string, readonly string[]> = new Map([
  [DROPLET, ["image", "region", "user_data", "ssh_keys", "vpc_uuid"]],
  ["digitalocean_ssh_key", ["public_key"]],
]);

const callerEnvironment = (): Record<string, string> =>
  Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
