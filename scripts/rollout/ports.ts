/** All that a rollout needs from outside. Adapters implement it for real, the lab in memory. */
import type { Front, FrontEvidence, JournalEntry, Traffic, Slot } from "../../contract/host.js";
import type { ManifestHost } from "../../contract/manifest.js";
import type { ObservedCheck, PreDeploy } from "../../contract/policy.js";
import type { Release } from "../../contract/release.js";
import type { SecretValues } from "../../contract/secrets.js";
import type { RolloutEvent } from "./core/events.js";
import type { HostPlan, OrderName } from "./host-steps.js";

/** Time as the rollout sees it: milliseconds since some moment, never set back. */
export interface Clock {
  now(): number;
  /** Time of day, for people only; no decision compares it. */
  date(): Date;
  /** Resolves after that many milliseconds, or at once when `signal` aborts. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

export interface Random {
  /** A short id, different for every run. */
  id(): string;
}

export interface Events {
  emit(event: RolloutEvent): void;
}

/** Where the balancer is asked, and under which name. */
export interface BalancerEndpoint {
  readonly url: string;
  /** Name for TLS and for `Host`: the certificate is checked against it, and nobody has to look it up. @default - what the URL names */
  readonly serverName?: string | undefined;
}

/** What became of some requests through the balancer. */
export interface WitnessReport {
  /** Fewer than were wanted where nothing was answered any more. */
  readonly sent: number;
  /** Answered with a status below 500. */
  readonly answered: number;
  /** Reasons of the others, such as "503" or "ECONNRESET". */
  readonly failures: readonly string[];
  /** Milliseconds that the slowest of the answered ones took; 0 without one. */
  readonly slowestMs: number;
}

/** Requests of the rollout's own through the balancer, each on a connection of its own. */
export interface Witness {
  /** Null when the balancer can be asked from here, for which any answer of it counts, also a 503; else why not, such as "CERT_HAS_EXPIRED". */
  whyUnreachable(): Promise<string | null>;
  send(count: number): Promise<WitnessReport>;
}

/** A droplet as the cloud's API knows it. */
export interface CloudDroplet extends ManifestHost {
  readonly tags: readonly string[];
  readonly active: boolean;
}

/** The load balancer as it is configured right now. */
export interface LiveBalancer {
  readonly check: ObservedCheck;
  /** Ports of the hosts that requests are sent to. */
  readonly targetPorts: readonly number[];
  readonly tag: string | null;
  /** Whether it keeps its connections to hosts open between requests. */
  readonly backendKeepalive: boolean;
}

/** The cloud's API. Absent when no token is set. */
export interface Cloud {
  balancer(id: string): Promise<LiveBalancer>;
  dropletsWithTag(tag: string): Promise<CloudDroplet[]>;
  untag(dropletId: string, tag: string): Promise<void>;
  /** Docker configuration with a short-lived, read-only login for the registry of that name. */
  registryLogin(registry: string): Promise<string>;
}

/** A balancer as the account lists it. */
export interface ListedBalancer {
  readonly name: string;
  /** Null for one that is sized otherwise. */
  readonly sizeUnit: number | null;
  readonly check: HealthTarget;
  /** Ports of the hosts that requests are sent to. */
  readonly targetPorts: readonly number[];
}

/** What the guard asks of the cloud's API. Each call throws {@link Forbidden} where the token lacks its scope. */
export interface GuardCloud {
  /** Fails where a token may not read them, and says nothing else. */
  insistOn(what: "vpcs" | "tags"): Promise<void>;
  /** Those that find their hosts by the tag; what others of the account look like does not matter. */
  balancersWithTag(tag: string): Promise<ListedBalancer[]>;
  dropletsWithTag(tag: string): Promise<CloudDroplet[]>;
  /** Droplets of the whole account. */
  dropletTotal(): Promise<number>;
  /** Most droplets that the account may have. */
  dropletLimit(): Promise<number>;
}

/** What a balancer asks of a host. */
export interface HealthTarget {
  readonly path: string;
  readonly port: number;
}

/** What a host answers when it asks itself. */
export interface HealthAnswers {
  /** In the order of the targets; null without an answer. */
  readonly statuses: readonly (number | null)[];
  /** The rollout that holds the host's lock; null without one. */
  readonly heldBy: string | null;
}

