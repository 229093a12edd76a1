/** What a droplet's user data declares to be run at every start, once Docker is there. */
import { spawn } from "node:child_process";
import { parse } from "yaml";
import { z } from "zod";

const RECOVER_SCRIPT = "/usr/local/sbin/evenkeel-recover";

const cloudConfig = z.object({
  write_files: z.array(z.object({ path: z.string(), content: z.string() })).default([]),
});

/** The script that ends what a rollout had under way; null where the user data declares none. */
export function recoverScript(userData: string): string | null {
  if (!userData.startsWith("#cloud-config")) return null;
  const { write_files: files } = cloudConfig.parse(parse(userData) ?? {});
  return files.find(({ path }) => path === RECOVER_SCRIPT)?.content ?? null;
}

/** Runs it as its unit would; nothing waits for its end. @param onError told when it cannot be started */
export function runRecovery(
  script: string,
  place: { readonly home: string; readonly environment: Readonly<Record<string, string>> },
  onError: (error: Error) => void,
): void {
  const child = spawn("/bin/sh", ["-c", script], {
    cwd: place.home,
    env: { ...place.environment },
    detached: true,
    stdio: "ignore",
  });
  child.once("error", onError);
}
