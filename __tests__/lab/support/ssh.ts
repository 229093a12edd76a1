/** Commands on a droplet through the machine's own OpenSSH client, over one shared connection as the rollout does it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import type { SiteDroplet } from "../../../lab/site.js";
import type { World } from "../../../lab/world.js";

export interface SshResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const arguments_ = (world: World, droplet: SiteDroplet): string[] => [
  ...["-F", world.environment()["EVENKEEL_SSH_CONFIG"] ?? "", "-T"],
  ...option("BatchMode=yes"),
  ...option("LogLevel=ERROR"),
  ...option("StrictHostKeyChecking=accept-new"),
  ...option(`UserKnownHostsFile=${path.join(world.folder, "known_hosts")}`),
  ...option(`HostKeyAlias=droplet-${droplet.id}`),
  ...option("ControlMaster=auto"),
  ...option("ControlPersist=30"),
  ...option(`ControlPath=${path.join(world.folder, `m${droplet.id}`)}`),
];

const option = (text: string): string[] => ["-o", text];

export function startSsh(world: World, droplet: SiteDroplet, command: string, more: readonly string[] = []) {
  return spawn("ssh", [...more, ...arguments_(world, droplet), `deploy@${droplet.address}`, command], {
    stdio: "pipe",
  });
}

export async function ssh(world: World, droplet: SiteDroplet, command: string, input = ""): Promise<SshResult> {
  const child = startSsh(world, droplet, command);
  const output = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream].setEncoding("utf8").on("data", (chunk: string) => (output[stream] += chunk));
  }
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  // Not "close": the shared connection's process inherits stderr and holds it open.
  const [[code]] = await Promise.all([once(child, "exit"), once(child.stdout, "end")]);
  return { code: code as number | null, ...output };
}

/** Ends the shared connections, as the rollout does at its end. */
export async function closeSsh(world: World): Promise<void> {
  for (const droplet of world.droplets) {
    await once(startSsh(world, droplet, "", ["-O", "exit"]), "exit");
  }
}
