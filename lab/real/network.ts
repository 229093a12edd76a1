/**
 * The network of one real world: a switch in a namespace of its own with a public and a private side. This machine is on the
 * public side only, so that worlds may use the same private range. Nothing leads to the internet; strangers have documentation's addresses.
 * @see https://www.rfc-editor.org/rfc/rfc5737
 */
import type { FirewallPolicy } from "../firewall-policy.js";
import type { Claim } from "./claim.js";
import { ip } from "./ip.js";
import { createNamespace } from "./namespace.js";
import { NetworkNode, type Plug, type Side } from "./network-node.js";
import { Perimeter } from "./perimeter.js";

export interface NetworkOptions {
  /** Range of the private addresses, as `ip_range` of the VPC says it. @default 10.110.0.0/20 */
  readonly privateRange?: string | undefined;
}

/** Addresses of one machine. It has an interface on a side only when it has an address there. */
export interface NodeAddresses {
  readonly publicAddress?: string;
  /** The first one is the source of connections that it opens. */
  readonly privateAddresses?: readonly string[];
  /** One of {@link ELSEWHERE}, for a machine out of the network's own range: the source of what it opens on the public side. */
  readonly foreignAddress?: string;
}

/** What this machine is to droplets: whoever operates the fleet, wherever that is. */
export const OPERATOR_ADDRESS = "203.0.113.7";
/** Ranges where strangers are, and the address of DigitalOcean's metadata. */
export const ELSEWHERE = ["198.51.100.0/24", "203.0.113.0/24", "169.254.169.254/32"];

const DEFAULT_PRIVATE_RANGE = "10.110.0.0/20";

export class Network {
  #attached = 0;

  private constructor(
    private readonly claim: Claim,
    /** File that holds the switch's namespace. */
    private readonly hub: string,
    private readonly privatePrefix: string,
    /** What the cloud's firewalls let through. */
    readonly perimeter: Perimeter,
  ) {}

  /** It is removed with the claim. */
  static async create(claim: Claim, { privateRange = DEFAULT_PRIVATE_RANGE }: NetworkOptions = {}): Promise<Network> {
    const [, prefix] = /^[\d.]+\/(\d+)$/.exec(privateRange) ?? [];
    if (prefix === undefined) throw new Error(`"${privateRange}" is no range such as ${DEFAULT_PRIVATE_RANGE}`);
    const hub = await createNamespace(claim, "switch");
    const network = new Network(claim, hub, prefix, new Perimeter(claim, hub));
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
   * @param policy what its firewalls let through from the start; null: everything
   */
  async attach(name: string, addresses: NodeAddresses, policy: FirewallPolicy | null = null): Promise<NetworkNode> {
    if (!/^[a-z0-9-]+$/.test(name)) throw new Error(`"${name}" is no name for a namespace`);
    this.#attached += 1;
    const cable = String(this.#attached);
    const node = new NetworkNode(this.claim, {
      hub: this.hub,
      namespace: await createNamespace(this.claim, name),
      cable,
      perimeter: this.perimeter,
    });
    await node.guard(policy);
    await node.plugIn(this.#interfaces(addresses));
    return node;
  }

  #interfaces({ publicAddress, privateAddresses = [], foreignAddress }: NodeAddresses): Map<Side, Plug> {
    const interfaces = new Map<Side, Plug>();
    const publics = [
      ...(publicAddress === undefined ? [] : [`${publicAddress}/24`]),
      ...(foreignAddress === undefined ? [] : [`${foreignAddress}/32`]),
    ];
    const here = foreignAddress === undefined ? [] : [`${this.publicAddress(0)}/24 dev eth0 src ${foreignAddress}`];
    const there = ELSEWHERE.map((range) => `${range} dev eth0`);
    if (publics.length > 0) interfaces.set("public", { addresses: publics, routes: [...here, ...there] });
    const privates = privateAddresses.map((address) => `${address}/${this.privatePrefix}`);
    if (privates.length > 0) interfaces.set("private", { addresses: privates });
    return interfaces;
  }

  async #begin(): Promise<void> {
    // The reaper knows it by this name.
    const here = `ek${this.claim.number}`;
    await ip(this.claim, null, [
      `link add ${here} type veth peer name uplink netns ${this.hub}`,
      `address add ${this.gateway}/24 dev ${here}`,
      `address add ${OPERATOR_ADDRESS}/32 dev ${here}`,
      `link set ${here} up`,
      `route replace ${this.publicAddress(0)}/24 dev ${here} src ${OPERATOR_ADDRESS}`,
    ]);
    await ip(this.claim, this.hub, [
      "link add public up type bridge",
      "link add private up type bridge",
      "link set uplink master public up",
    ]);
    await this.perimeter.begin();
  }
}
