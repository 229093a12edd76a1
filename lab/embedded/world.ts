/** The embedded world: fleet, balancer, registry and API on this machine, as a synthesized stack declares them. */
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { environmentNames } from "../../contract/manifest.js";
import { Api } from "../api/api.js";
import { lookupIn } from "./attributes.js";
import { Balancer } from "./balancer.js";
import { apiBalancer, apiDroplet, balancerSettings, type BalancerOptions } from "./balancer-options.js";
import { DIGITALOCEAN_REGISTRY, Registries, type ImageSource } from "./docker/registry.js";
import { Droplet } from "./droplet.js";
import { LabFault } from "./fault.js";
import { Identities } from "./identities.js";
import { brokenImage, referenceImage, type Break, type ReferenceOptions } from "./images.js";
import { PortPool } from "./ports.js";
import { resolveAll, resolveText } from "./references.js";
import { SshClientFiles } from "./ssh-client.js";
import { only, readStack, rolloutExec, type BalancerBlock, type DropletBlock, type Stack } from "./stack.js";
import { Watchdog } from "./watchdog.js";

export interface WorldOptions {
  /** Milliseconds from power on until SSH answers. @default 0 */
  readonly sshDelayMs?: number;
  /** Milliseconds from then until cloud-init is done and Docker there. @default 0 */
  readonly cloudInitDelayMs?: number;
  /** How the balancer differs from what is declared, and what the declaration does not say. */
  readonly balancer?: BalancerOptions;
  /** Registries besides DigitalOcean's, by host, and who may pull there. @default - none */
  readonly registries?: Readonly<Record<string, { readonly user: string; readonly password: string }>>;
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

/** Starts a world; its droplets boot while the caller goes on. */
export async function startWorld(input: {
  readonly stackJson: object;
  readonly options?: WorldOptions;
}): Promise<World> {
  const world = new World(readStack(input.stackJson), input.options ?? {});
  try {
    await world.begin();
    return world;
  } catch (error) {
    await world.stop().catch(() => undefined);
    throw error;
  }
}

export class World {
  readonly id = randomBytes(8).toString("hex");
  /** Everything of the world lies here; gone after {@link stop}. */
  readonly folder = mkdtempSync(path.join(tmpdir(), "ekl-"));
  /** What was asked of the lab that it does not stand for. */
  readonly faults: string[] = [];
  readonly removals: Removal[] = [];
  readonly registries = new Registries();
  readonly #ports = new PortPool();
  readonly #identities: Identities;
  readonly #client = new SshClientFiles(this.folder);
  readonly #watchdog = new Watchdog(`LAB_WORLD=${this.id}`, this.folder);
  readonly #createdAt = new Date();
  /** Droplets that the stack declares, by the name of their block. */
  readonly #declared = new Map<string, Droplet>();
  #droplets: Droplet[] = [];
  #balancer: Balancer | null = null;
  #api: Api | null = null;
  #stopped: Promise<void> | null = null;
  #stack: Stack;

  /** Use {@link startWorld}. */
  constructor(
    stack: Stack,
    private readonly options: WorldOptions,
  ) {
    this.#stack = stack;
    this.#identities = new Identities(Object.values(stack.resource.digitalocean_vpc)[0]?.ip_range);
    mkdirSync(path.join(this.folder, "state"));
  }

  /** @internal */
  async begin(): Promise<void> {
    await this.#startApi();
    await this.#startBalancer();
    await this.#createDroplets();
  }

