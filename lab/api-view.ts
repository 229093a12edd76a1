/** What the API shows of a world's droplets and balancer. */
import type { ApiBalancer, ApiDroplet } from "./api/shapes.js";
import type { BalancerSettings } from "./balancer-options.js";
import type { Owned } from "./fleet.js";
import type { BalancerBlock } from "./stack.js";

/** @param settings what the API is to say of it: what runs, or what is declared */
export function apiBalancer(
  known: Pick<ApiBalancer, "id" | "address" | "vpcId" | "createdAt">,
  block: BalancerBlock,
  settings: BalancerSettings,
): ApiBalancer {
  const { name, region, droplet_tag: tag } = block;
  return { ...known, name, region, tag, ...settings };
}

export function apiDroplet({ droplet, block, tags, createdAt }: Owned, vpcId: string): ApiDroplet {
  const { id, address, privateAddress, boot } = droplet;
  const { name, region, size, image } = block;
  return {
    ...{ id, name, region, size, image, address, privateAddress, vpcId, createdAt },
    tags: [...tags],
    powered: boot !== "off",
  };
}
