/** What a droplet needs for its front: the table in the kernel that says which container the service port and the health port lead to. */
import { readFileSync } from "node:fs";
import { file, type HostFile } from "../host-files.js";

const HELPER = "/usr/local/sbin/evenkeel-front";

/** Loads what was kept, before Docker starts any container. */
export const FRONT_UNIT = "evenkeel-front.service";
/** Loads the table anew when somebody flushed or changed it. */
export const FRONT_WATCH_UNIT = "evenkeel-front-watch.service";

/** The one thing that the deploying user may do as root, as sudoers(5) says it: the helper checks every word that it is given. */
export const frontRule = `ALL=(root) NOPASSWD: ${HELPER}`;

/** Of the network that containers get their addresses from. */
const BRIDGE = "ek0";

/** What the helper goes by. */
export interface FrontProps {
  /** User whose own requests are no probes of the balancer. */
  readonly user: string;
  /** Port of sshd, which no front may take. */
  readonly sshPort: number;
  /** Range that containers get their addresses from: a front leads nowhere else. */
  readonly containerRange: string;
}

/** The helper, what it goes by, and its units. */
export const frontFiles = ({ user, sshPort, containerRange }: FrontProps): readonly HostFile[] => [
  { path: HELPER, permissions: "0755", content: readFileSync(new URL("evenkeel-front", import.meta.url), "utf8") },
  file("/etc/evenkeel/front", `subnet ${containerRange}`, `bridge ${BRIDGE}`, `ssh ${sshPort}`, `user ${user}`),
  file(
    `/etc/systemd/system/${FRONT_UNIT}`,
    "[Unit]",
    "Description=Lead the service port to the container that serves",
    // Where the distribution's own rules are enabled, they flush all tables when they are loaded.
    "After=nftables.service",
    "Before=docker.service",
    "[Service]",
    "Type=oneshot",
    "RemainAfterExit=yes",
    `ExecStart=${HELPER} restore`,
    "[Install]",
    "WantedBy=docker.service multi-user.target",
  ),
  file(
    `/etc/systemd/system/${FRONT_WATCH_UNIT}`,
    "[Unit]",
    "Description=Lead the service port there again when somebody flushed the firewall",
    `After=${FRONT_UNIT}`,
    "[Service]",
    `ExecStart=${HELPER} watch`,
    "Restart=always",
    "RestartSec=1",
    "[Install]",
    "WantedBy=multi-user.target",
  ),
];
