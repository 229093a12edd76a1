/** When secrets of the app have changed. */
import { createHmac } from "node:crypto";
import type { ResolvedConfig } from "../contract/config.js";
import {
  secretsMessage,
  secretValues,
  SECRETS_KEY_VARIABLE,
  SHORTEST_SECRETS_KEY,
  type Environment,
} from "../contract/secrets.js";

/**
 * Keyed fingerprint of the secrets' values, or null where they are not all here: who only looks at a plan need not have them, and an apply elsewhere
 * reads them there.
 */
export function secretsFingerprint(
  { service }: Pick<ResolvedConfig, "service">,
  environment: Environment,
): string | null {
  const { values, missing } = secretValues(service.secrets, environment);
  const key = environment[SECRETS_KEY_VARIABLE] ?? "";
  if (service.secrets.length === 0 || missing.length > 0 || key.length < SHORTEST_SECRETS_KEY) return null;
  return createHmac("sha256", key).update(secretsMessage(values)).digest("hex").slice(0, 16);
}
