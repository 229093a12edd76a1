/** Regions and droplet sizes. @see https://docs.digitalocean.com/platform/regional-availability/ */
import { z } from "zod";

export const regionSlug = z.enum(
  ["ams3", "atl1", "blr1", "fra1", "lon1", "nyc1", "nyc2", "nyc3", "sfo2", "sfo3", "sgp1", "syd1", "tor1"],
  "is no region",
);

export type Region = z.output<typeof regionSlug>;

export const shownRegion = (slug: string) => ({ name: slug, slug, available: true, features: [], sizes: [] });

interface Size {
  /** In MiB. */
  readonly memory: number;
  readonly vcpus: number;
  /** In GiB. */
  readonly disk: number;
  /** In TB. */
  readonly transfer: number;
  /** In US dollars. */
  readonly price_monthly: number;
  readonly price_hourly: number;
}

/** @see https://www.digitalocean.com/pricing/droplets as of November 2026 */
const SIZES = {
  "s-1vcpu-512mb-10gb": size(512, 1, 10, 0.5, 4, 0.00595),
  "s-1vcpu-1gb": size(1024, 1, 25, 1, 6, 0.00893),
  "s-1vcpu-2gb": size(2048, 1, 50, 2, 12, 0.01786),
  "s-2vcpu-2gb": size(2048, 2, 60, 3, 18, 0.02679),
  "s-2vcpu-4gb": size(4096, 2, 80, 4, 24, 0.03571),
  "s-4vcpu-8gb": size(8192, 4, 160, 5, 48, 0.07143),
} as const;

function size(memory: number, vcpus: number, disk: number, transfer: number, monthly: number, hourly: number): Size {
  return { memory, vcpus, disk, transfer, price_monthly: monthly, price_hourly: hourly };
}

export const sizeSlug = z.literal(Object.keys(SIZES) as (keyof typeof SIZES)[], "is no size that the lab knows");
export type SizeSlug = z.output<typeof sizeSlug>;

export const sizeOf = (slug: SizeSlug): Size => SIZES[slug];

export const shownSize = (slug: SizeSlug) => ({
  slug,
  available: true,
  regions: [],
  description: "Basic",
  ...SIZES[slug],
});
