/** All that crosses from infrastructure to rollout. Versioned; validated where it is written and where it is read. */
import { z } from "zod";
import { choice, flag, record, text, whole } from "./fields.js";
import { apart } from "./one-machine.js";
import { crossField, keptRules, observedCheck, rolloutPolicy, service, sshAccess, together } from "./policy.js";

/** Raised whenever a field changes its meaning; a rollout refuses any other. */
export const MANIFEST_VERSION = 1;

const hostAddress = text("an address or a host name", /^[A-Za-z0-9][A-Za-z0-9.:-]*$/);
const word = text("1 to 255 letters, digits, :, ., - and _", /^[A-Za-z0-9][A-Za-z0-9:._-]{0,254}$/);

const IPV4 =
  "an IPv4 address such as 10.110.0.2, below 224.0.0.0 and not 0.0.0.0: the balancer asks it, and the front leads to the container there";

/** No name, which nobody resolves for the front; no IPv6; and no address that stands for all of a machine, or for many. */
const ipv4Address = z.ipv4({ error: IPV4, abort: true }).refine(
  (address) => {
    const first = Number(address.split(".")[0]);
    return first > 0 && first < 224;
  },
  { error: IPV4, abort: true },
);

/** A container's name, and that of a folder; `-previous` and the like are appended. */
const ownContainer = text("a name of 1 to 100 letters, digits, _, . and -", /^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/);

/**
 * One droplet that belongs to the fleet now; without DigitalOcean any machine, or one of several containers there: hosts with the same
 * `address` need a container and ports of their own.
 */
export const manifestHost = record({
  /** Name in the fleet, such as api-1. */
  name: word,
  /** The droplet's id: what locks are ordered by and host keys are pinned to. */
  id: word,
  /** Address for SSH. */
  address: hostAddress,
  /** IPv4 address that the balancer asks, and at which the front leads to the container. */
  privateAddress: ipv4Address,
  /** Name of the container and of the folder there. @default - the fleet's name */
  container: ownContainer.optional(),
  /** Port of the machine that the balancer asks; within the container the app has `service.port` all the same. @default - service.port */
  port: whole("port", 1, 65535).optional(),
  /** Port of the machine that the balancer's health check asks. @default - healthCheck.port; without that too, `port` */
  checkPort: whole("port", 1, 65535).optional(),
});
export type ManifestHost = z.output<typeof manifestHost>;

/** What a host's container is called, and the ports of the machine that lead to it. `checkPort` is null where the balancer asks no port of its own. */
export function hostContainer(
  { fleet, service, healthCheck }: Pick<Manifest, "fleet" | "service" | "healthCheck">,
  host: ManifestHost,
) {
  return {
    container: host.container ?? fleet,
    port: host.port ?? service.port,
    checkPort: host.checkPort ?? healthCheck.port ?? null,
  };
}

/** Ports of the machine that a host's front is to have, those that they are to become among them. */
export function frontPorts(manifest: Pick<Manifest, "fleet" | "service" | "healthCheck">, host: ManifestHost) {
  const { port, checkPort } = hostContainer(manifest, host);
  return {
    /** Ports that requests come in by. */
    services: withNext(port, manifest.service.nextPort),
    /** Ports that the balancer's health check asks; none where it asks the service port. */
    checks: checkPort === null ? [] : withNext(checkPort, manifest.healthCheck.nextPort),
  };
}

const withNext = (port: number, next: number | undefined): number[] =>
  next === undefined || next === port ? [port] : [port, next];

const shape = record({
  version: z.literal(MANIFEST_VERSION, `${MANIFEST_VERSION}, the version that this rollout reads`),
  /** Name of the fleet: the container's name and the folder on the hosts. */
  fleet: word,
  /** Tag by which DigitalOcean's balancer finds its hosts. @default - none: a balancer of another kind */
  fleetTag: word.default(""),
  /** Tag of all droplets of the stack. @default - none: a balancer of another kind */
  stackTag: word.default(""),
  hosts: z
    .array(manifestHost, "a list of hosts")
    .min(1, "a list of at least one host")
    .max(300, "a list of at most 300 hosts"),
  loadBalancer: record({
    /** DigitalOcean's id; empty for a balancer of another kind. */
    id: text("the balancer's id, or an empty text", /^[A-Za-z0-9-]*$/),
    address: hostAddress,
    scheme: choice("http", "https"),
    port: whole("port", 1, 65535),
    /** Name that clients ask for, in TLS and in `Host`; the address is asked, so that DNS need not know it yet. @default - the address itself */
    serverName: text("a host name such as api.example.com", /^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$/).optional(),
    /** Whether it keeps its connections to hosts open between requests. Needs `service.drainPort`. @default false */
    backendKeepalive: flag().default(false),
  }),
  healthCheck: observedCheck,
  service,
  ssh: sshAccess,
  rollout: rolloutPolicy,
});

