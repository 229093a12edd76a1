/** The load balancer: HAProxy processes in one namespace, one a node, behind one address. */
import type { BalancerSettings } from "../balancer-options.js";
import type { Change, SiteBalancer, SiteDroplet } from "../site.js";
import { BalancerNode } from "./balancer-node.js";
import type { Authority } from "./certificates.js";
import type { HaproxyPlace } from "./haproxy.js";

export interface BalancerPlace extends Pick<
  HaproxyPlace,
  "argv" | "folder" | "environment" | "publicAddress" | "onFault"
> {
  /** Private addresses that the nodes ask hosts from, one for each node. */
  readonly nodeAddresses: readonly string[];
  /** Signs the certificate of HTTPS entries. */
  readonly authority: Authority;
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = { http: 80, https: 443 };

export class RealBalancer implements SiteBalancer {
  readonly changes: Change[] = [];
  readonly #nodes: BalancerNode[] = [];
  #originMs: number | null = null;

  private constructor(
    readonly settings: BalancerSettings,
    private readonly place: BalancerPlace,
  ) {}

  /** Resolves once every node serves. */
  static async start(settings: BalancerSettings, place: BalancerPlace): Promise<RealBalancer> {
    const balancer = new RealBalancer(settings, place);
    const certificate = await place.authority.issue("balancer", [place.publicAddress]);
    try {
      for (let index = 0; index < settings.nodes; index += 1) await balancer.#startNode(index, certificate);
      return balancer;
    } catch (error) {
      await balancer.close();
      throw error;
    }
  }

  /** Of the nodes' processes. */
  get pids(): (number | undefined)[] {
    return this.#nodes.map((node) => node.pid);
  }

  url(entryPort = this.settings.entries[0]?.entryPort): string {
    const entry = this.settings.entries.find((one) => one.entryPort === entryPort);
    if (!entry) throw new Error(`the balancer has no port ${entryPort ?? "at all"}`);
    const scheme = entry.tls ? "https" : "http";
    const port = entry.entryPort === DEFAULT_PORTS[scheme] ? "" : `:${entry.entryPort}`;
    return `${scheme}://${this.place.publicAddress}${port}/`;
  }

  /** Resolves once those that are gone get no new requests. */
  async sync(members: readonly Pick<SiteDroplet, "id" | "name" | "privateAddress">[]): Promise<void> {
    if (members.length > 0) this.#originMs ??= performance.now();
    await Promise.all(this.#nodes.map((node) => node.sync(members)));
  }

  nodesUp(dropletId: string): number[] {
    return this.#nodes.filter((node) => node.isUp(dropletId)).map((node) => node.index);
  }

  /** Requests that were sent to each droplet so far, by its id. Those to members that are gone count on. */
  requests(): Promise<Record<string, number>> {
    return this.#sum("requests");
  }

  inFlight(): Promise<Record<string, number>> {
    return this.#sum("inFlight");
  }

  async close(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.close()));
  }

  async #sum(count: "requests" | "inFlight"): Promise<Record<string, number>> {
    const sums = new Map<string, number>();
    for (const ofNode of await Promise.all(this.#nodes.map((node) => node.stats())))
      for (const stats of ofNode) sums.set(stats.name, (sums.get(stats.name) ?? 0) + stats[count]);
    return Object.fromEntries(sums);
  }

  async #startNode(index: number, certificate: string): Promise<void> {
    const { place, settings } = this;
    const sourceAddress = place.nodeAddresses[index];
    if (sourceAddress === undefined)
      throw new Error(`the balancer has ${settings.nodes} nodes and ${place.nodeAddresses.length} addresses for them`);
    const node = await BalancerNode.start({
      ...{ index, settings, place: { ...place, sourceAddress, certificate } },
      originMs: () => this.#originMs ?? performance.now(),
      onChange: (change) => this.changes.push(change),
    });
    this.#nodes.push(node);
  }
}
