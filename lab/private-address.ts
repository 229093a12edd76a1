/** Addresses within the network's private range. */

/** DigitalOcean's choice where a stack declares none, such as it may be. */
const DEFAULT_RANGE = "10.110.0.0/20";

/** @param host 2 to 254; lower numbers belong to the network itself */
export function privateAddress(range: string = DEFAULT_RANGE, host: number): string {
  if (host < 2 || host > 254) throw new Error(`a lab's private network has addresses from 2 to 254, not ${host}`);
  const [a = "10", b = "110", c = "0"] = range.split(".");
  return `${a}.${b}.${c}.${host}`;
}
