/** Whether this machine can stand for real droplets, and what it lacks. */
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import path from "node:path";

/** Programs that a real world runs, and the Debian packages that bring them. */
export const PROGRAMS: Readonly<Record<string, string>> = {
  "apt-get": "apt",
  "cloud-init": "cloud-init",
  curl: "curl",
  docker: "docker.io",
  "docker-registry": "docker-registry",
  dockerd: "docker.io",
  flock: "util-linux",
  haproxy: "haproxy",
  ip: "iproute2",
  ip6tables: "iptables",
  iptables: "iptables",
  "mkfs.ext4": "e2fsprogs",
  nft: "nftables",
  nsenter: "util-linux",
  openssl: "openssl",
  pgrep: "procps",
  ssh: "openssh-client",
  sshd: "openssh-server",
  sudo: "sudo",
  tini: "tini",
  unshare: "util-linux",
};

/** Not /usr/local: droplets see only what packages bring. */
const FOLDERS = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** In namespaces of its own, so that nothing of it is left. */
const KERNEL_PROBE = `set -e
ip link add probe0 type veth peer name probe1
ip link add probe2 type bridge
iptables -A FORWARD -m physdev --physdev-is-bridged --physdev-out probe0 -m conntrack --ctstate ESTABLISHED -j DROP
sysctl -q net.bridge.bridge-nf-call-iptables
mount -t tmpfs probe /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work probe /mnt/root
ls /dev/loop-control`;

export interface Abilities {
  /** As Node names it. */
  readonly platform: string;
  readonly root: boolean;
  /** Of {@link PROGRAMS}, those that are there. */
  readonly programs: ReadonlySet<string>;
  /** Programs and settings lie in the file system of "/", which a droplet's disk lies over, and are Debian's. */
  readonly debianRoot: boolean;
  /** What the kernel says against namespaces, bridges, filters on them, overlays and loop devices; null: nothing, or it cannot be asked. */
  readonly refusedByKernel: string | null;
}

/** One line that says what is missing and how to get it; null: nothing is. */
export function whyUnable(abilities: Abilities): string | null {
  const { platform, root, programs, debianRoot, refusedByKernel } = abilities;
  if (platform !== "linux") return "real droplets need Linux";
  if (!root) return "real droplets need root";
  const missing = missingPrograms(programs);
  if (missing.length > 0) {
    const packages = missingPackages(abilities).join(" ");
    return `real droplets need ${missing.join(", ")}: apt-get install --no-install-recommends ${packages}`;
  }
  if (!debianRoot) return "real droplets need Debian with /usr and /etc in the file system of /";
  return (
    refusedByKernel &&
    `real droplets need namespaces, bridges with filters, overlays and loop devices: ${refusedByKernel}`
  );
}

/** Debian packages that bring what is missing. */
export const missingPackages = ({ programs }: Pick<Abilities, "programs">): string[] => [
  ...new Set(missingPrograms(programs).flatMap((program) => PROGRAMS[program] ?? [])),
];

const missingPrograms = (programs: ReadonlySet<string>): string[] =>
  Object.keys(PROGRAMS).filter((program) => !programs.has(program));

export function readAbilities(): Abilities {
  const linuxRoot = process.platform === "linux" && process.getuid?.() === 0;
  const programs = new Set(Object.keys(PROGRAMS).filter(isThere));
  const complete = programs.size === Object.keys(PROGRAMS).length;
  return {
    platform: process.platform,
    root: linuxRoot,
    programs,
    debianRoot: existsSync("/usr/share/base-passwd/passwd.master") && ["/usr", "/etc"].every(isOfRoot),
    refusedByKernel: linuxRoot && complete ? askKernel() : null,
  };
}

const isThere = (program: string): boolean => FOLDERS.some((folder) => existsSync(path.join(folder, program)));

const isOfRoot = (folder: string): boolean => statSync(folder).dev === statSync("/").dev;

function askKernel(): string | null {
  const { status, stderr } = spawnSync("unshare", ["--net", "--mount", "/bin/sh", "-c", KERNEL_PROBE], {
    encoding: "utf8",
  });
  return status === 0 ? null : stderr.trim().replaceAll("\n", "; ");
}
