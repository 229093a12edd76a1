/** A release: image digest and settings. Its id labels the container and is what "already there" means. */
import { z } from "zod";
import { record, text } from "./fields.js";
import type { Service } from "./policy.js";
import { service } from "./policy.js";

/** An image named by its digest, such as registry.digitalocean.com/foo/api@sha256:…. */
export const pinnedImage = text(
  "an image by digest, such as registry.example.com/api@sha256:<64 hex digits>",
  /^[a-z0-9][a-z0-9._:/-]*@sha256:[0-9a-f]{64}$/,
);

/** What an image is called, in the syntax that JavaScript and Terraform share. */
export const imageForm =
  /^[a-z0-9][a-z0-9._-]*(:[0-9]{1,5})?(\/[a-z0-9._-]+)*(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[0-9a-f]{64})?$/;

/** {@link imageForm} in words. */
export const imageNeed =
  "an image such as registry.example.com/api:v2 or registry.example.com/api@sha256:<64 hex digits>";

/** An image by digest or tag. */
export const imageReference = text(imageNeed, imageForm);

/** What a release file on a host holds. */
export const release = record({
  id: text("16 hex digits", /^[0-9a-f]{16}$/),
  image: pinnedImage,
  service,
  healthPath: z.string(),
  /** Keyed fingerprint of the values of the service's secrets, never the values; null without secrets. */
  secretsFingerprint: text("16 hex digits", /^[0-9a-f]{16}$/)
    .nullable()
    .default(null),
  /** Answered like the first. @default - none */
  nextHealthPath: z.string().optional(),
});
export type Release = z.output<typeof release>;

/** The settings that make a different release when they change; waits and deadlines of the rollout are not among them. */
export function releaseSettings(
  app: Service,
  healthPath: string,
  { nextHealthPath, secretsFingerprint = null }: FurtherSettings = {},
): string {
  const own = {
    ...app,
    secrets: [...app.secrets].sort(),
    nextPort: undefined,
    stopTimeoutSeconds: undefined,
  };
  // What is not set is left out, so that a release without it keeps its id.
  return JSON.stringify(sorted({ ...own, healthPath, nextHealthPath, secretsFingerprint }));
}

/** Whether two releases are the same in all that they hold, also in what their ids do not tell. */
export const sameContent = (one: Release, other: Release): boolean =>
  JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));

/** What not every release has. */
export interface FurtherSettings {
  readonly nextHealthPath?: string | undefined;
  readonly secretsFingerprint?: string | null;
}

/** The same whatever the order of the names. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, entry]) => [name, sorted(entry)]));
}
