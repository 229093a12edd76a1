/** A machine that Evenkeel did not create, as docs/any-balancer.md asks for it. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import type { RealDroplet } from "../../../lab/real/droplet.js";

const FRONT = fileURLToPath(new URL("../../../constructs/front", import.meta.url));

/** Docker, and a user in its group who has root's keys: nothing of a front. */
export const ownMachine = (user: string): string => {
  const owner = ["-o", user, "-g", user];
  const folder = `/home/${user}/.ssh`;
  const settings = {
    groups: ["docker"],
    users: [{ name: user, groups: ["docker"], shell: "/bin/bash", lock_passwd: true }],
    disable_root: false,
    runcmd: [
      "set -e",
      ["systemctl", "enable", "--now", "docker.service"],
      ["install", "-d", "-m", "0700", ...owner, folder],
      ["install", "-m", "0600", ...owner, "/root/.ssh/authorized_keys", `${folder}/authorized_keys`],
    ],
  };
  return `#cloud-config\n${stringify(settings, { version: "1.1", lineWidth: 0 })}`;
};

export interface FrontOptions {
  readonly user: string;
  readonly sshPort: number;
  /** Range that containers get their addresses from. */
  readonly range: string;
}

/** As root does it, once on each machine and after each change of Evenkeel's own. */
export async function installFront(machine: RealDroplet, { user, sshPort, range }: FrontOptions): Promise<void> {
  for (const file of readdirSync(FRONT)) {
    const text = readFileSync(path.join(FRONT, file), "utf8");
    await machine.run(["/bin/sh", "-c", 'mkdir -p /root/front && printf %s "$2" >"/root/front/$1"', "sh", file, text]);
  }
  const words = ["--user", user, "--ssh-port", String(sshPort), "--range", range];
  await machine.run(["/bin/sh", "/root/front/install.sh", ...words]);
}