/** Asks hosts on their private addresses. */
export interface HealthLook {
  /** @throws RolloutError when the host cannot be asked */
  ask(host: ManifestHost, targets: readonly HealthTarget[]): Promise<HealthAnswers>;
}

/** All that the guard needs from outside. */
export interface GuardPorts {
  readonly cloud: GuardCloud;
  readonly health: HealthLook;
  readonly clock: Clock;
  readonly events: Events;
}

/** One container as its host's Docker knows it. */
export interface ContainerState {
  readonly id: string;
  /** Image as it was named at `docker run`. */
  readonly image: string;
  /** Release id on the label; null for a container that no rollout started. */
  readonly release: string | null;
  /** Made, and never started: its exit code says nothing. */
  readonly created: boolean;
  readonly running: boolean;
  readonly restarting: boolean;
  readonly restartCount: number;
  readonly exitCode: number;
  /** Ended before its host booted last: whether by itself or by the shutdown, nobody can tell. False where the host does not tell. */
  readonly endedBeforeBoot: boolean;
}

/** What a host looks like before anything is done to it. */
export interface Survey {
  /** How far cloud-init is; a host without it counts as done. */
  readonly boot: "running" | "done" | "failed";
  /** What the host lacks for a rollout, in words, such as "needs awk"; told by the first look at a booted host only. */
  readonly missing: readonly string[];
  /** Machine name of the kernel, such as x86_64. */
  readonly architecture: string;
  /** Whether the Docker engine answers. */
  readonly dockerAnswers: boolean;
  /** PATH of a shell without a login, where that leads to no docker; else null. */
  readonly dockerNotIn: string | null;
  readonly freeDiskMb: number;
  readonly freeMemoryMb: number;
  /** What the container that has the host's name uses, caches left out; null where nobody can tell. */
  readonly usedMemoryMb: number | null;
  readonly containers: Readonly<Partial<Record<Slot, ContainerState>>>;
  /** Null where none is there. */
  readonly front: Front | null;
  /** Why the front would not take the host's address and ports, in the helper's words; null where it would, or does not tell. */
  readonly frontRefuses: string | null;
  readonly traffic: Traffic | null;
  /** Status of the health path, asked from the host itself: on the health port where the front has that, else on the service port. Null without an answer. */
  readonly health: number | null;
  /** What curl said where there was no answer, such as "curl: (7) Failed to connect"; null with an answer. */
  readonly healthError: string | null;
  /** Established connections on the container's service port; null when its health path answers 200, or nobody could count them. */
  readonly connections: number | null;
  /** Ports that the host's front is to have and has not, on which somebody takes connections, whatever the answer. */
  readonly answered: readonly number[];
  /** Releases whose files are kept on the host, as they lie there: whoever is root on it may have written them. */
  readonly releases: readonly Release[];
  /** Its copy of the fleet's history as it lies there, not verified; null without one. */
  readonly history: string | null;
  /** Taken out of the fleet for good. */
  readonly retired: boolean;
  /** The rollout that has the host in hand, or that was left unfinished there; null without one. */
  readonly run: RunInHand | null;
}

/** How a call of the front's helper ended. */
export interface HelperSaid {
  /** 0 for an answer, 64 for a refusal, 75 when another call held its lock; sudo's own is 1. */
  readonly code: number;
  /** What it, or sudo, said beside its answer, on one line. */
  readonly words: string;
}

/** What a host tells of its own kernel and of sudo. No rollout decides by it: `doctor` compares it with what Evenkeel assumes. */
export interface Examination {
  /** Of `evenkeel-front network`, which asks the kernel nothing. */
  readonly network: HelperSaid;
  /** Of `evenkeel-front show`, which reads the front's table. */
  readonly show: HelperSaid;
  /** Version of the cgroups that are mounted; null where none are. */
  readonly cgroups: 1 | 2 | null;
  /** Range of the network that the private address is in, such as 10.110.0.0/20; null where no route tells. */
  readonly privateRange: string | null;
}

/** For people. */
export interface RunInHand {
  /** Such as `held by 9dc3784f7b:me@here, since …`. */
  readonly holder: string;
  /** Last line of its journal. */
  readonly last: string;
}

export interface LockRequest {
  readonly runId: string;
  /** Who runs the rollout, for the message that another one gets. */
  readonly owner: string;
  readonly leaseSeconds: number;
}

