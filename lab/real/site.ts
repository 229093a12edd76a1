/** The real site: droplets, HAProxy and a container registry in namespaces of this machine. For Linux, as root. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { environmentNames } from "../../contract/manifest.js";
import { balancerSettings, type BalancerOptions } from "../balancer-options.js";
import { privateAddress } from "../private-address.js";
import type { Break, OtherApp } from "../releases.js";
import type { Addresses, DropletOrder, OpenSite, SiteContext } from "../site.js";
import { SshClientFiles } from "../ssh-client.js";
import type { BalancerBlock } from "../stack.js";
import type { RegistryTrouble, TroubledSite } from "../trouble.js";
import type { World } from "../world.js";
import { RealBalancer } from "./balancer.js";
import { Authority } from "../authority.js";
import { Claim } from "./claim.js";
import { RealDroplet, type RealDropletOptions } from "./droplet.js";
import { Images, REPOSITORY } from "./images.js";
import type { RealReferenceOptions } from "./images-recipes.js";
import type { NetworkNode } from "./network-node.js";
import { Network, type NodeAddresses } from "./network.js";
import { RealRegistry, REGISTRY_NAME } from "./registry.js";
import type { RegistryFault } from "./registry-front.js";
import type { StoredImage } from "./registry-push.js";

export interface RealOptions {
  /** Size of the file system for Docker's data on each droplet, in MB. @default 25000 */
  readonly diskMb?: number;
  /** Milliseconds from power on to the start of the boot. @default 0 */
  readonly sshDelayMs?: number;
  /** Who else may pull, by the registry's name: the same registry as somebody else's. @default - none */
  readonly registries?: Readonly<Record<string, { readonly user: string; readonly password: string }>>;
}

export type RealWorld = World<RealDroplet, RealSite>;

/** Last part of addresses: the balancer's public one, its nodes' private ones, and the first droplet's. */
const BALANCER_HOST = 10;
const FIRST_NODE_HOST = 200;
const FIRST_DROPLET_HOST = 20;

/** At that rate a manifest of a kilobyte takes a minute. */
const SLOW_BYTES_PER_SECOND = 20;

const REGISTRY_FAULTS: Readonly<Record<RegistryTrouble, RegistryFault>> = {
  down: { kind: "down" },
  slow: { kind: "slow", bytesPerSecond: SLOW_BYTES_PER_SECOND },
  unauthorized: { kind: "unauthorized" },
  "rate-limited": { kind: "rate-limited" },
};

/** Opens a real site. @throws Error when this machine is not able to; requirements.ts says why */
export const real =
  (options: RealOptions = {}): OpenSite<RealSite> =>
  (context) =>
    RealSite.open(context, options);

/** What a real site is made of before anybody orders from it. */
interface Ground {
  readonly claim: Claim;
  readonly network: Network;
  readonly authority: Authority;
  readonly registry: RealRegistry;
  readonly images: Images;
}

export class RealSite implements TroubledSite {
  readonly kind = "real";
  readonly #client: SshClientFiles;
  readonly #droplets: RealDroplet[] = [];
  readonly #balancers: RealBalancer[] = [];
  readonly #onFault = (fault: string): void => this.context.onFault(fault);
  #balancerNode: NetworkNode | null = null;
  #nodeAddresses: readonly string[] = [];
  /** Given out so far. */
  #addresses = 0;

  private constructor(
    private readonly ground: Ground,
    private readonly context: SiteContext,
    private readonly options: RealOptions,
  ) {
    this.#client = new SshClientFiles(this.folder);
  }

  /** Use {@link real}. */
  static async open(context: SiteContext, options: RealOptions): Promise<RealSite> {
    const claim = await Claim.take();
    try {
      return new RealSite(await layGround(claim, context, options), context, options);
    } catch (error) {
      await claim.release();
      throw error;
    }
  }

  get folder(): string {
    return this.ground.claim.folder;
  }

  get balancerAddress(): string {
    return this.ground.network.publicAddress(BALANCER_HOST);
  }

  get clientKey(): string {
    return this.#client.publicKey;
  }

  /** The registry, for faults and for what was asked of it. */
  get registry(): RealRegistry {
    return this.ground.registry;
  }

  /** Certificate in PEM of whoever signs in this world, for clients of the balancer's HTTPS. */
  get authorityFile(): string {
    return this.ground.authority.caFile;
  }

  nextAddresses(): Addresses {
    const host = FIRST_DROPLET_HOST + this.#addresses;
    this.#addresses += 1;
    return {
      address: this.ground.network.publicAddress(host),
      privateAddress: privateAddress(this.context.privateRange, host),
    };
  }

