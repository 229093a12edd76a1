/** What a droplet needs for its front: the table in the kernel that says which container the service port and the health port lead to. */
import { readFileSync } from "node:fs";
import { FRONT_HELPER } from "../../contract/host.js";
import { file, type HostFile } from "../host-files.js";

/** Loads what was kept, before Docker starts any container. */
export const FRONT_UNIT = "evenkeel-front.service";
/** Loads the table anew when somebody flushed or changed it. */
export const FRONT_WATCH_UNIT = "evenkeel-front-watch.service";

/** The one thing that the deploying user may do as root, as sudoers(5) says it: the helper checks every word that it is given. */
export const frontRule = `ALL=(root) NOPASSWD: ${FRONT_HELPER}`;

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

/** The helper, what it goes by, and its units. install.sh puts the same on a machine of the user's own. */
export const frontFiles = ({ user, sshPort, containerRange }: FrontProps): readonly HostFile[] => [
  { path: FRONT_HELPER, permissions: "0755", content: beside("evenkeel-front") },
  file("/etc/evenkeel/front", `subnet ${containerRange}`, `bridge ${BRIDGE}`, `ssh ${sshPort}`, `user ${user}`),
  ...[FRONT_UNIT, FRONT_WATCH_UNIT].map((unit): HostFile => ({
    path: `/etc/systemd/system/${unit}`,
    permissions: "0644",
    content: beside(unit),
  })),
];

const beside = (name: string): string => readFileSync(new URL(name, import.meta.url), "utf8");
