/** One machine's place in a world's network: a namespace with up to two interfaces, whose cables can be pulled. */
import type { Claim } from "./claim.js";
import { inNamespace, ip } from "./ip.js";
import { removeNamespace } from "./namespace.js";

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

  /** @param interfaces addresses with their prefix, by side */
  async plugIn(interfaces: ReadonlyMap<Side, readonly string[]>): Promise<void> {
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
      ...[...interfaces].flatMap(([side, addresses]) => set(INTERFACES[side], addresses)),
    ]);
    await ip(
      this.claim,
      hub,
      this.#sides.map((side) => `link set ${this.#plug(side)} master ${side} up`),
    );
  }

  /** Pulls the cable: what is sent is lost, nothing is refused. */
  linkDown(side: Side): Promise<void> {
    return ip(this.claim, this.place.hub, [`link set ${this.#plug(side)} down`]);
  }

  linkUp(side: Side): Promise<void> {
    return ip(this.claim, this.place.hub, [`link set ${this.#plug(side)} up`]);
  }

  /** Pulls every cable for good. */
  unplug(): Promise<void> {
    return ip(
      this.claim,
      this.place.hub,
      this.#sides.map((side) => `link delete ${this.#plug(side)}`),
    );
  }

  /** Nothing may be plugged in or run there. */
  remove(): Promise<void> {
    return removeNamespace(this.claim, this.place.namespace);
  }

  #plug(side: Side): string {
    return `${side}${this.place.cable}`;
  }
}

const set = (name: string, addresses: readonly string[]): string[] => [
  `link set ${name} address ${hardwareAddress(addresses[0] ?? "")}`,
  ...addresses.map((address) => `address add ${address} dev ${name}`),
  `link set ${name} up`,
];

/** The same at every boot, as a droplet's are: neighbours remember it. */
function hardwareAddress(address: string): string {
  const bytes = address.split("/")[0]?.split(".") ?? [];
  return ["02", "00", ...bytes.map((byte) => Number(byte).toString(16).padStart(2, "0"))].join(":");
}
