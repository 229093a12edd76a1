/** Addresses that an embedded site gives out. None of them exists anywhere. */
import { privateAddress } from "../private-address.js";
import type { Addresses } from "../site.js";

export const BALANCER_ADDRESS = "198.51.100.10";

/** Public addresses are those that RFC 5737 keeps for examples, private ones lie in the network's range. */
export class AddressPool {
  #given = 0;

  constructor(private readonly privateRange: string | undefined) {}

  next(): Addresses {
    const host = (this.#given += 1) + 1;
    return { address: `203.0.113.${host}`, privateAddress: privateAddress(this.privateRange, host) };
  }
}
