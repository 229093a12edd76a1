/**
 * The order of a droplet, with the defaults for what is left out.
 * @see https://docs.digitalocean.com/reference/api/reference/droplets/
 */
import { z } from "zod";
import { regionSlug, sizeSlug } from "./regions.js";
import { tagName } from "./tags.js";

/** @see https://docs.digitalocean.com/products/droplets/how-to/provide-user-data/ */
const USER_DATA_BYTES = 64 * 1024;

export const dropletName = z
  .string()
  .regex(/^[a-zA-Z0-9][a-zA-Z0-9.-]*$/, "Only valid hostname characters are allowed. (a-z, A-Z, 0-9, . and -)");

export const backupPolicy = z.strictObject({
  plan: z.enum(["daily", "weekly"]),
  weekday: z.string().optional(),
  hour: z.number().int().min(0).max(20).nullish(),
});

export const dropletRequest = z.strictObject({
  name: dropletName,
  region: regionSlug,
  size: sizeSlug,
  image: z.union([z.string().min(1), z.number().int()]),
  /** Ids or fingerprints. */
  ssh_keys: z.array(z.union([z.string(), z.number()])).nullish(),
  backups: z.boolean().default(false),
  backup_policy: backupPolicy.optional(),
  ipv6: z.boolean().default(false),
  private_networking: z.boolean().default(false),
  monitoring: z.boolean().default(false),
  with_droplet_agent: z.boolean().optional(),
  public_networking: z.literal(true, "the lab has droplets with a public address only").optional(),
  user_data: z
    .string()
    .refine((text) => Buffer.byteLength(text) <= USER_DATA_BYTES, "user_data must be at most 64 KiB")
    .default(""),
  tags: z.array(tagName).nullish(),
  volumes: z.array(z.unknown()).max(0, "the lab has no volumes").nullish(),
  vpc_uuid: z.string().optional(),
});
export type DropletRequest = z.output<typeof dropletRequest>;
