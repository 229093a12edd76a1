/** What a user writes in fleet.config.ts. Every field, its unit, range, default and source are declared here, once. */
import { z } from "zod";
import { domain, domainRules, entryPortRule } from "./domain.js";
import { flag, record, text, whole } from "./fields.js";
import { overlap } from "./ip-range.js";
import { crossField, healthCheck, keptRules, rolloutPolicy, service, sshAccess, together } from "./policy.js";

/** A name that Terraform, DigitalOcean and Docker all take. */
const shortName = text("2 to 32 small letters, digits and -, starting with a letter", /^[a-z][a-z0-9-]{0,30}[a-z0-9]$/);
/** @see https://docs.digitalocean.com/reference/api/reference/tags/ */
const tagName = text("1 to 255 letters, digits, :, - and _", /^[A-Za-z0-9:_-]{1,255}$/);
const slug = text("a slug of small letters, digits, - and .", /^[a-z0-9][a-z0-9.-]{1,62}$/);
const cidr = z.union([z.cidrv4(), z.cidrv6()], "a range such as 203.0.113.7/32");
const octet = "(25[0-5]|2[0-4]\\d|1?\\d?\\d)";
const privateAddress = `(10\\.${octet}|172\\.(1[6-9]|2\\d|3[01])|192\\.168)\\.${octet}\\.${octet}`;
const privateRange = new RegExp(`^${privateAddress}/(1[6-9]|2[0-8])$`);
const containerRange = new RegExp(`^${privateAddress}/2[4-8]$`);

/** Range of the network that Docker makes by itself. @see https://docs.docker.com/engine/daemon/ */
const DOCKER_RANGE = "172.17.0.0/16";

/** Environment variables that `main.ts` and `fleet.config.ts` read. */
export const configEnvironment = {
  /** Path of another configuration module than `fleet.config.ts`. */
  config: "EVENKEEL_CONFIG",
  /** One line of an OpenSSH public key. */
  sshPublicKey: "EVENKEEL_SSH_PUBLIC_KEY",
  /** Ranges that may connect to port 22, with commas between. */
  sshAllowedCidrs: "EVENKEEL_SSH_ALLOWED_CIDRS",
  /** `true` refuses a state that is a file here: set where the machine is gone after a deploy, as a workflow's is. */
  requireBackend: "EVENKEEL_REQUIRE_BACKEND",
} as const;

/** One droplet's size, system and network. */
export const droplet = record({
  /** Size slug; smallest that runs Docker comfortably. A change rebuilds every droplet. @default "s-1vcpu-1gb" */
  size: slug.default("s-1vcpu-1gb"),
  /** System image slug. A change rebuilds every droplet. @default "debian-12-x64" */
  image: slug.default("debian-12-x64"),
  /** DigitalOcean's metrics agent, which `alerts` on droplets rest on. A change rebuilds every droplet. @default true */
  monitoring: flag().default(true),
  /**
   * Address range of containers on a droplet, /24 to /28, that nothing else there may use: the private network is elsewhere. The service port leads to
   * addresses of this range only. A change rebuilds every droplet. @default "172.31.255.240/28"
   */
  containerRange: text("a private range from /24 to /28 such as 172.31.255.240/28", containerRange).default(
    "172.31.255.240/28",
  ),
});

/** The balancer in front of the fleet. */
export const loadBalancer = record({
  /** Name shown in the control panel. @default - "<region>-<name>", as in the article */
  name: shortName.optional(),
  /** Number of balancer nodes. 1 to 100; a change drops open connections. @default 1 */
  sizeUnit: whole("nodes", 1, 100).default(1),
  /** Port that clients connect to. @default 80 */
  entryPort: whole("port", 1, 65535).default(80),
  /**
   * Keep connections to the hosts open between requests. Needs `service.drainPort`, and `rollout.drainTimeoutSeconds` above `httpIdleTimeoutSeconds`. On a
   * running fleet it comes one deploy after `drainPort`. @default false
   */
  backendKeepalive: flag().default(false),
  /** Seconds until an idle client connection is closed. 30 to 600. @default 60 */
  httpIdleTimeoutSeconds: whole("seconds", 30, 600).default(60),
});

/**
 * Where Terraform keeps its state. Without one of these it is a file beside cdktf.out. A change on a running stack moves the state:
 * `npx cdktf deploy --migrate-state`. docs/backends.md
 */
