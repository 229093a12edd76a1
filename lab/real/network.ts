/**
 * The network of one real world: a switch in a namespace of its own with a public and a private side. This machine is on the
 * public side only, so that worlds may use the same private range. Nothing leads to the internet.
 */
import type { Claim } from "./claim.js";
import { ip } from "./ip.js";
import { createNamespace } from "./namespace.js";
import { NetworkNode, type Side } from "./network-node.js";

export interface NetworkOptions {
  /** Range of the private addresses, as `ip_range` of the VPC says it. @default 10.110.0.0/20 */
  readonly privateRange?: string | undefined;
}

/** Addresses of one machine. It has an interface on a side only when it has an address there. */
export interface NodeAddresses {
  readonly publicAddress?: string;
  /** The first one is the source of connections that it opens. */
  readonly privateAddresses?: readonly string[];
}

const DEFAULT_PRIVATE_RANGE = "10.110.0.0/20";

export class Network {
  #attached = 0;

  private constructor(
    private readonly claim: Claim,
    /** File that holds the switch's namespace. */
    private readonly hub: string,
    private readonly privatePrefix: string,
  ) {}

  /** It is removed with the claim. */
  static async create(claim: Claim, { privateRange = DEFAULT_PRIVATE_RANGE }: NetworkOptions = {}): Promise<Network> {
    const [, prefix] = /^[\d.]+\/(\d+)$/.exec(privateRange) ?? [];
    if (prefix === undefined) throw new Error(`"${privateRange}" is no range such as ${DEFAULT_PRIVATE_RANGE}`);
    const network = new Network(claim, await createNamespace(claim, "switch"), prefix);
    await network.#begin();
    return network;
  }

  /** Address of this machine on the public side. */
  get gateway(): string {
    return this.publicAddress(1);
  }

  /** @param host 1 to 254; 1 is this machine */
  publicAddress(host: number): string {
    return `10.210.${this.claim.number}.${host}`;
  }

  /**
   * A namespace for one machine, with its cables plugged in: public on eth0, private on eth1.
   * @param name differs from all others in the world; a-z, 0-9 and "-"
   */
  async attach(name: string, addresses: NodeAddresses): Promise<NetworkNode> {
    if (!/^[a-z0-9-]+$/.test(name)) throw new Error(`"${name}" is no name for a namespace`);
    this.#attached += 1;
    const cable = String(this.#attached);
    const node = new NetworkNode(this.claim, {
      hub: this.hub,
      namespace: await createNamespace(this.claim, name),
      cable,
    });
    await node.plugIn(this.#interfaces(addresses));
    return node;
  }

  #interfaces({ publicAddress, privateAddresses = [] }: NodeAddresses): Map<Side, string[]> {
    const interfaces = new Map<Side, string[]>();
    if (publicAddress !== undefined) interfaces.set("public", [`${publicAddress}/24`]);
    const privates = privateAddresses.map((address) => `${address}/${this.privatePrefix}`);
    if (privates.length > 0) interfaces.set("private", privates);
    return interfaces;
  }

  async #begin(): Promise<void> {
    // The reaper knows it by this name.
    const here = `ek${this.claim.number}`;
    await ip(this.claim, null, [
      `link add ${here} type veth peer name uplink netns ${this.hub}`,
      `address add ${this.gateway}/24 dev ${here}`,
      `link set ${here} up`,
    ]);
    await ip(this.claim, this.hub, [
      "link add public up type bridge",
      "link add private up type bridge",
      "link set uplink master public up",
    ]);
  }
}
