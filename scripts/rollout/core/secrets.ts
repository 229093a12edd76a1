/** Secrets of the app, as whoever deploys has them. */
import { createHmac } from "node:crypto";
import { secretsMessage, type SecretValues } from "../../../contract/secrets.js";

export interface Secrets {
  readonly values: SecretValues;
  /** Tells that a value changed, to nobody who lacks the key. */
  readonly fingerprint: string;
}

export const secretsOf = (values: SecretValues, key: string): Secrets => ({
  values,
  fingerprint: createHmac("sha256", key).update(secretsMessage(values)).digest("hex").slice(0, 16),
});
