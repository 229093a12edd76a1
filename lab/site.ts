/**
 * What a world is built from: machines, a balancer and a registry, made to order. The embedded site makes them of processes on
 * loopback, the real one of network namespaces with sshd, dockerd, HAProxy and a registry. A world knows only this.
 */
import type { BalancerOptions, BalancerSettings } from "./balancer-options.js";
import type { FirewallPolicy } from "./firewall-policy.js";
import type { ContainerView } from "./model/containers.js";
import type { Break, ReferenceOptions } from "./releases.js";
import type { BalancerBlock } from "./stack.js";

export type { BalancerSettings, NodeCheck } from "./balancer-options.js";

/** Addresses of one droplet. */
export interface Addresses {
  /** Where SSH is reached. */
  readonly address: string;
  /** Where the balancer reaches the service port. */
  readonly privateAddress: string;
}

/** One droplet as it is ordered from the cloud. */
export interface DropletOrder extends Addresses {
  readonly id: string;
  readonly name: string;
  /** Text for cloud-init. */
  readonly userData: string;
  /** Lines for root's authorized_keys, as DigitalOcean puts them there. */
  readonly authorizedKeys: readonly string[];
  /** User whom the user data creates. */
  readonly user: string;
}

/** off · starting: SSH is refused · running: cloud-init is at work · done */
export type BootState = "off" | "starting" | "running" | "done";

/** An HTTP answer; the body parsed when it is JSON. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** A machine of the fleet, with the controls that tests need. */
export interface SiteDroplet extends Addresses {
  readonly id: string;
  readonly name: string;
  readonly boot: BootState;
  /** Resolves once the droplet is done booting. @throws Error when it cannot boot */
  booted(): Promise<void>;
  /** Every container of the droplet, oldest first. */
  containers(): Promise<ContainerView[]>;
  /** Last lines that a container wrote. */
  logs(container: string, lines?: number): Promise<string[]>;
  /** Names of the pulled images, by digest. */
  images(): Promise<string[]>;
  /** Ends the process behind a container as the kernel would, not as `docker kill` does: its restart policy applies. */
  crash(container: string): Promise<void>;
  /** A request to the service port on the private address, from the droplet itself. */
  ask(route: string, port?: number): Promise<Answer>;
  /** Breaks every SSH connection; commands go on. */
  cutSsh(): void;
  /** Boots; does nothing when it is on. */
  powerOn(): void;
  /** Everything on it ends at once; the disk stays. */
  powerOff(): Promise<void>;
  /** Its cloud firewalls allow this from now on, in power or not; null: everything. */
  guard(policy: FirewallPolicy | null): Promise<void>;
  /** Ends the machine for good. */
  close(): Promise<void>;
}

/** A target changed its state in the view of one node. */
export interface Change {
  readonly node: number;
  /** Name of the droplet. */
  readonly droplet: string;
  readonly dropletId: string;
  readonly up: boolean;
  /** `Date.now()` of the moment. */
  readonly atMs: number;
}

export interface SiteBalancer<Droplet extends SiteDroplet = SiteDroplet> {
  readonly settings: BalancerSettings;
  /** State changes, oldest first. */
  readonly changes: readonly Change[];
  /** Base URL of a declared port as this machine reaches it, by default the first. */
  url(entryPort?: number): string;
  /** Droplets that carry the balancer's tag now: new ones start down, those that are gone get no new requests. */
  sync(members: readonly Droplet[]): Promise<void>;
  /**
   * Other settings from now on, as many nodes as before. Members keep their place in or out of rotation, and no request is lost.
   * @throws Error for settings that the site has no balancer for; it goes on as before
   */
  update(settings: BalancerSettings): Promise<void>;
  /** Numbers of the nodes that send requests to a droplet. */
  nodesUp(dropletId: string): number[];
  /** Requests that were passed on to each droplet and are not answered yet, by its id; a missing one has none. */
  inFlight(): Promise<Readonly<Record<string, number>>>;
  close(): Promise<void>;
}

/** Machines, balancer and images. Everything ends with {@link Site.close}, or with this process. */
export interface Site<Droplet extends SiteDroplet = SiteDroplet> {
  readonly kind: "embedded" | "real";
  /** Everything of the site on this machine lies here; gone after {@link Site.close}. */
  readonly folder: string;
  /** The balancer's public address, known before it runs. */
  readonly balancerAddress: string;
  /** Public key of whoever logs in from here; {@link environment} leads to its other half. */
  readonly clientKey: string;
  /** Addresses for the next droplet. */
  nextAddresses(): Addresses;
  /** Powers a new droplet on; its boot is not waited for. */
  createDroplet(order: DropletOrder): Promise<Droplet>;
  createBalancer(block: BalancerBlock, options: BalancerOptions): Promise<SiteBalancer<Droplet>>;
  /** Builds and pushes the reference API. Gives back its name by digest. */
  pushReference(version: string, options?: ReferenceOptions): Promise<string>;
  /** Builds and pushes a release that fails. */
  pushBroken(how: Break): Promise<string>;
  /** What a rollout's environment needs besides the API, to reach these machines from here. */
  environment(): Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/** What a world tells the site that it is about to stand on. */
export interface SiteContext {
  /** Declared range of the private network, such as 10.110.0.0/20; undefined leaves it to the site. */
  readonly privateRange: string | undefined;
  /** Says whether a login was handed out for DigitalOcean's registry and still holds. */
  acceptsLogin(user: string, password: string): boolean;
  /** Told of what is asked of the site that it does not stand for. */
  onFault(fault: string): void;
}

/** Opens a site; when it fails, nothing of it is left. */
export type OpenSite<Opened extends Site = Site> = (context: SiteContext) => Promise<Opened>;
