/** Ids and addresses of what a world creates. None of them exists anywhere. */
import type { DropletIdentity } from "./droplet.js";

const FIRST_DROPLET_ID = 400_000_001;
const DEFAULT_RANGE = "10.110.0.0/20";

/** Public addresses are those that RFC 5737 keeps for examples, private ones lie in the network's range. */
export class Identities {
  #droplets = 0;

  constructor(private readonly privateRange: string = DEFAULT_RANGE) {}

  readonly balancer = { id: "4de7ac8b-495b-4884-9a69-1050c6793cd6", address: "198.51.100.10" };
  readonly vpc = { id: "5a4981aa-9653-4bd1-bef5-d6bff52042e4" };
  readonly sshKey = { id: "512189", fingerprint: "3b:16:bf:e4:8b:00:8b:b8:59:8c:a9:d3:f0:19:45:fa" };

  nextDroplet(): DropletIdentity {
    const number = this.#droplets;
    this.#droplets += 1;
    if (number >= 250) throw new Error("a world has addresses for 250 droplets");
    const [a = "10", b = "110", c = "0"] = this.privateRange.split(".");
    return {
      id: String(FIRST_DROPLET_ID + number),
      address: `203.0.113.${number + 2}`,
      privateAddress: `${a}.${b}.${c}.${number + 2}`,
    };
  }
}