export type LockResult = { readonly type: "held" } | { readonly type: "refused"; readonly holder: string };

/** How far a host's steward has come. */
export interface Followed {
  /** `false` once the steward's process is gone, and its lock with it. */
  readonly stewardAlive: boolean;
  readonly journal: readonly JournalEntry[];
}

/** What a host says while its steward is at work. */
export interface Observation extends Followed {
  readonly traffic: Traffic | null;
  readonly health: number | null;
}

export type PullResult =
  | {
      readonly type: "pulled";
      /** The image by each digest that Docker knows of it; the one that was asked for alone, where it was asked for by digest. */
      readonly images: readonly string[];
      readonly architecture: string;
    }
  | { readonly type: "failed"; readonly reason: string };

/** A release whose image and files stay on a host. */
export type KeptRelease = Pick<Release, "id" | "image">;

/**
 * One host, over one connection. Every call has its own deadline and throws `RolloutError` when the host does not answer. Those that change what other
 * rollouts see are `pull`, `prepare`, `startPreDeploy`, `stopPreDeploy`, `keepHistory` and `prune`. Once the steward that `lock` started is gone, they throw
 * StewardLost and change nothing.
 */
export interface Host {
  readonly name: string;
  /** @param insist also over a connection that breaks: for a host that was seen to be there */
  survey(insist?: boolean): Promise<Survey>;
  /**
   * Starts the steward, which holds the host's lock for as long as it lives.
   * @param settleSeconds that it may take to end what another run left unfinished
   */
  lock(request: LockRequest, settleSeconds: number): Promise<LockResult>;
  /** `login` is a Docker configuration; it reaches the host over stdin and is gone after the pull. */
  pull(image: string, login: string | null, timeoutSeconds: number): Promise<PullResult>;
  /** Folders that a release's containers are to see and that are not there. */
  missingMounts(release: Release): Promise<string[]>;
  /**
   * Hands the steward its steps and the release's files.
   * @param secrets values of the release's secrets; null when its files are there already
   */
  prepare(plan: HostPlan, secrets: SecretValues | null): Promise<void>;
  /** Starts the pre-deploy command of a release, once for each run, in the slot `pre-deploy`; it goes on whatever becomes of this run. */
  startPreDeploy(release: Release, preDeploy: PreDeploy): Promise<void>;
  /** Ends it, and puts it aside as `failed`. @param timeoutSeconds from SIGTERM to SIGKILL */
  stopPreDeploy(timeoutSeconds: number): Promise<void>;
  /** Gives the steward an order; resolves with its number, not with its end. */
  order(name: OrderName, argument?: string): Promise<number>;
  /** Beats the steward's heart and reads what there is to see. */
  observe(): Promise<Observation>;
  /**
   * Beats it likewise, and reads how far an order has come. The host itself waits for its end, which costs less than to look again and again.
   * @param seconds that it waits at most; 0 for a look
   */
  follow(sequence: number, seconds: number): Promise<Followed>;
  /** What came to the ports of its front in so many seconds, 1 to 900; null where nobody knows: there is no front, or too much came to tell. */
  evidence(withinSeconds: number): Promise<FrontEvidence | null>;
  /** What its kernel and sudo are like. */
  examine(): Promise<Examination>;
  /** Status that the host gets on its own service port, asked at its private address; null without an answer. */
  answer(path: string): Promise<number | null>;
  /**
   * Starts what ends the run of a steward that is gone, as the host's next boot does: a new container that is ready stays, anything less is taken
   * back. Nothing happens where nothing was left. Resolves before the end, which the journal tells.
   */
  recover(): Promise<void>;
  /** Last lines that a container wrote. */
  logs(slot: Slot, lines: number): Promise<string[]>;
  /** Puts a signed history in the place of the one that is there, whole or not at all. */
  keepHistory(signed: string): Promise<void>;
  /**
   * Removes images and release files of this fleet that are not among `keep`.
   * @param filesOnly ids of releases whose files stay, and whose images need not
   */
  prune(keep: readonly KeptRelease[], filesOnly: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

export interface Hosts {
  open(host: ManifestHost): Host;
}

export interface Ports {
  readonly hosts: Hosts;
  readonly cloud: Cloud | null;
  readonly witness: Witness;
  readonly clock: Clock;
  readonly events: Events;
  readonly random: Random;
}
