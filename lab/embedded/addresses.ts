/** Addresses that an embedded site gives out. None of them exists anywhere. */
import type { Addresses } from "../site.js";

const DEFAULT_RANGE = "10.110.0.0/20";

export const BALANCER_ADDRESS = "198.51.100.10";

/** Public addresses are those that RFC 5737 keeps for examples, private ones lie in the network's range. */
export class AddressPool {
  #given = 0;

  constructor(private readonly privateRange: string = DEFAULT_RANGE) {}

  next(): Addresses {
    const number = this.#given;
    this.#given += 1;
    if (number >= 250) throw new Error("an embedded site has addresses for 250 droplets");
    const [a = "10", b = "110", c = "0"] = this.privateRange.split(".");
    return { address: `203.0.113.${number + 2}`, privateAddress: `${a}.${b}.${c}.${number + 2}` };
  }
}
