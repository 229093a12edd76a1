/** Changes to the world's network, given to iproute2 a batch at a time. */
import type { Claim } from "./claim.js";

/** Put before a command, it makes it run in a network namespace. @param namespace file that holds it */
export const inNamespace = (namespace: string): readonly string[] => ["nsenter", `--net=${namespace}`, "--"];

/** Runs commands of `ip`, in a namespace or on this machine itself. The first one that fails ends it. @throws ExecaError */
export async function ip(claim: Claim, namespace: string | null, commands: readonly string[]): Promise<void> {
  const where = namespace === null ? [] : inNamespace(namespace);
  await claim.run([...where, "ip", "-batch", "-"], commands.map((command) => `${command}\n`).join(""));
}
