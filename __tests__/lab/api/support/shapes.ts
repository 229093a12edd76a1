/**
 * What DigitalOcean's Terraform provider must find in answers, or it crashes, replaces or changes for ever: one field at a
 * time was taken away from version 2.99.1.
 */
import { z } from "zod";

const count = z.object({ count: z.number() });
const address = z.object({ ip_address: z.ipv4(), netmask: z.string(), type: z.enum(["public", "private"]) });

export const droplet = z.object({
  id: z.number(),
  name: z.string(),
  status: z.enum(["new", "active", "off"]),
  locked: z.boolean(),
  region: z.object({ slug: z.string() }),
  size: z.object({ slug: z.string() }),
  networks: z.object({ v4: z.array(address) }),
  features: z.array(z.string()),
  tags: z.array(z.string()),
  vpc_uuid: z.string(),
});

export const tag = z.object({
  name: z.string(),
  resources: z.object({
    count: z.number(),
    droplets: count,
    images: count,
    volumes: count,
    volume_snapshots: count,
    databases: count,
  }),
});

export const vpc = z.object({ id: z.string(), region: z.string(), ip_range: z.cidrv4(), created_at: z.iso.datetime() });

export const sshKey = z.object({
  id: z.number(),
  name: z.string(),
  fingerprint: z.string().regex(/^([0-9a-f]{2}:){15}[0-9a-f]{2}$/),
  public_key: z.string(),
});

export const loadBalancer = z.object({
  id: z.string(),
  name: z.string(),
  ip: z.string(),
  status: z.enum(["new", "active"]),
  algorithm: z.string(),
  size_unit: z.number(),
  region: z.object({ slug: z.string() }),
  forwarding_rules: z.array(z.object({ entry_port: z.number(), target_port: z.number() })),
  health_check: z.object({ path: z.string(), check_interval_seconds: z.number() }),
  tag: z.string(),
  droplet_ids: z.array(z.number()),
  vpc_uuid: z.string(),
  http_idle_timeout_seconds: z.number(),
  project_id: z.string(),
});

export const firewall = z.object({
  id: z.string(),
  name: z.string(),
  inbound_rules: z.array(z.object({ sources: z.object({}) })),
  outbound_rules: z.array(z.object({ destinations: z.object({}) })),
  droplet_ids: z.array(z.number()).nullable(),
  tags: z.array(z.string()),
});

export const registry = z.object({ name: z.string(), region: z.string(), created_at: z.iso.datetime() });
export const subscription = z.object({ tier: z.object({ slug: z.string() }) });