  get balancer(): Balancer {
    if (!this.#balancer) throw new Error("the world has no balancer yet");
    return this.#balancer;
  }

  get api(): Api {
    if (!this.#api) throw new Error("the world has no API yet");
    return this.#api;
  }

  /** Droplets that the stack declares, in its order. */
  get droplets(): Droplet[] {
    return [...this.#declared.values()];
  }

  /** Droplets that exist and are declared no more. */
  get superseded(): Droplet[] {
    const declared = new Set(this.droplets);
    return this.#droplets.filter((droplet) => !declared.has(droplet));
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

  /** Puts an image into the registry. Gives back its name by digest. */
  push(source: ImageSource): string {
    return this.registries.push(source);
  }

  /** Pushes the reference API; every version has a digest of its own. */
  async pushReference(version: string, options?: ReferenceOptions): Promise<string> {
    return this.push(await referenceImage(this.folder, version, options));
  }

  /** Pushes a release that fails. */
  pushBroken(how: Break): string {
    return this.push(brokenImage(how));
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
      [environmentNames.digitaloceanToken]: LAB_TOKEN,
      [environmentNames.digitaloceanApi]: this.api.url,
      [environmentNames.sshConfig]: this.#client.configFile,
      [environmentNames.balancerUrl]: this.balancer.url(),
      [environmentNames.stateFolder]: path.join(this.folder, "state"),
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
    this.#declared.clear();
    await this.#createDroplets();
  }

  /** Another version of the stack: droplets that are new in it are created, those it has no more are superseded. */
  async redeclare(stackJson: object): Promise<void> {
    this.#stack = readStack(stackJson);
    const kept = new Set(Object.keys(this.#stack.resource.digitalocean_droplet));
    for (const name of [...this.#declared.keys()]) if (!kept.has(name)) this.#declared.delete(name);
    await this.#createDroplets();
  }

  /** Deletes a droplet as Terraform does: at once, whatever it serves. Notes whether it was still in rotation. */
  async remove(droplet: Droplet): Promise<Removal> {
    const removal = { droplet: droplet.name, dropletId: droplet.id, nodesUp: this.balancer.nodesUp(droplet.id) };
    this.removals.push(removal);
    this.#droplets = this.#droplets.filter((one) => one !== droplet);
    await droplet.powerOff();
    this.#changed();
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
    await Promise.all([this.#balancer?.close(), this.#api?.close()]);
    await Promise.all(this.#droplets.map((droplet) => droplet.close()));
    await this.#watchdog.finish();
    await this.#ports.release();
    if (this.faults.length > 0) throw new LabFault(this.faults.join("\n"));
  }

  async #startApi(): Promise<void> {
    this.#api = new Api({
      token: LAB_TOKEN,
      onFault: (fault) => this.faults.push(fault),
      world: {
        registryHost: DIGITALOCEAN_REGISTRY,
        registryName: null,
        droplets: () => this.#droplets.map((droplet) => apiDroplet(droplet, this.#identities.vpc.id)),
        balancers: () => [this.#apiBalancer()],
        untag: (id, tag) => this.#untag(id, tag),
      },
    });
    await this.#api.listen(await this.#ports.take());
    const { logins } = this.#api;
    this.registries.serve(DIGITALOCEAN_REGISTRY, (user, password) => logins.accepts(user, password));
    for (const [host, login] of Object.entries(this.options.registries ?? {})) {
      this.registries.serve(host, (user, password) => user === login.user && password === login.password);
    }
  }

  async #startBalancer(): Promise<void> {
    const block = this.#balancerBlock;
    const entries = block.forwarding_rule.map(async (rule) => ({
      entryPort: rule.entry_port,
      targetPort: rule.target_port,
      realPort: await this.#ports.take(),
    }));
    this.#balancer = new Balancer(balancerSettings(block, await Promise.all(entries), this.options.balancer ?? {}));
    await this.#balancer.listen();
  }

  async #createDroplets(): Promise<void> {
    for (const [name, block] of Object.entries(this.#stack.resource.digitalocean_droplet)) {
      if (this.#declared.has(name)) continue;
      const droplet = await this.#createDroplet(block);
      this.#declared.set(name, droplet);
      this.#droplets.push(droplet);
    }
    this.#changed();
  }

  async #createDroplet(block: DropletBlock): Promise<Droplet> {
    const identity = this.#identities.nextDroplet();
    const resolved = resolveAll(block, this.#lookup({})) as DropletBlock;
    const folder = path.join(this.folder, identity.id);
    mkdirSync(folder);
    return Droplet.create(resolved, identity, {
      folder,
      ports: this.#ports,
      registries: this.registries,
      worldId: this.id,
      user: this.#sshUser,
      clientKey: this.#client.keys.public,
      sshDelayMs: this.options.sshDelayMs ?? 0,
      cloudInitDelayMs: this.options.cloudInitDelayMs ?? 0,
      onFault: (fault) => this.faults.push(fault),
    });
  }

  /** Droplets came, went or lost a tag. */
  #changed(): void {
    this.#client.write(this.#droplets.map(({ identity, sshPort }) => ({ address: identity.address, port: sshPort })));
    const tag = this.#balancerBlock.droplet_tag;
    const members = this.#droplets.filter((droplet) => droplet.tags.has(tag));
    this.balancer.sync(
      members.map((droplet) => ({
        id: droplet.id,
        name: droplet.name,
        privateAddress: droplet.identity.privateAddress,
        endpoint: (port) => droplet.endpoint(port),
      })),
    );
  }

  #untag(id: string, tag: string): void {
    this.#droplets.find((droplet) => droplet.id === id)?.tags.delete(tag);
    this.#changed();
  }

  #apiBalancer() {
    const { id, address } = this.#identities.balancer;
    const shown = { id, address, vpcId: this.#identities.vpc.id, createdAt: this.#createdAt };
    return apiBalancer(
      shown,
      this.#balancerBlock,
      this.balancer.settings,
      this.options.balancer?.reportDeclared ?? false,
    );
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

  #lookup(variables: Readonly<Record<string, string>>) {
    return lookupIn({ stack: this.#stack, identities: this.#identities, droplets: this.#declared, variables });
  }
}

const callerEnvironment = (): Record<string, string> =>
  Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
