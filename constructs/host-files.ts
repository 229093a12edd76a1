/** Files that cloud-init puts on a droplet. */

/** Address where any process on a droplet can read its user data and ids. */
export const METADATA_ADDRESS = "169.254.169.254";

/** Unit that keeps containers away from {@link METADATA_ADDRESS}. */
export const METADATA_UNIT = "evenkeel-metadata.service";

/** One entry of cloud-init's `write_files`. */
export interface HostFile {
  readonly path: string;
  readonly permissions: "0644" | "0755";
  readonly content: string;
}

export const file = (path: string, ...lines: readonly string[]): HostFile => ({
  path,
  permissions: "0644",
  content: `${lines.join("\n")}\n`,
});

/**
 * live-restore keeps the API running while the Docker engine restarts; the log of one container takes at most 30 MB.
 * @see https://docs.docker.com/engine/daemon/live-restore/
 */
export const dockerConfiguration: HostFile = file(
  "/etc/docker/daemon.json",
  JSON.stringify(
    { "live-restore": true, "log-driver": "json-file", "log-opts": { "max-size": "10m", "max-file": "3" } },
    null,
    2,
  ),
);

/** Keys only, nobody as root. The name sorts before cloud-init's own file, and sshd takes the first value it reads. */
export const sshConfiguration = (port: number): HostFile =>
  file(
    "/etc/ssh/sshd_config.d/10-evenkeel.conf",
    `Port ${port}`,
    "PermitRootLogin no",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "X11Forwarding no",
  );

/** Security fixes every day, but neither a reboot nor a new Docker behind the rollout's back. */
export const upgradeConfiguration: readonly HostFile[] = [
  file(
    "/etc/apt/apt.conf.d/20auto-upgrades",
    'APT::Periodic::Update-Package-Lists "1";',
    'APT::Periodic::Unattended-Upgrade "1";',
  ),
  file(
    "/etc/apt/apt.conf.d/52evenkeel-unattended-upgrades",
    'Unattended-Upgrade::Automatic-Reboot "false";',
    'Unattended-Upgrade::Package-Blacklist { "docker"; "containerd"; "runc"; };',
  ),
];

const BLOCK_SCRIPT = "/usr/local/sbin/evenkeel-block-metadata";

/**
 * The rule stands before Docker starts, so that no container ever runs without it: Docker keeps a DOCKER-USER chain that it
 * finds and passes all traffic of containers through it.
 * @see https://docs.docker.com/engine/network/packet-filtering-firewalls/
 */
export const metadataBlock: readonly HostFile[] = [
  {
    ...file(
      BLOCK_SCRIPT,
      "#!/bin/sh",
      "set -eu",
      `rule='DOCKER-USER -d ${METADATA_ADDRESS} -j REJECT'`,
      "iptables -w -N DOCKER-USER 2>/dev/null || :",
      "iptables -w -C $rule 2>/dev/null || iptables -w -I $rule",
    ),
    permissions: "0755",
  },
  file(
    `/etc/systemd/system/${METADATA_UNIT}`,
    "[Unit]",
    "Description=Keep containers away from the droplet's metadata",
    "Before=docker.service",
    "[Service]",
    "Type=oneshot",
    "RemainAfterExit=yes",
    `ExecStart=${BLOCK_SCRIPT}`,
    "[Install]",
    "WantedBy=docker.service multi-user.target",
  ),
];

const RECOVER_SCRIPT = "/usr/local/sbin/evenkeel-recover";

/** Unit that ends what a rollout had under way when the droplet went down. */
export const RECOVERY_UNIT = "evenkeel-recover.service";

/**
 * A rollout leaves a script for as long as it has a droplet in hand. Run by the user whose files those are, once Docker has started the
 * containers that are to be up: it finishes or takes back, and frees the lock.
 */
export const recovery = (user: string): readonly HostFile[] => [
  {
    ...file(
      RECOVER_SCRIPT,
      "#!/bin/sh",
      "failed=0",
      'for script in "$HOME"/.evenkeel/*/recover.sh; do',
      '  if [ -e "$script" ]; then sh "$script" || failed=1; fi',
      "done",
      'exit "$failed"',
    ),
    permissions: "0755",
  },
  file(
    `/etc/systemd/system/${RECOVERY_UNIT}`,
    "[Unit]",
    "Description=Finish or take back what a rollout had under way",
    "Wants=docker.service",
    "After=docker.service",
    "[Service]",
    "Type=oneshot",
    `User=${user}`,
    `ExecStart=${RECOVER_SCRIPT}`,
    // A steward leaves behind what ends a container that was handed over from.
    "KillMode=process",
    "Restart=on-failure",
    "RestartSec=10",
    "[Install]",
    "WantedBy=multi-user.target",
  ),
];
