/**
 * The declaration of a regional balancer, with the defaults for what is left out. The lab does not stand for global and
 * network balancers.
 * @see https://docs.digitalocean.com/reference/api/reference/load-balancers/
 */
import { z } from "zod";
import { regionSlug } from "./regions.js";

const port = z.number().int().min(1).max(65535);

const forwardingRule = z.strictObject({
  entry_protocol: z.enum(["http", "https", "http2", "http3", "tcp", "udp"]),
  entry_port: port,
  target_protocol: z.enum(["http", "https", "http2", "tcp", "udp"]),
  target_port: port,
  certificate_id: z.string().default(""),
  tls_passthrough: z.boolean().default(false),
});

/** What DigitalOcean takes for times and thresholds of a check. */
const LIMITS = { seconds: z.number().int().min(3).max(300), threshold: z.number().int().min(2).max(10) };
const NO_LIMITS = { seconds: z.number().positive(), threshold: z.number().int().min(1) };

const healthCheck = ({ seconds, threshold }: typeof LIMITS) =>
  z
    .strictObject({
      protocol: z.enum(["http", "https", "tcp"]).default("http"),
      port: port.default(80),
      path: z.string().startsWith("/").optional(),
      check_interval_seconds: seconds.default(10),
      response_timeout_seconds: seconds.default(5),
      unhealthy_threshold: threshold.default(3),
      healthy_threshold: threshold.default(5),
      proxy_protocol: z.boolean().optional(),
    })
    .transform(({ path, ...check }) => (check.protocol === "tcp" ? check : { ...check, path: path ?? "/" }));

const stickySessions = z.strictObject({
  type: z.enum(["none", "cookies"]),
  cookie_name: z.string().optional(),
  cookie_ttl_seconds: z.number().int().optional(),
});

const source = z.string().regex(/^(ip|cidr):/, "needs ip: or cidr: in front");
const firewall = z.strictObject({
  allow: z.array(source).max(500).default([]),
  deny: z.array(source).max(500).default([]),
});

type Rules = readonly z.output<typeof forwardingRule>[];
const speaks = (rules: Rules, ...protocols: string[]): boolean =>
  rules.some(({ entry_protocol: protocol }) => protocols.includes(protocol));

/** @param anyCheck takes times and thresholds of a check that DigitalOcean refuses */
export const loadBalancerRequest = ({ anyCheck }: { readonly anyCheck: boolean }) =>
  z
    .strictObject({
      name: z.string().min(1).max(255),
      region: regionSlug,
      algorithm: z.enum(["round_robin", "least_connections"]).default("round_robin"),
      size_unit: z.number().int().min(1).max(200).optional(),
      size: z.enum(["lb-small", "lb-medium", "lb-large"]).optional(),
      type: z.literal("REGIONAL", "the lab has regional balancers only").default("REGIONAL"),
      forwarding_rules: z.array(forwardingRule).min(1).max(40),
      health_check: healthCheck(anyCheck ? NO_LIMITS : LIMITS).prefault({}),
      sticky_sessions: stickySessions.default({ type: "none" }),
      tag: z.string().optional(),
      droplet_ids: z.array(z.number().int()).optional(),
      redirect_http_to_https: z.boolean().default(false),
      enable_proxy_protocol: z.boolean().default(false),
      enable_backend_keepalive: z.boolean().default(false),
      disable_lets_encrypt_dns_records: z.boolean().default(false),
      http_idle_timeout_seconds: z.number().int().min(30).max(600).default(60),
      vpc_uuid: z.string().optional(),
      project_id: z.string().optional(),
      firewall: firewall.prefault({}),
      network: z.enum(["EXTERNAL", "INTERNAL"]).default("EXTERNAL"),
      network_stack: z.enum(["IPV4", "DUALSTACK"]).default("IPV4"),
      tls_cipher_policy: z.enum(["DEFAULT", "STRONG"]).default("DEFAULT"),
    })
    .refine(({ tag, droplet_ids: ids }) => !tag || !ids?.length, "tag and droplet_ids exclude each other")
    .refine(({ size, size_unit: unit }) => !size || !unit, "size and size_unit exclude each other")
    .refine(
      ({ redirect_http_to_https: redirects, forwarding_rules: rules }) =>
        !redirects || (speaks(rules, "http") && speaks(rules, "https", "http2", "http3")),
      "redirect_http_to_https needs a rule for HTTP and one for HTTPS",
    );

export type LoadBalancerRequest = z.output<ReturnType<typeof loadBalancerRequest>>;

/** A balancer as it is declared. */
export interface LoadBalancer {
  readonly id: string;
  readonly urn: string;
  readonly createdAt: string;
  readonly vpcId: string;
  readonly declared: LoadBalancerRequest;
  /** What each certificate of its rules holds for, by id. */
  readonly certificates: Readonly<Record<string, readonly string[]>>;
}
