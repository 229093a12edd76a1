/** Ranges of IPv4 addresses, such as 10.110.0.0/20. */
import { z } from "zod";

export const range = z.cidrv4("is no range of IPv4 addresses");

export const prefixLength = (text: string): number => Number(text.split("/")[1]);

const first = (text: string): number =>
  (text.split("/")[0] ?? "").split(".").reduce((number, part) => number * 256 + Number(part), 0);

/** Whether some address is in both. */
export function overlap(one: string, other: string): boolean {
  const size = 2 ** (32 - Math.min(prefixLength(one), prefixLength(other)));
  return Math.floor(first(one) / size) === Math.floor(first(other) / size);
}
