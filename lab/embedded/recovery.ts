/** What a droplet's user data declares to be run at every start, once Docker is there. */
import { spawn } from "node:child_process";
import { declaredFile } from "./user-data.js";

const RECOVER_SCRIPT = "/usr/local/sbin/evenkeel-recover";

/** The script that ends what a rollout had under way; null where the user data declares none. */
export const recoverScript = (userData: string): string | null => declaredFile(userData, RECOVER_SCRIPT);

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
