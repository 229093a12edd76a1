/** Files that make a disk the disk of one droplet. Pure. */
import type { DropletOrder } from "../site.js";

/** What a droplet of the lab gets besides what is declared. */
export interface DropletExtras {
  /** Names that resolve, with their addresses: there is no DNS. @default - none */
  readonly hosts?: Readonly<Record<string, string>>;
  /** Registries, as `host:port`, that Docker may ask over plain HTTP. @default - none */
  readonly insecureRegistries?: readonly string[];
  /** Certificates in PEM of authorities that are trusted like the public ones. @default - none */
  readonly caCertificates?: readonly string[];
}

/** Every droplet's cgroups lie below it: it is how the reaper finds them. */
export const cgroupOf = (world: number, dropletId: string): string => `/evenkeel-lab-${world}/${dropletId}`;

/**
 * Text by path, relative to the droplet's root.
 * @param cgroup parent of the containers' cgroups
 * @param authorities certificates in PEM that this machine trusts
 */
export function dropletFiles(
  order: DropletOrder,
  { hosts = {}, insecureRegistries = [], caCertificates = [] }: DropletExtras,
  cgroup: string,
  authorities: string,
): Readonly<Record<string, string>> {
  return {
    "etc/hostname": `${order.name}\n`,
    "etc/hosts": hostsFile(order.name, hosts),
    // Refuses at once: a lookup that nobody answers would take seconds.
    "etc/resolv.conf": "nameserver 127.0.0.1\n",
    "etc/ssl/certs/ca-certificates.crt": [authorities, ...caCertificates].join("\n"),
    "etc/default/docker": `DOCKER_OPTS='${dockerOptions(cgroup, insecureRegistries).join(" ")}'\n`,
    "var/lib/cloud/seed/nocloud/user-data": order.userData,
    "var/lib/cloud/seed/nocloud/meta-data": metaData(order),
  };
}

const hostsFile = (name: string, hosts: Readonly<Record<string, string>>): string =>
  [["localhost", "127.0.0.1"], [name, "127.0.1.1"], ...Object.entries(hosts)]
    .map(([host, address]) => `${address} ${host}\n`)
    .join("");

/** As Debian's unit passes them to dockerd, beside the daemon.json of cloud-init. */
const dockerOptions = (cgroup: string, registries: readonly string[]): string[] => [
  "--exec-opt=native.cgroupdriver=cgroupfs",
  `--cgroup-parent=${cgroup}`,
  ...registries.map((registry) => `--insecure-registry=${registry}`),
];

/** @see https://cloudinit.readthedocs.io/en/22.4.2/topics/datasources/nocloud.html YAML, of which JSON is a part */
const metaData = ({ id, name, authorizedKeys }: DropletOrder): string =>
  JSON.stringify({ "instance-id": id, "local-hostname": name, "public-keys": authorizedKeys });
