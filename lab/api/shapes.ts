/**
 * Objects as DigitalOcean's API shows them.
 * @see https://docs.digitalocean.com/reference/api/reference/droplets/
 * @see https://docs.digitalocean.com/reference/api/reference/load-balancers/
 */

/** What the emulator has to know of a droplet. */
export interface ApiDroplet {
  readonly id: string;
  readonly name: string;
  readonly region: string;
  readonly size: string;
  readonly image: string;
  readonly address: string;
  readonly privateAddress: string;
  readonly vpcId: string;
  readonly tags: readonly string[];
  readonly createdAt: Date;
  /** A droplet without power is `off`; one that boots is `active` long before it can be used. */
  readonly powered: boolean;
}

/** What the emulator has to know of the balancer. */
export interface ApiBalancer {
  readonly id: string;
  readonly name: string;
  readonly address: string;
  readonly region: string;
  readonly nodes: number;
  readonly tag: string;
  readonly vpcId: string;
  readonly createdAt: Date;
  readonly backendKeepalive: boolean;
  readonly idleTimeoutSeconds: number;
  readonly entries: readonly { readonly entryPort: number; readonly targetPort: number }[];
  readonly check: {
    readonly path: string;
    readonly port: number;
    readonly intervalSeconds: number;
    readonly timeoutSeconds: number;
    readonly fall: number;
    readonly rise: number;
  };
}

const region = (slug: string) => ({ name: slug, slug, available: true, features: [], sizes: [] });

export const shownDroplet = (droplet: ApiDroplet) => ({
  id: Number(droplet.id),
  name: droplet.name,
  memory: 1024,
  vcpus: 1,
  disk: 25,
  locked: false,
  status: droplet.powered ? "active" : "off",
  kernel: null,
  created_at: droplet.createdAt.toISOString(),
  features: ["monitoring", "private_networking"],
  backup_ids: [],
  snapshot_ids: [],
  volume_ids: [],
  image: { slug: droplet.image, distribution: "Debian", status: "available" },
  size: { slug: droplet.size, memory: 1024, vcpus: 1, disk: 25, available: true },
  size_slug: droplet.size,
  networks: {
    v4: [
      { ip_address: droplet.privateAddress, netmask: "255.255.240.0", gateway: null, type: "private" },
      { ip_address: droplet.address, netmask: "255.255.255.0", gateway: "203.0.113.1", type: "public" },
    ],
    v6: [],
  },
  region: region(droplet.region),
  tags: [...droplet.tags],
  vpc_uuid: droplet.vpcId,
});

export const shownBalancer = (balancer: ApiBalancer, dropletIds: readonly string[]) => ({
  id: balancer.id,
  name: balancer.name,
  ip: balancer.address,
  ipv6: "",
  size_unit: balancer.nodes,
  algorithm: "round_robin",
  status: "active",
  created_at: balancer.createdAt.toISOString(),
  forwarding_rules: balancer.entries.map(({ entryPort, targetPort }) => ({
    entry_protocol: "http",
    entry_port: entryPort,
    target_protocol: "http",
    target_port: targetPort,
    certificate_id: "",
    tls_passthrough: false,
  })),
  health_check: {
    protocol: "http",
    port: balancer.check.port,
    path: balancer.check.path,
    check_interval_seconds: balancer.check.intervalSeconds,
    response_timeout_seconds: balancer.check.timeoutSeconds,
    healthy_threshold: balancer.check.rise,
    unhealthy_threshold: balancer.check.fall,
  },
  sticky_sessions: { type: "none" },
  region: region(balancer.region),
  tag: balancer.tag,
  droplet_ids: dropletIds.map(Number),
  redirect_http_to_https: false,
  enable_proxy_protocol: false,
  enable_backend_keepalive: balancer.backendKeepalive,
  disable_lets_encrypt_dns_records: false,
  http_idle_timeout_seconds: balancer.idleTimeoutSeconds,
  vpc_uuid: balancer.vpcId,
  project_id: "00000000-0000-4000-8000-000000000000",
  firewall: { deny: [], allow: [] },
  network: "EXTERNAL",
  network_stack: "IPV4",
  type: "REGIONAL",
});

/** Body of an error. */
export const shownError = (id: string, message: string, requestId: string) => ({ id, message, request_id: requestId });

/** One page of a list, with links and total as every list of the API has them. */
export function shownPage(key: string, all: readonly unknown[], url: URL) {
  const page = Number(url.searchParams.get("page") ?? 1);
  const perPage = Number(url.searchParams.get("per_page") ?? 20);
  const last = Math.max(1, Math.ceil(all.length / perPage));
  const link = (number: number): string => {
    const target = new URL(url);
    target.searchParams.set("page", String(number));
    return target.href;
  };
  const back = page > 1 ? { first: link(1), prev: link(page - 1) } : {};
  const ahead = page < last ? { next: link(page + 1), last: link(last) } : {};
  return {
    [key]: all.slice((page - 1) * perPage, page * perPage),
    links: last > 1 ? { pages: { ...back, ...ahead } } : {},
    meta: { total: all.length },
  };
}
