/** Whom a request comes from: the droplet itself, or somebody else such as a node of the balancer. */
import { BlockList, isIP, isIPv4 } from "node:net";

const HEXADECIMAL = 16;
/** RTF_UP and RTF_GATEWAY of Linux' route flags. */
const GATEWAY_IN_USE = 0x3;

/** One spelling for an address: IPv4 seen through an IPv6 socket loses its `::ffff:`, and a zone is dropped. */
export function normalised(address: string): string {
  const bare = address.replace(/%.*$/, "");
  const mapped = /^::ffff:(.+)$/i.exec(bare)?.[1] ?? "";
  return isIPv4(mapped) ? mapped : bare;
}

/** Whether `text` is an address (`10.0.0.1`) or a range (`10.0.0.0/8`). */
export function isSource(text: string): boolean {
  const [address = "", prefix, ...rest] = text.split("/");
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128));
}

/** Answers whether an address is in the list of addresses and ranges. */
export function sourceList(sources: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const source of sources) {
    const [address = "", prefix] = source.split("/");
    if (prefix === undefined) list.addAddress(normalised(address), family(normalised(address)));
    else list.addSubnet(address, Number(prefix), family(address));
  }
  return (address) => list.check(address, family(address));
}

/**
 * The default gateway in the text of Linux' `/proc/net/route`, if there is one. Docker's proxy passes the droplet's requests
 * to a published port on from there, so that inside a container it is the droplet's own address.
 */
export function defaultGateway(routes: string): string | undefined {
  for (const line of routes.split("\n").slice(1)) {
    const [, destination, gateway = "", flags = "", , , , mask] = line.split("\t");
    if (destination !== "00000000" || mask !== "00000000") continue;
    if ((parseInt(flags, HEXADECIMAL) & GATEWAY_IN_USE) === GATEWAY_IN_USE) return fromHexadecimal(gateway);
  }
  return undefined;
}

/** The kernel prints the address as one number in the machine's byte order, little-endian wherever Node's images run. */
function fromHexadecimal(address: string): string {
  return [...Buffer.from(address.trim(), "hex").reverse()].join(".");
}

function family(address: string): "ipv4" | "ipv6" {
  return isIPv4(address) ? "ipv4" : "ipv6";
}