export const backend = record({
  /** HCP Terraform (Terraform Cloud) or Terraform Enterprise, which may also run the apply. @default - not used */
  cloud: record({
    organization: text("an organization's name: letters, digits, - and _", /^[A-Za-z0-9][A-Za-z0-9_-]{2,39}$/),
    /** @default - the stack's name, such as api-production */
    workspace: text("a workspace's name: 1 to 90 letters, digits, - and _", /^[A-Za-z0-9_-]{1,90}$/).optional(),
    /** Of a Terraform Enterprise. @default - app.terraform.io */
    hostname: text("a host name such as tfe.example.com", /^[a-z0-9-]+(\.[a-z0-9-]+)+$/).optional(),
  }).optional(),
  /**
   * A bucket of DigitalOcean Spaces. Its keys are read from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Terraform locks the state with a file that
   * must not be there yet; that Spaces heeds this is documented nowhere: two applies at once have to be kept apart otherwise. @default - not used
   */
  spaces: record({
    bucket: text("a bucket's name: 3 to 63 small letters, digits and -", /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/),
    /** Region slug of the bucket, such as nyc3. */
    region: slug,
    /** @default - "<stack>/terraform.tfstate" */
    key: text("a path of letters, digits, /, ., - and _", /^[A-Za-z0-9][A-Za-z0-9/._-]{0,200}$/).optional(),
  }).optional(),
});
export type Backend = z.output<typeof backend>;

const percent = () => whole("percent", 1, 100);

/** Whom DigitalOcean tells of droplets and balancer, and from when on. */
export const alertLevels = record({
  /** Addresses that the account has verified; needs `droplet.monitoring`. @default - none: no alerts, and no uptime check */
  email: z
    .array(text("an address such as ops@example.com", /^[^\s@]+@[^\s@]+\.[^\s@]+$/), "a list of addresses")
    .default([]),
  /** Processor of a droplet, over 10 minutes. 1 to 100 %. @default 90 */
  cpuPercent: percent().default(90),
  /** Memory of a droplet, over 10 minutes. 1 to 100 %. @default 90 */
  memoryPercent: percent().default(90),
  /** Disk of a droplet, over 10 minutes. 1 to 100 %. @default 85 */
  diskPercent: percent().default(85),
});

/** The same, and what is asked from outside. */
export const alerts = record({
  ...alertLevels.shape,
  /** Path that the uptime check asks the balancer for. @default "/" */
  uptimePath: text("a path that starts with /", /^\/[A-Za-z0-9/._~%?=&-]*$/).default("/"),
});

const withoutComment = (publicKey: string): string => publicKey.split(" ", 2).join(" ");

/** SSH keys and who may use them. */
export const access = record({
  ...sshAccess.shape,
  /**
   * Public key to register for the droplets. Only its type and the key itself count: DigitalOcean takes the same key with another comment for one that is in use
   * already. @default - none; then `keyFingerprints` must name one
   */
  publicKey: text(
    "one line of an OpenSSH public key",
    /^(ssh-(ed25519|rsa)|ecdsa-sha2-nistp(256|384|521)|sk-[a-z0-9@.-]+) \S+( [^\n]*)?$/,
  )
    .transform(withoutComment)
    .optional(),
  /** MD5 fingerprints or ids of keys that the account already has. @default - none */
  keyFingerprints: z
    .array(
      text("a fingerprint such as 3b:16:…:fa, or a numeric id", /^([0-9a-f]{2}(:[0-9a-f]{2}){15}|\d+)$/),
      "a list of fingerprints",
    )
    .default([]),
  /** Addresses that may connect to port 22. @default - none: 22 stays closed */
  allowedCidrs: z.array(cidr, "a list of ranges such as 203.0.113.7/32").default([]),
});

/**
 * A rule of the firewall each, of which it may have 50; the rest is room for those that are always there.
 * @see https://docs.digitalocean.com/products/networking/firewalls/details/limits/
 */
const MOST_OUTBOUND_PORTS = 40;
const outboundPorts = z
  .array(whole("port", 1, 65535), "a list of ports")
  .refine(
    (ports) => ports.length <= MOST_OUTBOUND_PORTS && new Set(ports).size === ports.length,
    `a list of at most ${MOST_OUTBOUND_PORTS} ports, each named once`,
  );

/** Every field alone, for constructs that take some of them; {@link fleetConfig} adds the rules between fields. */
export const fleetFields = record({
  /** Names droplets (`<name>-1` …), container, firewall and files on the hosts. A change makes another stack beside the old one. @default "api" */
  name: shortName.default("api"),
  /**
   * Tells two copies of the stack in one account apart; part of the stack's own tag. The second one needs a `fleetTag` and a `loadBalancer.name` of its own, too
   * (docs/backends.md). A change makes another stack. @default "production"
   */
  environment: shortName.default("production"),
  /** Region slug of droplets, network and balancer. A change rebuilds everything. @default "sfo3" */
  region: slug.default("sfo3"),
  /** Number of droplets. 1 to 100. @default 2 */
  dropletCount: whole("droplets", 1, 100).default(2),
  /**
   * Tag by which the balancer finds its hosts; must belong to this fleet alone within the account, so that a second fleet or environment there needs one
   * of its own: the guard refuses a shared one. A change on a running fleet is an outage: until Terraform has moved droplets and balancer, neither knows the other. @default "http-api"
   */
  fleetTag: tagName.default("http-api"),
  droplet: droplet.prefault({}),
  loadBalancer: loadBalancer.prefault({}),
  /** The API's own name, and HTTPS with it. @default - none: HTTP at the balancer's address */
  domain: domain.optional(),
  backend: backend.prefault({}),
  alerts: alerts.prefault({}),
  healthCheck: healthCheck.prefault({}),
  service: service.prefault({}),
  ssh: access.prefault({}),
  rollout: rolloutPolicy.prefault({}),
  /**
   * TCP ports, such as a database's 5432, that droplets and the containers on them may reach anywhere. Up to 40 ports from 1 to 65535, each once. 53, 80 and 443
   * are open without it, and so are names and time (UDP 53 and 123). A change is in place, and comes before the rollout. @default - none
   */
  outboundPorts: outboundPorts.default([]),
  /** Address range of the private network. A change rebuilds everything. @default - chosen by DigitalOcean */
  vpcIpRange: text("a private range from /16 to /28 such as 10.110.0.0/20", privateRange).optional(),
});

