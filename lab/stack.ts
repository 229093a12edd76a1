/** The synthesized stack as the lab reads it: the JSON that Terraform would get, and nothing else. */
import { z } from "zod";
import { environmentNames } from "../contract/manifest.js";

const blocks = <Block extends z.ZodType>(block: Block) => z.record(z.string(), block).default({});

const dropletBlock = z.object({
  name: z.string(),
  region: z.string(),
  size: z.string(),
  image: z.string(),
  vpc_uuid: z.string().optional(),
  tags: z.array(z.string()).default([]),
  user_data: z.string().default(""),
  /** Ids or fingerprints. */
  ssh_keys: z.array(z.string()).default([]),
});
export type DropletBlock = z.output<typeof dropletBlock>;

const healthcheck = z.object({
  protocol: z.literal("http"),
  port: z.number(),
  path: z.string(),
  check_interval_seconds: z.number(),
  response_timeout_seconds: z.number(),
  unhealthy_threshold: z.number(),
  healthy_threshold: z.number(),
});

const forwardingRule = z
  .object({
    entry_protocol: z.enum(["http", "https", "http2"]),
    entry_port: z.number(),
    target_protocol: z.literal("http"),
    target_port: z.number(),
    certificate_name: z.string().optional(),
    tls_passthrough: z.literal(false).default(false),
  })
  .refine((rule) => rule.entry_protocol === "http" || rule.certificate_name !== undefined, {
    path: ["certificate_name"],
    message: "https needs a certificate",
  });

const isHttps = (rule: z.output<typeof forwardingRule>): boolean => rule.entry_protocol !== "http";

/** Only balancers that match by tag and ask their hosts over HTTP: the product declares no other. */
export const balancerBlock = z
  .object({
    name: z.string(),
    region: z.string(),
    size_unit: z.number().default(1),
    droplet_tag: z.string(),
    vpc_uuid: z.string().optional(),
    enable_backend_keepalive: z.boolean().default(false),
    http_idle_timeout_seconds: z.number().default(60),
    redirect_http_to_https: z.boolean().default(false),
    /** Without it DigitalOcean makes a record for a certificate of Let's Encrypt, which the lab does not. */
    disable_lets_encrypt_dns_records: z.boolean().default(false),
    /** Names that each certificate holds for, by what the rules call it. The account knows them, Terraform does not say them. */
    certificate_domains: z.record(z.string(), z.array(z.string())).optional(),
    forwarding_rule: z.array(forwardingRule).min(1),
    healthcheck,
  })
  .refine((block) => !block.redirect_http_to_https || block.forwarding_rule.some(isHttps), {
    path: ["redirect_http_to_https"],
    message: "there is no https to redirect to",
  });
export type BalancerBlock = z.output<typeof balancerBlock>;

/** Only certificates of Let's Encrypt: the site signs in its place. */
const certificateBlock = z.object({
  name: z.string(),
  type: z.literal("lets_encrypt"),
  domains: z.array(z.string()).min(1),
});
export type CertificateBlock = z.output<typeof certificateBlock>;

const recordBlock = z.object({
  domain: z.string(),
  type: z.literal("A"),
  name: z.string(),
  value: z.string(),
  ttl: z.number(),
});
const firewallRule = { protocol: z.enum(["tcp", "udp", "icmp"]), port_range: z.string().optional() };
const ranges = z.array(z.string()).optional();
const balancers = z.array(z.string()).optional();

/** Strict: a rule that is not understood would let through something else than is declared. */
const firewallBlock = z.object({
  name: z.string(),
  tags: z.array(z.string()).default([]),
  inbound_rule: z
    .array(z.strictObject({ ...firewallRule, source_addresses: ranges, source_load_balancer_uids: balancers }))
    .default([]),
  outbound_rule: z
    .array(
      z.strictObject({ ...firewallRule, destination_addresses: ranges, destination_load_balancer_uids: balancers }),
    )
    .default([]),
});
export type FirewallBlock = z.output<typeof firewallBlock>;

const localExec = z.object({
  command: z.string(),
  environment: z.record(z.string(), z.string()).default({}),
  working_dir: z.string().optional(),
});
export type LocalExec = z.output<typeof localExec>;

const nullResource = z.object({
  provisioner: z.array(z.object({ "local-exec": localExec })).default([]),
  triggers: z.record(z.string(), z.string()).default({}),
});

const stackSchema = z.object({
  resource: z.object({
    digitalocean_droplet: blocks(dropletBlock),
    digitalocean_loadbalancer: blocks(balancerBlock),
    digitalocean_firewall: blocks(firewallBlock),
    digitalocean_tag: blocks(z.object({ name: z.string() })),
    digitalocean_vpc: blocks(z.object({ name: z.string(), region: z.string(), ip_range: z.string().optional() })),
    digitalocean_domain: blocks(z.object({ name: z.string() })),
    digitalocean_certificate: blocks(certificateBlock),
    digitalocean_record: blocks(recordBlock),
    digitalocean_ssh_key: blocks(z.object({ name: z.string(), public_key: z.string() })),
    null_resource: blocks(nullResource),
  }),
  variable: z.record(z.string(), z.object({ default: z.unknown() })).default({}),
  output: z.record(z.string(), z.object({ value: z.unknown() })).default({}),
});

/** What the lab needs of a synthesized stack, references not yet filled in. */
export type Stack = z.output<typeof stackSchema>;

/** @throws Error that names what the lab cannot stand for */
export function readStack(stackJson: object): Stack {
  const read = stackSchema.safeParse(stackJson);
  if (!read.success) throw new Error(`the lab cannot stand for this stack:\n${z.prettifyError(read.error)}`);
  return read.data;
}

/** The only entry of a kind. @throws Error when there are none or several */
export function only<Value>(kind: string, values: Readonly<Record<string, Value>>): [name: string, value: Value] {
  const [first, ...rest] = Object.entries(values);
  if (!first || rest.length > 0)
    throw new Error(`the lab needs exactly one ${kind}, got ${Object.keys(values).length}`);
  return first;
}

/** The rollout's provisioner. */
export const rolloutExec = (stack: Stack): LocalExec =>
  only("rollout", runsGiven(stack, environmentNames.manifest))[1].exec;

/** What is asked before anything is changed, and when it is asked anew; null for a stack without. */
export function guardRun(stack: Stack): GivenRun | null {
  const found = runsGiven(stack, environmentNames.guard);
  return Object.keys(found).length === 0 ? null : only("guard", found)[1];
}

interface GivenRun {
  readonly exec: LocalExec;
  readonly triggers: Readonly<Record<string, string>>;
}

/** The commands that are given a variable. @throws Error for a resource that does not run exactly one */
function runsGiven(stack: Stack, variable: string): Record<string, GivenRun> {
  const runs = Object.entries(stack.resource.null_resource).map(([name, { provisioner: all, triggers }]) => {
    const [provisioner, ...more] = all;
    if (!provisioner || more.length > 0)
      throw new Error(`the lab needs exactly one local-exec in ${name}, got ${all.length}`);
    return [name, { exec: provisioner["local-exec"], triggers }] as const;
  });
  return Object.fromEntries(runs.filter(([, { exec }]) => variable in exec.environment));
}
