/** The load balancer: HAProxy processes in one namespace, one a node, behind one address. */
import type { BalancerSettings } from "../balancer-options.js";
import { Later } from "../model/later.js";
import type { Change, SiteBalancer, SiteDroplet } from "../site.js";
import { BalancerNode } from "./balancer-node.js";
import type { Authority } from "../authority.js";
import type { ServerStats } from "./haproxy-stats.js";
import type { HaproxyPlace } from "./haproxy.js";

export interface BalancerPlace extends Pick<
  HaproxyPlace,
  "argv" | "folder" | "environment" | "publicAddress" | "onFault"
> {
  /** Private addresses that the nodes ask hosts from, one for each node. */
  readonly nodeAddresses: readonly string[];
  /** Signs the certificates of HTTPS entries. */
  readonly authority: Authority;
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = { http: 80, https: 443 };

export class RealBalancer implements SiteBalancer {
  readonly changes: Change[] = [];
  readonly #nodes: BalancerNode[] = [];
  /** PEM files by what the settings call the certificate. */
  readonly #certificates = new Map<string, string>();
  readonly #later = new Later();
  #originMs: number | null = null;

  #settings: BalancerSettings;

  private constructor(
    settings: BalancerSettings,
    private readonly place: BalancerPlace,
  ) {
    this.#settings = settings;
  }

  /** Resolves once every node serves. */
  static async start(settings: BalancerSettings, place: BalancerPlace): Promise<RealBalancer> {
    const balancer = new RealBalancer(settings, place);
    await balancer.#issueFor(settings);
    try {
      for (let index = 0; index < settings.nodes; index += 1) await balancer.#startNode(index);
      return balancer;
    } catch (error) {
      await balancer.close();
      throw error;
    }
  }

  get settings(): BalancerSettings {
    return this.#settings;
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

  async update(settings: BalancerSettings): Promise<void> {
    await this.#issueFor(settings);
    const fault = (error: unknown): void => this.place.onFault(`a node takes new settings in: ${String(error)}`);
    await Promise.all(
      this.#nodes.map((node) =>
        this.#later.do(node.index, settings.lateSeconds[node.index] ?? 0, () => node.update(settings), fault),
      ),
    );
    // Not where HAProxy has refused them.
    this.#settings = settings;
  }

  nodesUp(dropletId: string): number[] {
    return this.#nodes.filter((node) => node.isUp(dropletId)).map((node) => node.index);
  }

  /** Requests that were sent to each droplet since the settings changed last, by its id. Those to members that are gone count on. */
  async requests(): Promise<Record<string, number>> {
    return sums(await this.#stats(), "requests");
  }

  async inFlight(): Promise<Record<string, number>> {
    const old = await Promise.all(this.#nodes.map((node) => node.oldStats()));
    return sums([...(await this.#stats()), ...old.flat()], "inFlight");
  }

  async close(): Promise<void> {
    this.#later.stop();
    await Promise.all(this.#nodes.map((node) => node.close()));
  }

  async #stats(): Promise<ServerStats[]> {
    return (await Promise.all(this.#nodes.map((node) => node.stats()))).flat();
  }

  async #issueFor({ entries }: BalancerSettings): Promise<void> {
    for (const { tls } of entries) {
      if (!tls || this.#certificates.has(tls.certificate)) continue;
      const file = await this.place.authority.issue(`balancer-${this.#certificates.size}`, tls.names);
      this.#certificates.set(tls.certificate, file);
    }
  }

  #certificateFile(certificate: string): string {
    const file = this.#certificates.get(certificate);
    if (file === undefined) throw new Error(`the balancer has no certificate ${certificate}`);
    return file;
  }

  async #startNode(index: number): Promise<void> {
    const { place, settings } = this;
    const sourceAddress = place.nodeAddresses[index];
    if (sourceAddress === undefined)
      throw new Error(`the balancer has ${settings.nodes} nodes and ${place.nodeAddresses.length} addresses for them`);
    const node = await BalancerNode.start({
      ...{ index, settings },
      place: { ...place, sourceAddress, certificateFile: (certificate) => this.#certificateFile(certificate) },
      originMs: () => this.#originMs ?? performance.now(),
      onChange: (change) => this.changes.push(change),
    });
    this.#nodes.push(node);
  }
}

/** By name. */
function sums(all: readonly ServerStats[], count: "requests" | "inFlight"): Record<string, number> {
  const found = new Map<string, number>();
  for (const stats of all) found.set(stats.name, (found.get(stats.name) ?? 0) + stats[count]);
  return Object.fromEntries(found);
}
