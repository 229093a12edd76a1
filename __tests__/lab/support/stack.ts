/** A synthesized stack in the shape that constructs/ writes, small enough to read. */

/** A public key that belongs to nobody. */
export const PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEvenkeelTestsOnlyNoSuchKeyExistsAnywhere0 tests";

const droplet = (name: string) => `digitalocean_droplet.fleet_${name}_0A`;

export interface StackShape {
  /** @default ["api-1", "api-2"] */
  readonly names?: readonly string[];
  /** @default 0.2 */
  readonly checkIntervalSeconds?: number;
  readonly unhealthyThreshold?: number;
  readonly healthyThreshold?: number;
  /** HTTPS at the balancer, and a redirect to it. @default false */
  readonly https?: boolean;
  /** Of the only key that the droplets are ordered with. @default - a key that belongs to nobody, and one that is not declared */
  readonly publicKey?: string;
}

export function stackJson(shape: StackShape = {}): object {
  const { names = ["api-1", "api-2"], publicKey } = shape;
  return {
    resource: {
      digitalocean_tag: { fleet: { name: "http-api" }, stack: { name: "evenkeel:production:api" } },
      digitalocean_ssh_key: { key: { name: "production-api", public_key: publicKey ?? PUBLIC_KEY } },
      digitalocean_domain: { domain: { name: "example.com" } },
      digitalocean_certificate: {
        certificate: { name: "api-certificate", type: "lets_encrypt", domains: ["api.example.com"] },
      },
      digitalocean_vpc: { network: { name: "production-api-sfo3", region: "sfo3" } },
      digitalocean_droplet: Object.fromEntries(
        names.map((name) => [`fleet_${name}_0A`, dropletBlock(name, publicKey)]),
      ),
      digitalocean_loadbalancer: { balancer: balancerBlock(shape) },
      null_resource: { rollout: { provisioner: [{ "local-exec": localExec(names) }], triggers: {} } },
    },
    variable: { image: { default: "", type: "string" } },
    output: { manifest: { value: JSON.stringify(manifest(names)) } },
  };
}

const dropletBlock = (name: string, publicKey?: string) => ({
  name,
  region: "sfo3",
  size: "s-1vcpu-1gb",
  image: "debian-12-x64",
  vpc_uuid: "${digitalocean_vpc.network.id}",
  tags: ["${digitalocean_tag.fleet.name}", "${digitalocean_tag.stack.name}"],
  ssh_keys: [
    "${digitalocean_ssh_key.key.fingerprint}",
    ...(publicKey === undefined ? ["00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff"] : []),
  ],
  user_data: "#cloud-config\nbootcmd: ['echo $${HOME}']\n",
});

const http = { entry_port: 80, entry_protocol: "http", target_port: 80, target_protocol: "http" };
const tls = {
  ...http,
  ...{ entry_port: 443, entry_protocol: "https", certificate_name: "${digitalocean_certificate.certificate.name}" },
};

const balancerBlock = ({
  checkIntervalSeconds = 0.2,
  unhealthyThreshold = 2,
  healthyThreshold = 2,
  https = false,
}: StackShape) => ({
  name: "sfo3-api",
  region: "sfo3",
  size_unit: 1,
  droplet_tag: "${digitalocean_tag.fleet.name}",
  vpc_uuid: "${digitalocean_vpc.network.id}",
  http_idle_timeout_seconds: 60,
  redirect_http_to_https: https,
  forwarding_rule: https ? [http, tls] : [http],
  healthcheck: {
    protocol: "http",
    port: 80,
    path: "/health",
    check_interval_seconds: checkIntervalSeconds,
    response_timeout_seconds: checkIntervalSeconds,
    unhealthy_threshold: unhealthyThreshold,
    healthy_threshold: healthyThreshold,
  },
});

const localExec = (names: readonly string[]) => ({
  command: "node $EVENKEEL_BUNDLE deploy; exit $?",
  environment: {
    EVENKEEL_MANIFEST: JSON.stringify(manifest(names)),
    EVENKEEL_IMAGE: "${var.image}",
    EVENKEEL_STARTED_BY: "terraform",
    EVENKEEL_BUNDLE: "${path.module}/assets/rollout.mjs",
  },
});

const manifest = (names: readonly string[]) => ({
  version: 1,
  hosts: names.map((name) => ({
    name,
    id: `\${${droplet(name)}.id}`,
    address: `\${${droplet(name)}.ipv4_address}`,
    privateAddress: `\${${droplet(name)}.ipv4_address_private}`,
  })),
  loadBalancer: { id: "${digitalocean_loadbalancer.balancer.id}", address: "${digitalocean_loadbalancer.balancer.ip}" },
  healthCheck: {
    path: "/health",
    checkIntervalSeconds: 3,
    responseTimeoutSeconds: 3,
    unhealthyThreshold: 2,
    healthyThreshold: 2,
  },
  ssh: { user: "deploy", port: 22 },
});