  async createDroplet(order: DropletOrder): Promise<RealDroplet> {
    const { network, authority } = this.ground;
    const { registries = {}, ...options } = this.options;
    const extras: RealDropletOptions = {
      ...options,
      hosts: Object.fromEntries([REGISTRY_NAME, ...Object.keys(registries)].map((name) => [name, network.gateway])),
      caCertificates: [readFileSync(authority.caFile, "utf8")],
    };
    const droplet = await RealDroplet.create(order, { ...this.ground, onFault: this.#onFault }, extras);
    this.#droplets.push(droplet);
    this.#client.write(this.#droplets.map(({ address }) => ({ address, host: address, port: 22 })));
    return droplet;
  }

  async createBalancer(block: BalancerBlock, options: BalancerOptions): Promise<RealBalancer> {
    const settings = balancerSettings(block, options);
    const { claim, network, authority } = this.ground;
    const publicAddress = this.balancerAddress;
    const nodeAddresses = Array.from({ length: settings.nodes }, (_, index) =>
      privateAddress(this.context.privateRange, FIRST_NODE_HOST + index),
    );
    await network.perimeter.placeBalancer(nodeAddresses);
    const node = await network.attach("balancer", { publicAddress, privateAddresses: nodeAddresses });
    this.#balancerNode = node;
    this.#nodeAddresses = nodeAddresses;
    const balancer = await RealBalancer.start(settings, {
      ...{ argv: node.argv, publicAddress, nodeAddresses, authority, folder: claim.folder },
      environment: claim.environment,
      onFault: this.#onFault,
    });
    this.#balancers.push(balancer);
    return balancer;
  }

  /** Another machine on the site's network, which no firewall guards. */
  attach(name: string, addresses: NodeAddresses): Promise<NetworkNode> {
    return this.ground.network.attach(name, addresses);
  }

  /** Where the balancer's nodes run. @throws Error while there is none */
  get balancerNode(): NetworkNode {
    if (!this.#balancerNode) throw new Error("the site has no balancer");
    return this.#balancerNode;
  }

  /**
   * Whether what a node of the balancer, or every one, sends to a droplet is dropped on its way, as a wrong firewall does. Nothing is refused.
   * @param node its number, from 0. @default - every node
   */
  async cutOff(droplet: RealDroplet, cut: boolean, node?: number): Promise<void> {
    const sources = this.#nodeAddresses.filter((_, index) => node === undefined || index === node);
    for (const source of sources)
      await this.ground.claim.run([
        ...[...this.balancerNode.argv, "iptables", "-w", cut ? "-A" : "-D", "OUTPUT"],
        ...["-s", source, "-d", droplet.privateAddress, "-j", "DROP"],
      ]);
  }

  async troubleRegistry(trouble: RegistryTrouble | null): Promise<void> {
    await this.registry.breakWith(trouble && REGISTRY_FAULTS[trouble]);
  }

  async pushReference(version: string, options?: RealReferenceOptions): Promise<string> {
    return this.#push(version, await this.ground.images.reference(version, options));
  }

  async pushBroken(how: Break): Promise<string> {
    return this.#push(how, await this.ground.images.broken(how));
  }

  /** Pushes an app that is not Node's. */
  async pushOther(app: OtherApp, version: string): Promise<string> {
    return this.#push(version, await this.ground.images.other(app, version));
  }

  environment(): Record<string, string> {
    return { [environmentNames.sshConfig]: this.#client.configFile, NODE_EXTRA_CA_CERTS: this.authorityFile };
  }

  async close(): Promise<void> {
    try {
      await Promise.all(this.#balancers.map((balancer) => balancer.close()));
      await Promise.all(this.#droplets.map((droplet) => droplet.powerOff()));
      await this.ground.registry.close();
    } finally {
      // Whatever did not end by itself is ended with it.
      await this.ground.claim.release();
    }
  }

  #push(tag: string, image: StoredImage): Promise<string> {
    return this.ground.registry.push(REPOSITORY, tag, image);
  }
}

async function layGround(claim: Claim, context: SiteContext, { registries = {} }: RealOptions): Promise<Ground> {
  const logins = Object.values(registries);
  const network = await Network.create(claim, { privateRange: context.privateRange });
  const authority = await Authority.create(claim.folder);
  const registry = await RealRegistry.start({
    ...{ folder: path.join(claim.folder, "registry"), address: network.gateway, authority },
    ...{ environment: claim.environment, otherNames: Object.keys(registries) },
    accepts: (user, password, action) =>
      action === "pull" &&
      (context.acceptsLogin(user, password) || logins.some((one) => one.user === user && one.password === password)),
    onFault: (fault) => context.onFault(fault),
  });
  return { claim, network, authority, registry, images: await Images.open() };
}
