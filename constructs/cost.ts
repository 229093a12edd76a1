/** What a stack costs a month, from prices that were looked up once: an estimate to plan with, not a bill. Pure. */
import type { ResolvedConfig } from "../contract/config.js";

/** When the prices below were looked up. */
export const PRICES_AS_OF = "November 2026";

/**
 * US dollars a month (672 hours or more) of one droplet, by size.
 * @see https://docs.digitalocean.com/products/droplets/details/pricing/
 */
const DROPLETS: Readonly<Record<string, number>> = {
  "s-1vcpu-512mb-10gb": 4,
  "s-1vcpu-1gb": 6,
  "s-1vcpu-2gb": 12,
  "s-2vcpu-2gb": 18,
  "s-2vcpu-4gb": 24,
  "s-4vcpu-8gb": 48,
};
/** US dollars a month of one node of a regional HTTP balancer. @see https://docs.digitalocean.com/products/networking/load-balancers/details/pricing/ */
const BALANCER_NODE = 12;

export interface CostItem {
  readonly what: string;
  readonly count: number;
  /** US dollars a month of each; null when the table does not know it. */
  readonly each: number | null;
}

type Sized = Pick<ResolvedConfig, "dropletCount"> & {
  readonly droplet: Pick<ResolvedConfig["droplet"], "size">;
  readonly loadBalancer: Pick<ResolvedConfig["loadBalancer"], "sizeUnit">;
};

/** What of the stack is billed by the month. Network, firewall and tags are free. */
export function monthlyCost({ dropletCount, droplet, loadBalancer }: Sized): CostItem[] {
  const each = Object.hasOwn(DROPLETS, droplet.size) ? (DROPLETS[droplet.size] ?? null) : null;
  return [
    { what: `droplet ${droplet.size}`, count: dropletCount, each },
    { what: "balancer node", count: loadBalancer.sizeUnit, each: BALANCER_NODE },
  ];
}

/** The estimate in one line. */
export function costLine(items: readonly CostItem[]): string {
  const known = items.reduce((sum, { count, each }) => sum + count * (each ?? 0), 0);
  const unknown = items.some(({ each }) => each === null);
  const parts = items.map(
    ({ what, count, each }) => `${count} x ${what} at ${each === null ? "a price that is not known here" : `$${each}`}`,
  );
  return `costs ${unknown ? "more than " : ""}$${known} a month (${parts.join(", ")}; prices of ${PRICES_AS_OF}, without registry, traffic and tax)`;
}