type Ownership = Pick<
  z.output<typeof fleetFields>,
  "name" | "environment" | "fleetTag" | "ssh" | "droplet" | "vpcIpRange"
>;

/** The rules between fields that hold for a fleet even without a balancer in front. */
export function ownRules(config: Ownership, report: (path: string[], message: string) => void): void {
  if (!config.ssh.publicKey && config.ssh.keyFingerprints.length === 0) {
    report(
      ["ssh"],
      `publicKey is not set and keyFingerprints is empty (0 keys); set one of them, or nobody can reach the droplets (fleet.config.ts takes publicKey from ${configEnvironment.sshPublicKey})`,
    );
  }
  const { containerRange: own } = config.droplet;
  for (const [what, range] of [
    ["vpcIpRange", config.vpcIpRange],
    ["Docker's own network", DOCKER_RANGE],
  ] as const) {
    if (range === undefined || !overlap(own, range)) continue;
    report(
      ["droplet", "containerRange"],
      `containerRange ("${own}") has addresses of ${what} ("${range}"); choose a range that nothing else on a droplet uses`,
    );
  }
  if (config.fleetTag === stackTag(config)) {
    report(
      ["fleetTag"],
      `fleetTag ("${config.fleetTag}") is the stack's own tag ("${stackTag(config)}"); choose another name`,
    );
  }
}

/** The whole configuration. */
export const fleetConfig = fleetFields.superRefine((config, context) => {
  const report = (path: string[], message: string) =>
    context.addIssue({ code: "custom", path, message, params: crossField });
  together({ ...config, hosts: config.dropletCount }, report);
  ownRules(config, report);
  if (config.domain) {
    domainRules(config.domain, (path, message) => report(["domain", ...path], message));
    entryPortRule(config.loadBalancer.entryPort, config.domain, report);
  }
  const { backendKeepalive, httpIdleTimeoutSeconds } = config.loadBalancer;
  keptRules(backendKeepalive, config.service, report);
  if (backendKeepalive && config.rollout.drainTimeoutSeconds <= httpIdleTimeoutSeconds) {
    report(
      ["rollout", "drainTimeoutSeconds"],
      `drainTimeoutSeconds (${config.rollout.drainTimeoutSeconds} s) is not above loadBalancer.httpIdleTimeoutSeconds (${httpIdleTimeoutSeconds} s), for which a connection that the balancer keeps (backendKeepalive) may be open without a request; raise it or lower the other`,
    );
  }
  if (config.alerts.email.length > 0 && !config.droplet.monitoring) {
    report(
      ["alerts", "email"],
      `email ("${config.alerts.email.join('", "')}") is set and droplet.monitoring (false) leaves out the agent that measures the droplets; set monitoring to true, or leave email out`,
    );
  }
  if (config.backend.cloud && config.backend.spaces) {
    const { cloud, spaces } = config.backend;
    report(
      ["backend"],
      `cloud ("${cloud.organization}") and spaces ("${spaces.bucket}") are both named; a state is in one place: leave one out`,
    );
  }
});

/** What a user writes. */
export type FleetConfig = z.input<typeof fleetConfig>;
/** The same with every default filled in. */
export type ResolvedConfig = z.output<typeof fleetConfig>;

const STACK_TAG_PREFIX = "evenkeel:";

/** Tag that marks a droplet as created by this stack; superseded droplets are found by it. */
export const stackTag = (config: { name: string; environment: string }): string =>
  `${STACK_TAG_PREFIX}${config.environment}:${config.name}`;

/** Whether a tag marks droplets of a stack of Evenkeel, this one or another. */
export const isStackTag = (tag: string): boolean => tag.toLowerCase().startsWith(STACK_TAG_PREFIX);

/** Name of the stack: of its folder in cdktf.out, of its state file, and in an outputs file. */
export const stackName = (config: { name: string; environment: string }): string =>
  `${config.name}-${config.environment}`;

/** Name of the balancer, as the control panel shows it. */
export const balancerName = (config: Pick<ResolvedConfig, "loadBalancer" | "region" | "name">): string =>
  config.loadBalancer.name ?? `${config.region}-${config.name}`;

/** Names of the fleet's droplets, first to last. */
export const dropletNames = (config: { name: string; dropletCount: number }): string[] =>
  Array.from({ length: config.dropletCount }, (_, index) => `${config.name}-${index + 1}`);