export const manifest = shape.superRefine((value, context) => {
  const report = (path: string[], message: string) =>
    context.addIssue({ code: "custom", path, message, params: crossField });
  together({ ...value, hosts: value.hosts.length }, report);
  keptRules(value.loadBalancer.backendKeepalive, value.service, report);
  for (const tag of ["fleetTag", "stackTag"] as const) {
    if (!value.loadBalancer.id || value[tag]) continue;
    report(
      [tag],
      `loadBalancer.id ("${value.loadBalancer.id}") is set and ${tag} is not (""); name the tag, or leave the id empty for a balancer that is not DigitalOcean's`,
    );
  }
  for (const field of ["name", "id"] as const) {
    const seen = new Map<string, number>();
    value.hosts.forEach((host, index) => {
      const first = seen.get(host[field]);
      if (first !== undefined) {
        report(
          ["hosts"],
          `hosts[${index}].${field} ("${host[field]}") is the same as hosts[${first}].${field} ("${host[field]}"); each host is listed once`,
        );
      }
      seen.set(host[field], index);
    });
  }
  const placed = value.hosts.map((host) => ({ ...host, ...hostContainer(value, host), ownPorts: hasOwnPorts(host) }));
  const { service: app, healthCheck: check } = value;
  const ofAll = [app.port, app.nextPort, check.port, check.nextPort];
  // One that is another port of all hosts has been reported.
  const own = (port: number | undefined) => (ofAll.filter((one) => one === port).length > 1 ? undefined : port);
  const next = { "service.nextPort": own(app.nextPort), "healthCheck.nextPort": own(check.nextPort) };
  apart(placed, value.ssh.port, next, (message) => report(["hosts"], message));
  const unasked = placed.findIndex(({ checkPort }) => checkPort === null);
  if (value.rollout.strategy !== "handoff" && unasked >= 0) {
    report(
      ["rollout", "strategy"],
      `strategy ("${value.rollout.strategy}") takes a host out of rotation by its health port, and hosts[${unasked}] has none (healthCheck.port and checkPort are not set); let the balancer's check ask a port of its own, or set strategy to "handoff"`,
    );
  }
  if (check.nextPort !== undefined && unasked >= 0) {
    report(
      ["healthCheck", "nextPort"],
      `nextPort (${check.nextPort}) is set and hosts[${unasked}] has no health port that it could follow (port and checkPort are not set); set port, or leave nextPort out`,
    );
  }
});

export type Manifest = z.output<typeof manifest>;

const hasOwnPorts = ({ port, checkPort }: ManifestHost): boolean =>
  [port, checkPort].some((number) => number !== undefined);

/** Names of the environment variables that carry a rollout's input; Terraform's provisioner sets the first four, the guard's the fifth. */
export const environmentNames = {
  /** The manifest as JSON. */
  manifest: "EVENKEEL_MANIFEST",
  /** Image to roll out; empty means keep what the serving hosts run. */
  image: "EVENKEEL_IMAGE",
  /** `terraform` when the run was started inside an apply: only then are superseded droplets taken out. */
  startedBy: "EVENKEEL_STARTED_BY",
  /** Path of the bundled rollout. */
  bundle: "EVENKEEL_BUNDLE",
  /** What is declared, as JSON, for the guard. */
  guard: "EVENKEEL_GUARD",
  /** OpenSSH configuration file, instead of the manifest's. */
  sshConfig: "EVENKEEL_SSH_CONFIG",
  /** Base URL of the balancer as seen from here, instead of the manifest's address; the manifest's `serverName` is asked for there too. */
  balancerUrl: "EVENKEEL_BALANCER_URL",
  /** Folder for known hosts and receipts on the machine that runs the rollout. */
  stateFolder: "EVENKEEL_STATE_DIR",
  /** Seconds to wait for another rollout to end. */
  wait: "EVENKEEL_WAIT",
  /** `skip` leaves the pre-deploy command out, for an image that was deployed before; `run` or nothing runs it where it has not run. */
  preDeploy: "EVENKEEL_PRE_DEPLOY",
  /** `plain`, `jsonl` or `terminal`. */
  output: "EVENKEEL_OUTPUT",
  /** Login for a registry that is not DigitalOcean's, and the registry's host; without that the one of the image that is deployed. */
  registry: "EVENKEEL_REGISTRY",
  registryUser: "EVENKEEL_REGISTRY_USER",
  registryPassword: "EVENKEEL_REGISTRY_PASSWORD",
  /** DigitalOcean's API, the same names that the Terraform provider reads. */
  digitaloceanToken: "DIGITALOCEAN_TOKEN",
  digitaloceanApi: "DIGITALOCEAN_API_URL",
} as const;
