/** Ranges of IPv4 addresses in the form `172.31.255.240/28`. */

interface Range {
  readonly first: number;
  readonly size: number;
}

/** Null for a text that is none, or whose address is not the range's first. */
export function parseRange(text: string): Range | null {
  if (rangeAround(text) !== text) return null;
  const [address = "", bits = ""] = text.split("/");
  return { first: numberOf(address) ?? 0, size: 2 ** (32 - Number(bits)) };
}

/** The range that an address such as `172.31.255.245/28` lies in; null for a text that is none. */
export function rangeAround(text: string): string | null {
  const [address = "", bits = ""] = text.split("/");
  const number = numberOf(address);
  if (number === null || !/^\d{1,2}$/.test(bits) || Number(bits) > 32) return null;
  const size = 2 ** (32 - Number(bits));
  return `${addressOf(number - (number % size))}/${bits}`;
}

/** Null for a text that is no address. */
export function numberOf(address: string): number | null {
  const parts = address.split(".");
  const bytes = parts.map((part) => (/^(0|[1-9]\d{0,2})$/.test(part) ? Number(part) : 256));
  if (bytes.length !== 4 || bytes.some((byte) => byte > 255)) return null;
  return bytes.reduce((number, byte) => number * 256 + byte, 0);
}

export const addressOf = (number: number): string =>
  [24, 16, 8, 0].map((bits) => Math.floor(number / 2 ** bits) % 256).join(".");

/** All of a range, the first one first. */
export function addressesOf(range: string): string[] {
  const { first, size } = rangeOf(range);
  return Array.from({ length: size }, (_, index) => addressOf(first + index));
}

export function contains(range: string, address: string): boolean {
  const { first, size } = rangeOf(range);
  const number = numberOf(address);
  return number !== null && number >= first && number < first + size;
}

export function overlap(one: string, other: string): boolean {
  const [a, b] = [rangeOf(one), rangeOf(other)];
  return a.first < b.first + b.size && b.first < a.first + a.size;
}

function rangeOf(text: string): Range {
  const range = parseRange(text);
  if (!range) throw new Error(`not a range of addresses: ${text}`);
  return range;
}
