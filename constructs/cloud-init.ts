/** What a droplet does at its first boot. */
import { stringify } from "yaml";
import { FRONT_UNIT, FRONT_WATCH_UNIT, frontFiles, frontRule } from "./front/files.js";
import {
  dockerConfiguration,
  METADATA_UNIT,
  metadataBlock,
  recovery,
  RECOVERY_UNIT,
  sshConfiguration,
  upgradeConfiguration,
} from "./host-files.js";

/** All are part of the droplet's user data: a change rebuilds every droplet. */
export interface CloudInitProps {
  /**
   * Slug of the droplet's size. Nothing on the droplet reads it: it is there because the provider takes another size alone for a change in place,
   * and powers all droplets off at once. What stands in the user data of a droplet is compared with that droplet's own, so that it is replaced sooner or
   * later, whatever an apply in between has come to.
   */
  readonly size: string;
  /** User that the rollout logs in as. It is a member of the docker group, which is as good as root on that droplet. */
  readonly user: string;
  /** Port that sshd listens on. */
  readonly sshPort: number;
  /** Range that containers get their addresses from. */
  readonly containerRange: string;
}

/**
 * The user data of every droplet. It holds neither image nor secret: any process on the droplet can read it, and a
 * release must never change it, because DigitalOcean replaces a droplet whose user data changes.
 * @see https://docs.digitalocean.com/products/droplets/how-to/provide-user-data/ at most 64 KiB
 */
export function cloudInit(props: CloudInitProps): string {
  // cloud-init reads YAML 1.1, where a bare "no" or "0755" is not a text.
  return `#cloud-config\n# Size: ${props.size}\n${stringify(cloudConfig(props), { version: "1.1", lineWidth: 0 })}`;
}

/** @see https://cloudinit.readthedocs.io/en/22.4.2/topics/modules.html */
function cloudConfig({ user, sshPort, containerRange }: CloudInitProps) {
  return {
    package_update: true,
    packages: ["ca-certificates", "curl", "docker.io", "iptables", "nftables", "sudo", "unattended-upgrades"],
    groups: ["docker"],
    users: [{ name: user, groups: ["docker"], shell: "/bin/bash", lock_passwd: true, sudo: frontRule }],
    ssh_pwauth: false,
    // Root's keys are written plain, without a command that refuses the login: they are copied below, and sshd refuses root.
    disable_root: false,
    write_files: [
      dockerConfiguration,
      sshConfiguration(sshPort),
      ...upgradeConfiguration,
      ...metadataBlock,
      ...frontFiles({ user, sshPort, containerRange }),
      ...recovery(user),
    ],
    runcmd: firstBootCommands(user),
  };
}

/** In a form that can be run again. `set -e` makes `cloud-init status` report a failure, which the rollout waits for. */
function firstBootCommands(user: string): (string | string[])[] {
  const owner = ["-o", user, "-g", user];
  const folder = `/home/${user}/.ssh`;
  return [
    "set -e",
    ["systemctl", "daemon-reload"],
    ["systemctl", "enable", "--now", METADATA_UNIT],
    ["systemctl", "enable", "--now", FRONT_UNIT],
    ["systemctl", "enable", "--now", FRONT_WATCH_UNIT],
    ["systemctl", "enable", "--now", "docker.service"],
    ["systemctl", "enable", RECOVERY_UNIT],
    // Keys given to DigitalOcean by fingerprint are known only as what root got.
    ["install", "-d", "-m", "0700", ...owner, folder],
    ["install", "-m", "0600", ...owner, "/root/.ssh/authorized_keys", `${folder}/authorized_keys`],
    // Where systemd listens in sshd's place, the socket holds the port.
    "systemctl try-restart ssh.socket || :",
    ["systemctl", "restart", "ssh.service"],
  ];
}
