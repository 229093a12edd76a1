/** Settings that infrastructure and rollout share, declared once. */
import { z } from "zod";
import { isolation, logSize, mount } from "./container.js";
import { choice, flag, positive, record, text, whole } from "./fields.js";
import { appEnvironment, FRONT_MEMORY_SECONDS } from "./host.js";
import { mountRules } from "./mounts.js";
import { secretFileVariable } from "./secrets.js";

/** Default balancer check, the article's: 10 s, 2 failed probes out, 3 passed probes in. */
const checkDefaults = {
  port: 8086,
  path: "/health",
  checkIntervalSeconds: 10,
  responseTimeoutSeconds: 5,
  unhealthyThreshold: 2,
  healthyThreshold: 3,
} as const;

const port = () => whole("port", 1, 65535);
const healthPath = text('a path that starts with "/", without "?", "#" or blanks', /^\/[^\s?#"'\\]{0,199}$/);

/**
 * How the balancer decides which host is in rotation. All four numbers are always written to the balancer:
 * the provider's and the API's own defaults differ.
 * @see https://docs.digitalocean.com/reference/api/reference/load-balancers/ ranges of `health_check`
 */
export const healthCheck = record({
  /**
   * Port of the droplet that the balancer's health check asks, and nobody else: what serves there is what serves on `service.port`. 1 to 65535, not
   * `service.port`. @default 8086
   */
  port: port().default(checkDefaults.port),
  /**
   * What `port` is to become: droplets answer there alike. Once every host does, name it `port` and leave this out. The balancer does not know
   * of it. @default - none
   */
  nextPort: port().optional(),
  /** Path asked by the balancer: it answers 200 when the app can serve. @default "/health" */
  path: healthPath.default(checkDefaults.path),
  /**
   * What `path` is to become: the app answers it alike, and finds it in `NEXT_HEALTH_PATH`. Once every host does, name it `path` and leave
   * this out. The balancer does not know of it. @default - none
   */
  nextPath: healthPath.optional(),
  /** Seconds between two probes of a host. 3 to 300. @default 10 */
  checkIntervalSeconds: whole("seconds", 3, 300).default(checkDefaults.checkIntervalSeconds),
  /** Seconds after which an unanswered probe counts as failed. 3 to 300, at most the interval. @default 5 */
  responseTimeoutSeconds: whole("seconds", 3, 300).default(checkDefaults.responseTimeoutSeconds),
  /** Consecutive failed probes that take a host out of rotation. 2 to 10. @default 2 */
  unhealthyThreshold: whole("probes", 2, 10).default(checkDefaults.unhealthyThreshold),
  /** Consecutive passed probes that bring a host into rotation. 2 to 10. @default 3 */
  healthyThreshold: whole("probes", 2, 10).default(checkDefaults.healthyThreshold),
});

/**
 * The same check as the rollout sees it. Any balancer counts here, so the ranges are wider than DigitalOcean's: HAProxy
 * takes an interval below a second and thresholds from 1.
 * @see https://docs.haproxy.org/2.6/configuration.html#5.2-inter
 */
export const observedCheck = record({
  /** For a balancer that asks no port of its own. @default - the service port */
  port: port().optional(),
  nextPort: port().optional(),
  path: healthPath,
  nextPath: healthPath.optional(),
  checkIntervalSeconds: positive("seconds", 300),
  responseTimeoutSeconds: positive("seconds", 300),
  unhealthyThreshold: whole("probes", 1, 10),
  healthyThreshold: whole("probes", 1, 10),
});
export type ObservedCheck = z.output<typeof observedCheck>;

const argument = text("a text without ${ and %{", /^[^\0]*$/);

/** How long a pre-deploy command may run where nothing else is said, also one that an earlier configuration began. */
export const PRE_DEPLOY_SECONDS = 600;

/**
 * A command that runs once for each release, in a container of the new image with the service's environment, secrets and mounts: after the pull, before any
 * host changes. The fleet serves the old release meanwhile and after a failure, so what it does must suit both: docs/own-app.md.
 */
export const preDeploy = record({
  /** Command and arguments, such as ["npm", "run", "migrate"]. */
  command: z.array(argument, "a list of texts").min(1, "a list of at least one text"),
  /** Longest that it may run. Then it is stopped, and the rollout fails. 1 to 86400 s. @default 600 */
  timeoutSeconds: whole("seconds", 1, 86_400).default(PRE_DEPLOY_SECONDS),
});
export type PreDeploy = z.output<typeof preDeploy>;

const hosts = 'a whole number of hosts from 1 to 99, or a share from "1%" to "99%"';
const share = z.string().regex(/^([1-9]\d?)%$/, { error: hosts, abort: true });
const countOrShare = z.union([whole("hosts", 1, 99), share], hosts);

export const strategies = ["auto", "handoff", "drain"] as const;

/** How a rollout goes about the fleet. */
export const rolloutPolicy = record({
  /**
   * How a host that serves gets another release. `handoff` starts the new container beside the old one and leads the ports to it once it is ready. The old
   * one is stopped once nothing is open there. No host leaves rotation, and two containers need memory. `drain` takes the host out of the balancer's
   * rotation first: its health port is refused until the balancer has let it go. `auto` hands each host over whose memory holds a second container, and
   * drains the others. @default "auto"
   */
  strategy: choice(...strategies).default(strategies[0]),
  /**
   * Whether two containers of the app must never run at once on a host, as with cron within it. Such a fleet is drained; not with `handoff`.
   * @default - false; with `auto` it has to be said where a mount is writable, as both containers would write there
   */
  exclusive: flag().optional(),
  /** Most hosts out of rotation at once: a count, or a share of the fleet that is rounded down, at least 1. Below the fleet's size. @default 1 */
  maxUnavailable: countOrShare.default(1),
  /**
   * Most hosts that are handed over at once, after the first one: that one goes alone. A count, or a share of the fleet that is rounded down, at least 1.
   * None of them leaves rotation, but a release that fails only under load then fails on so many. @default 1
   */
  maxParallel: countOrShare.default(1),
  /**
   * Seconds that the containers before stay up after a rollout that has handed hosts over, whether or not anything is open to them: going back then starts
   * nothing, and takes a second for all hosts at once. They need memory meanwhile, and hold what they hold, such as connections to a database; the next
   * rollout ends them. 0 to 86400 s. @default 0 - stopped once nothing is open to them
   */
  keepWarmSeconds: whole("seconds", 0, 86_400).default(0),
  /** Seconds a new container must stay ready without a restart before the next host follows. 0 to 3600. @default 0 */
  minReadySeconds: whole("seconds", 0, 3600).default(0),
  /** Longest time one host may go without reaching its next gate. 10 to 7200 s. @default 600 */
  progressDeadlineSeconds: whole("seconds", 10, 7200).default(600),
  /**
   * Longest time of the whole rollout. Then the host at hand is finished or taken back, as when it is told to stop, and the rollout fails.
   * 60 to 86400 s. @default 21600 - six hours, as long as GitHub lets a job run on its own machines
   * @see https://docs.github.com/en/actions/reference/limits
   */
  timeoutSeconds: whole("seconds", 60, 86_400).default(21_600),
  /** Longest wait for requests that are still in flight on a host that gets no new ones. 1 to 3600 s. @default 60 */
  drainTimeoutSeconds: whole("seconds", 1, 3600).default(60),
  /** What to do with requests longer than that: stop the rollout, or cut them and report how many. @default "halt" */
  onDrainTimeout: choice("halt", "cut").default("halt"),
  /**
   * What becomes of hosts that were replaced before another one failed: `halt` leaves them on the new release, `rollback` brings them back
   * onto the one before, last first and once. @default "halt"
   */
  onFailure: choice("halt", "rollback").default("halt"),
  /** Longest wait for a new container to become ready on its own host. 1 to 3600 s. @default 120 */
  readyTimeoutSeconds: whole("seconds", 1, 3600).default(120),
  /** Longest wait for a droplet to boot and for its cloud-init. 10 to 3600 s. @default 600 */
  bootTimeoutSeconds: whole("seconds", 10, 3600).default(600),
  /** Longest time one image pull may take. 10 to 7200 s. @default 600 */
  pullTimeoutSeconds: whole("seconds", 10, 7200).default(600),
  /**
   * Seconds without a heartbeat after which a host's steward finishes or undoes by itself. 5 to 3600, and no less than the balancer needs to let
   * a host go: (unhealthyThreshold + 1) x checkIntervalSeconds. @default 120
   */
  leaseSeconds: whole("seconds", 5, 3600).default(120),
  /**
   * Least free space on a host's Docker disk before a pull, and up to 50 MB of it before a container is stopped. 0, which looks at neither, to
   * 100000 MB. @default 1024
   */
  minFreeDiskMb: whole("megabytes", 0, 100_000).default(1024),
  /** Command to run before hosts are replaced, such as a migration of the database. Never run on the way back. @default - none */
  preDeploy: preDeploy.optional(),
});
export type RolloutPolicy = z.output<typeof rolloutPolicy>;

const environmentName = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** The API itself: what runs in the container of every host. */
export const service = record({
  /** Port that the balancer sends requests to, on the droplet's private address; the app finds it in `PORT`. @default 80 */
  port: port().default(80),
  /**
   * What `port` is to become: it leads to the same container. Once every host answers there, name it `port` and leave this
   * out. @default - none
   */
  nextPort: port().optional(),
  /**
   * Port within the container where the app takes `POST /drain`: from then on it closes each connection with its next answer there. The app finds the number
   * in `DRAIN_PORT`. Only the droplet itself, and containers on it, can ask there. Needed where the balancer keeps its connections to droplets. 1 to 65535,
   * not `port`. @default - none
   */
  drainPort: port().optional(),
  /** Seconds from SIGTERM to SIGKILL. 1 to 3600. @default 10 */
  stopTimeoutSeconds: whole("seconds", 1, 3600).default(10),
  /** Command and arguments instead of the image's own. @default - the image's command */
  command: z.array(argument, "a list of texts").default([]),
  /** Environment of the container. Not for secrets: it is part of the synthesized JSON. @default - none */
  environment: z
    .record(z.string().regex(environmentName), text("a text without line breaks, ${ and %{", /^[^\n\r\0]*$/), {
      error: (issue) =>
        issue.code === "invalid_key"
          ? "a name of letters, digits and _, not starting with a digit"
          : "an object of names and texts",
    })
    .default({}),
  /**
   * Names of environment variables of whoever deploys, whose values are secrets of the app. They reach the hosts over SSH, and nothing else. They are not
   * needed to synthesize, only to roll out; EVENKEEL_SECRETS_KEY then has to be set too. @default - none
   */
  secrets: z
    .array(text("a name of letters, digits and _, not starting with a digit", environmentName), "a list of names")
    .default([]),
  /**
   * How the app finds them. `files`: /run/secrets/<NAME>, which <NAME>_FILE names; neither `docker inspect` nor Docker's own files show the values.
   * `environment`: <NAME> itself, for an app that reads nothing else; whoever may use Docker on a host can see it. @default "files"
   */
  secretsAs: choice("files", "environment").default("files"),
  /** Folders of the droplet that the container sees. With a handoff a new container sees them while the old one still uses them. @default - none */
  mounts: z.array(mount, "a list of mounts").default([]),
  /** Memory limit of the container in MB. 16 to 1000000. @default - no limit */
  memoryMb: whole("megabytes", 16, 1_000_000).optional(),
  /** Processors that the container may use, such as 0.5. Above 0, at most 256. @default - no limit */
  cpus: positive("processors", 256).optional(),
  log: logSize.prefault({}),
  isolation: isolation.prefault({}),
});
export type Service = z.output<typeof service>;

/** Path of a file on the machine that runs the rollout. Not a relative one: Terraform runs it in the folder of the stack, a person elsewhere. */
const localPath = text(
  'a path from / or ~/ without blanks and control characters, such as "~/.ssh/config"',
  /^(\/|~\/)[^\s\0"'\\]{1,400}$/,
);

const PROXY_JUMP =
  'bastions such as "ops@bastion.example.com:2222", with commas between: each a host of letters, digits, ., - and _ that begins with none of these signs, or an IPv6 address in brackets, with a user@ before and a :port of 1 to 65535 after it where needed';

/** User, host or IPv6 address in brackets, port: no word that ssh or its shell would take for something else. */
const BASTION =
  /^([A-Za-z0-9_][A-Za-z0-9._-]*@)?([A-Za-z0-9][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])(:([1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5]))?$/;

/** How the rollout reaches the hosts. */
export const sshAccess = record({
  /**
   * User on the hosts: not root, member of the docker group. A change rebuilds every droplet, and needs the image named in that deploy, as nobody can log in to
   * superseded ones any more (docs/runbook.md). @default "deploy"
   */
  user: text("a user name of small letters, digits, - and _, not root", /^(?!root$)[a-z_][a-z0-9_-]{0,30}$/).default(
    "deploy",
  ),
  /** Port that sshd listens on. 1 to 65535; a change rebuilds every droplet, as with `user`. @default 22 */
  port: port().default(22),
  /** OpenSSH client configuration to use, for keys, bastions and the like. @default - the user's own */
  configFile: localPath.optional(),
  /**
   * Bastions on the way, the first one first, with commas between: `user@host:port`, where user and port may be left out; an IPv6 address in
   * brackets. Their keys must be in the known hosts of whoever runs the rollout; their login, and whatever else they need, is in `configFile` or
   * the user's own. @default - none
   */
  proxyJump: z
    .string(PROXY_JUMP)
    .refine((value) => value.split(",").every((hop) => BASTION.test(hop)), { error: PROXY_JUMP, abort: true })
    .optional(),
});
export type SshAccess = z.output<typeof sshAccess>;

/** Issue parameters of a rule between fields: its message already holds the values. */
export const crossField = { rule: "cross-field" } as const;

/** How many of `hosts` a count or a share means: a share is rounded down, at least 1. */
export function hostCount(limit: RolloutPolicy["maxUnavailable" | "maxParallel"], hosts: number): number {
  if (typeof limit === "number") return limit;
  return Math.max(1, Math.floor((hosts * Number.parseInt(limit, 10)) / 100));
}

interface TooShort {
  readonly field: "progressDeadlineSeconds" | "leaseSeconds";
  readonly message: string;
}

/** Times of the policy within which a balancer with that check cannot do its part. The one that is declared need not be the live one. */
export function tooShort(
  { checkIntervalSeconds: interval, unhealthyThreshold, healthyThreshold }: ObservedCheck,
  { progressDeadlineSeconds, leaseSeconds }: RolloutPolicy,
): TooShort[] {
  const found: TooShort[] = [];
  const rounds = Math.max(unhealthyThreshold, healthyThreshold) + 1;
  const waitSeconds = rounds * interval;
  if (waitSeconds >= progressDeadlineSeconds) {
    found.push({
      field: "progressDeadlineSeconds",
      message: `progressDeadlineSeconds (${progressDeadlineSeconds} s) leaves the balancer no time for ${rounds} probes at checkIntervalSeconds (${interval} s); needs more than ${waitSeconds} s`,
    });
  }
  const letGoSeconds = (unhealthyThreshold + 1) * interval;
  if (leaseSeconds < letGoSeconds) {
    found.push({
      field: "leaseSeconds",
      message: `leaseSeconds (${leaseSeconds} s) is below the ${letGoSeconds} s that the balancer needs to let a host go, (unhealthyThreshold (${unhealthyThreshold}) + 1) x checkIntervalSeconds (${interval} s); make it at least ${letGoSeconds} s`,
    });
  }
  return found;
}

/** Why a host's kernel forgets a check's first probes before its last ones come, in words; null where it does not. */
export function tooSlow({ checkIntervalSeconds, unhealthyThreshold, healthyThreshold }: ObservedCheck): string | null {
  const probes = Math.max(unhealthyThreshold, healthyThreshold) + 1;
  const seconds = probes * checkIntervalSeconds;
  if (seconds <= FRONT_MEMORY_SECONDS) return null;
  return `${probes} probes at checkIntervalSeconds (${checkIntervalSeconds} s) take ${seconds} s, and a host remembers them for ${FRONT_MEMORY_SECONDS} s; lower checkIntervalSeconds or the threshold`;
}

interface Together {
  readonly healthCheck: ObservedCheck;
  readonly service: Service;
  readonly ssh: Pick<SshAccess, "port">;
  readonly rollout: RolloutPolicy;
  readonly hosts: number;
}

type Report = (path: string[], message: string) => void;

/** The rules between fields, quoting both values; shared by config and manifest. */
export function together(value: Together, report: Report): void {
  const { healthCheck: check, service: app, rollout: policy, hosts } = value;
  if (check.responseTimeoutSeconds > check.checkIntervalSeconds) {
    report(
      ["healthCheck", "responseTimeoutSeconds"],
      `responseTimeoutSeconds (${check.responseTimeoutSeconds} s) is above checkIntervalSeconds (${check.checkIntervalSeconds} s); make it at most the interval, or one slow probe delays the next`,
    );
  }
  if (check.nextPath === check.path) {
    report(
      ["healthCheck", "nextPath"],
      `nextPath ("${check.nextPath}") is the same as path ("${check.path}"); leave it out once path is the new one`,
    );
  }
  if (policy.minReadySeconds >= policy.progressDeadlineSeconds) {
    report(
      ["rollout", "minReadySeconds"],
      `minReadySeconds (${policy.minReadySeconds} s) is not below progressDeadlineSeconds (${policy.progressDeadlineSeconds} s); raise the deadline or lower minReadySeconds`,
    );
  }
  for (const { field, message } of tooShort(check, policy)) report(["rollout", field], message);
  const slow = tooSlow(check);
  if (slow !== null) report(["healthCheck", "checkIntervalSeconds"], slow);
  if (policy.exclusive && policy.strategy === "handoff") {
    report(
      ["rollout", "exclusive"],
      'exclusive (true) forbids that two containers run at once, as strategy ("handoff") has them; set strategy to "drain" or "auto", or leave exclusive out',
    );
  }
  if (policy.keepWarmSeconds > 0 && (policy.strategy === "drain" || policy.exclusive)) {
    const why = policy.strategy === "drain" ? 'strategy ("drain")' : "exclusive (true)";
    report(
      ["rollout", "keepWarmSeconds"],
      `keepWarmSeconds (${policy.keepWarmSeconds} s) keeps containers up that were handed over from, and with ${why} there are none; leave it out, or have hosts handed over`,
    );
  }
  const writable = app.mounts.find(({ readOnly }) => !readOnly);
  if (writable && policy.strategy === "auto" && policy.exclusive === undefined) {
    report(
      ["rollout", "exclusive"],
      `exclusive is not set, and two containers may write to the mount ${writable.target} at once while a host is handed over; set exclusive to true if they must not, or to false if they may`,
    );
  }
  if (policy.timeoutSeconds < policy.progressDeadlineSeconds) {
    report(
      ["rollout", "timeoutSeconds"],
      `timeoutSeconds (${policy.timeoutSeconds} s) is below progressDeadlineSeconds (${policy.progressDeadlineSeconds} s); raise it or lower the deadline`,
    );
  }
  if (policy.readyTimeoutSeconds > policy.progressDeadlineSeconds) {
    report(
      ["rollout", "readyTimeoutSeconds"],
      `readyTimeoutSeconds (${policy.readyTimeoutSeconds} s) is above progressDeadlineSeconds (${policy.progressDeadlineSeconds} s); lower it or raise the deadline`,
    );
  }
  if (policy.drainTimeoutSeconds > policy.progressDeadlineSeconds) {
    report(
      ["rollout", "drainTimeoutSeconds"],
      `drainTimeoutSeconds (${policy.drainTimeoutSeconds} s) is above progressDeadlineSeconds (${policy.progressDeadlineSeconds} s); lower it or raise the deadline`,
    );
  }
  const most = hostCount(policy.maxUnavailable, hosts);
  if (hosts > 1 && most >= hosts) {
    report(
      ["rollout", "maxUnavailable"],
      `maxUnavailable (${policy.maxUnavailable}) takes out all ${hosts} hosts; needs at most ${hosts - 1}`,
    );
  }
  portRules(value, report);
  if (app.drainPort === app.port) {
    report(
      ["service", "drainPort"],
      `drainPort (${app.drainPort}) is the same as port (${app.port}); clients could ask there: give it a number of its own`,
    );
  }
  for (const name of reservedNames.filter((word) => word in app.environment)) {
    report(["service", "environment", name], `${name} is set by Evenkeel itself; take it out of the environment`);
  }
  secretRules(app, report);
  mountRules(app, report);
}

/** A balancer that keeps its connections to hosts, as configuration and manifest know it. */
export function keptRules(keeps: boolean, app: Service, report: Report): void {
  if (!keeps || app.drainPort !== undefined) return;
  report(
    ["loadBalancer", "backendKeepalive"],
    "backendKeepalive (true) has the balancer keep connections to droplets, and service.drainPort is not set: a rollout could not have the container before let go of them; set drainPort where the app takes POST /drain, or backendKeepalive to false",
  );
}

function portRules({ healthCheck: check, service: app, ssh }: Together, report: Report): void {
  const ports = {
    service: { port: app.port, nextPort: app.nextPort },
    ssh: { port: ssh.port },
    healthCheck: { port: check.port, nextPort: check.nextPort },
  };
  const seen = new Map<number, { readonly part: string; readonly name: string }>();
  for (const [part, numbers] of Object.entries(ports)) {
    for (const [name, number] of Object.entries(numbers)) {
      if (number === undefined) continue;
      const other = seen.get(number);
      if (other) {
        const field = other.part === part ? other.name : `${other.part}.${other.name}`;
        report([part], `${name} (${number}) is the same as ${field} (${number}); give each port its own number`);
      }
      seen.set(number, { part, name });
    }
  }
}

const reservedNames: readonly string[] = Object.values(appEnvironment);

function secretRules({ secrets, secretsAs, environment }: Service, report: Report): void {
  const given = [...Object.keys(environment), ...secrets];
  const taken = (name: string): boolean =>
    name in environment || (secretsAs === "files" && given.includes(secretFileVariable(name)));
  secrets.forEach((name, index) => {
    const path = ["service", "secrets"];
    if (secrets.indexOf(name) < index) report(path, `${name} is named twice; name it once`);
    if (reservedNames.includes(name)) report(path, `${name} is set by Evenkeel itself; give the secret another name`);
    if (/^(EVENKEEL_|DIGITALOCEAN_)/.test(name))
      report(path, `${name} belongs to the rollout, not to the app; give the secret another name`);
    if (taken(name))
      report(
        path,
        `${name} is given twice: ${name in environment ? `in the environment too` : `${secretFileVariable(name)} is where its file is told`}; take the other one out`,
      );
  });
}
