/** One machine's place in a world's network: a namespace with up to two interfaces, whose cables can be pulled. */
import type { FirewallPolicy } from "../firewall-policy.js";
import type { Claim } from "./claim.js";
import { inNamespace, ip } from "./ip.js";
import { removeNamespace } from "./namespace.js";
import type { Perimeter } from "./perimeter.js";

/** Public is reached from this machine, private only from within the world. */
export type Side = "public" | "private";

const INTERFACES: Readonly<Record<Side, string>> = { public: "eth0", private: "eth1" };

interface NodePlace {
  /** File that holds the machine's own namespace. */
  readonly namespace: string;
  /** File that holds the switch's namespace. */
  readonly hub: string;
  /** Differs from those of all other nodes. */
  readonly cable: string;
  readonly perimeter: Perimeter;
}

/** What a machine has on one side. */
export interface Plug {
  /** With their prefix. The first one is the source of connections that it opens. */
  readonly addresses: readonly string[];
  /** Further routes, as `ip route` takes them after the name of the interface's own. */
  readonly routes?: readonly string[];
}

export class NetworkNode {
  #sides: readonly Side[] = [];

  /** Use Network.attach. */
  constructor(
    private readonly claim: Claim,
    private readonly place: NodePlace,
  ) {}

  /** Put before a command, it makes it run here. */
  get argv(): readonly string[] {
    return inNamespace(this.place.namespace);
  }

  async plugIn(interfaces: ReadonlyMap<Side, Plug>): Promise<void> {
    const { namespace, hub } = this.place;
    this.#sides = [...interfaces.keys()];
    await ip(
      this.claim,
      null,
      this.#sides.map(
        (side) =>
          `link add ${this.#plug(side)} netns ${hub} type veth peer name ${INTERFACES[side]} netns ${namespace}`,
      ),
    );
    await ip(this.claim, namespace, [
      "link set lo up",
      ...[...interfaces].flatMap(([side, plug]) => set(INTERFACES[side], plug)),
    ]);
    await ip(
      this.claim,
      hub,
      this.#sides.map((side) => `link set ${this.#plug(side)} master ${side} up`),
    );
  }

  /** Only this passes its plugs from now on; null: everything. */
  guard(policy: FirewallPolicy | null): Promise<void> {
    const { cable, perimeter } = this.place;
    return perimeter.guard({ cable, plugs: [this.#plug("public"), this.#plug("private")] }, policy);
  }

  /** Pulls the cable: what is sent is lost, nothing is refused. */
  linkDown(side: Side): Promise<void> {
    return ip(this.claim, this.place.hub, [`link set ${this.#plug(side)} down`]);
  }

  linkUp(side: Side): Promise<void> {
    return ip(this.claim, this.place.hub, [`link set ${this.#plug(side)} up`]);
  }

  /** Pulls every cable for good. */
  async unplug(): Promise<void> {
    const plugs = this.#sides.map((side) => this.#plug(side));
    await ip(
      this.claim,
      this.place.hub,
      plugs.map((plug) => `link delete ${plug}`),
    );
    await this.guard(null);
  }

  /** Nothing may be plugged in or run there. */
  remove(): Promise<void> {
    return removeNamespace(this.claim, this.place.namespace);
  }

  #plug(side: Side): string {
    return `${side}${this.place.cable}`;
  }
}

const set = (name: string, { addresses, routes = [] }: Plug): string[] => [
  `link set ${name} address ${hardwareAddress(addresses[0] ?? "")}`,
  ...addresses.map((address) => `address add ${address} dev ${name}`),
  `link set ${name} up`,
  ...routes.map((route) => `route replace ${route}`),
];

/** The same at every boot, as a droplet's are: neighbours remember it. */
function hardwareAddress(address: string): string {
  const bytes = address.split("/")[0]?.split(".") ?? [];
  return ["02", "00", ...bytes.map((byte) => Number(byte).toString(16).padStart(2, "0"))].join(":");
}
