/** One droplet: what the account knows of it, and how the API shows that. */
import type { DropletRequest } from "./droplet-request.js";
import type { DropletAddresses } from "./machines.js";
import { shownRegion, shownSize, sizeOf, type SizeSlug } from "./regions.js";

export interface Droplet extends DropletAddresses {
  readonly id: number;
  readonly region: string;
  readonly image: string | number;
  readonly vpcId: string;
  readonly createdAt: string;
  readonly features: Set<string>;
  name: string;
  size: SizeSlug;
  /** In GiB; a disk that has grown never shrinks again. */
  disk: number;
  /** Its machine is there. */
  made: boolean;
}

/** A droplet as it is ordered, its machine not yet there. */
export function newDroplet(id: number, request: DropletRequest, vpcId: string, addresses: DropletAddresses): Droplet {
  const { name, region, size, image } = request;
  const asked = (["backups", "ipv6", "monitoring"] as const).filter((feature) => request[feature]);
  const features = new Set(["droplet_agent", "private_networking", ...asked]);
  if (request.with_droplet_agent === false) features.delete("droplet_agent");
  const createdAt = new Date().toISOString();
  const { address, privateAddress } = addresses;
  return {
    id,
    name,
    region,
    size,
    image,
    vpcId,
    features,
    createdAt,
    address,
    privateAddress,
    disk: sizeOf(size).disk,
    made: false,
  };
}

/** What others know of a droplet. */
export interface Now {
  readonly status: string;
  readonly locked: boolean;
  readonly tags: readonly string[];
}

export const shownDroplet = (droplet: Droplet, now: Now) => ({
  id: droplet.id,
  name: droplet.name,
  memory: sizeOf(droplet.size).memory,
  vcpus: sizeOf(droplet.size).vcpus,
  disk: droplet.disk,
  ...now,
  kernel: null,
  created_at: droplet.createdAt,
  features: [...droplet.features],
  backup_ids: [],
  snapshot_ids: [],
  volume_ids: [],
  image: shownImage(droplet.image),
  size: shownSize(droplet.size),
  size_slug: droplet.size,
  networks: { v4: droplet.made ? shownNetworks(droplet) : [], v6: [] },
  region: shownRegion(droplet.region),
  vpc_uuid: droplet.vpcId,
});

const shownImage = (image: string | number) => ({
  ...(typeof image === "number" ? { id: image } : { id: 1, slug: image }),
  distribution: "Debian",
  status: "available",
});

const shownNetworks = ({ address, privateAddress }: Droplet) => [
  { ip_address: privateAddress, netmask: "255.255.240.0", gateway: null, type: "private" },
  { ip_address: address, netmask: "255.255.255.0", gateway: "203.0.113.1", type: "public" },
];
