/** The load balancer: real HTTP and HTTPS on loopback, with the health state machine of lab/model in each of its nodes. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { BalancerEntry, BalancerSettings, EntryTls } from "../balancer-options.js";
import { Later } from "../model/later.js";
import type { Change, SiteBalancer } from "../site.js";
import { BalancerNode, type Member } from "./balancer-node.js";
import type { EmbeddedDroplet } from "./droplet.js";
import { EntryServers } from "./entry-servers.js";
import { KeptConnections } from "./kept-connections.js";
import { forward, tunnel, type ProxySettings } from "./proxy.js";

export interface BalancerPlace {
  /** A port of this machine that stands for a declared one. */
  readonly takePort: () => Promise<number>;
  /** PEM with a certificate for an HTTPS entry and its key. */
  readonly certificate: (tls: EntryTls) => Promise<string>;
}

/** What the balancer knows of a client's connection. */
interface ClientConnection {
  readonly node: BalancerNode;
  requests: number;
}

export class EmbeddedBalancer implements SiteBalancer<EmbeddedDroplet> {
  /** State changes, oldest first. */
  readonly changes: Change[] = [];
  readonly #nodes: readonly BalancerNode[];
  readonly #entries: EntryServers;
  readonly #connections = new WeakMap<Socket, ClientConnection>();
  readonly #requests = new Map<string, number>();
  /** Ids of the droplets that answers are awaited from. */
  readonly #underWay = new Map<ServerResponse, string>();
  /** Connections that clients have taken over for another protocol. */
  readonly #tunnels = new Set<Duplex>();
  /** Holds the connections to hosts that are kept. */
  readonly #agent = new KeptConnections();
  readonly #later = new Later();
  #settings: BalancerSettings;
  #assigned = 0;

  private constructor(settings: BalancerSettings, place: BalancerPlace) {
    this.#settings = settings;
    this.#entries = new EntryServers({
      ...place,
      onConnection: (socket) => this.#assign(socket),
      onRequest: (...exchange) => this.#handle(...exchange),
      onUpgrade: (...asked) => this.#upgrade(...asked),
    });
    this.#nodes = Array.from({ length: settings.nodes }, (_, index) => this.#newNode(index));
  }

  /** Resolves once it serves. @throws Error when HTTPS is declared and a certificate cannot be had */
  static async start(settings: BalancerSettings, place: BalancerPlace): Promise<EmbeddedBalancer> {
    const balancer = new EmbeddedBalancer(settings, place);
    await balancer.#entries.declare(settings.entries, settings.idleTimeoutSeconds);
    return balancer;
  }

  get settings(): BalancerSettings {
    return this.#settings;
  }

  /** Base URL of a declared port, by default the first. */
  url(entryPort = this.settings.entries[0]?.entryPort): string {
    const port = this.#entries.realPort(entryPort);
    if (port === undefined) throw new Error(`the balancer has no port ${entryPort ?? "at all"}`);
    const entry = this.settings.entries.find((one) => one.entryPort === entryPort);
    return `${entry?.tls ? "https" : "http"}://127.0.0.1:${port}/`;
  }

  async update(settings: BalancerSettings): Promise<void> {
    await this.#entries.declare(settings.entries, settings.idleTimeoutSeconds);
    this.#settings = settings;
    for (const node of this.#nodes) {
      const { index } = node.settings;
      await this.#later.do(index, settings.lateSeconds[index] ?? 0, async () => node.update(settings), bug);
    }
  }

  /** Droplets that carry the balancer's tag now. */
  async sync(members: readonly Member[]): Promise<void> {
    for (const node of this.#nodes) node.sync(members);
  }

  /** Numbers of the nodes that send requests to a droplet. */
  nodesUp(dropletId: string): number[] {
    return this.#nodes.filter((node) => node.isUp(dropletId)).map((node) => node.settings.index);
  }

  /** Whether nothing that a node, or every one, sends to a droplet arrives there. @param only its number, from 0. @default - every node */
  cutOff(dropletId: string, cut: boolean, only?: number): void {
    for (const node of this.#nodes) if (only === undefined || node.settings.index === only) node.cutOff(dropletId, cut);
  }

  /** Requests that were sent to each droplet, by its id. */
  requests(): Record<string, number> {
    return Object.fromEntries(this.#requests);
  }

  async inFlight(): Promise<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const id of this.#underWay.values()) counts[id] = (counts[id] ?? 0) + 1;
    return counts;
  }

  async close(): Promise<void> {
    this.#later.stop();
    for (const node of this.#nodes) node.stop();
    this.#agent.destroy();
    for (const client of this.#tunnels) client.destroy();
    await this.#entries.close();
  }

  #newNode(index: number): BalancerNode {
    const { nodes: count, phasesSeconds } = this.settings;
    return new BalancerNode(this.settings, {
      ...{ index, count, phaseSeconds: phasesSeconds[index] },
      sourceAddress: sourceAddress(index),
      onChange: (change) => this.changes.push(change),
    });
  }

  /** Connections go to the nodes in turn. */
  #assign(socket: Socket): void {
    const node = this.#nodes[this.#assigned % this.#nodes.length];
    this.#assigned += 1;
    if (node) this.#connections.set(socket, { node, requests: 0 });
  }

  #handle(entry: BalancerEntry, incoming: IncomingMessage, response: ServerResponse): void {
    const connection = this.#connections.get(incoming.socket);
    if (!connection) return;
    connection.requests += 1;
    if (this.settings.redirectToHttps && !entry.tls) return this.#redirect(incoming, response);
    const { node } = connection;
    // Neither side's sudden end may end the lab.
    incoming.on("error", () => undefined);
    response.on("error", () => undefined);
    response.once("close", () => this.#underWay.delete(response));
    const next = (tried: ReadonlySet<string>): Member | null => this.#count(node.next(tried), response);
    void forward({ incoming, response, reused: connection.requests > 1, next }, this.#proxySettings(entry, node));
  }

  /** To the name that was asked for, at the port that stands for the one of HTTPS. */
  #redirect({ headers, url = "/" }: IncomingMessage, response: ServerResponse): void {
    const name = (headers.host ?? "127.0.0.1").replace(/:\d+$/, "");
    const secure = this.settings.entries.find(({ tls }) => tls)?.entryPort;
    const location = `https://${name}:${this.#entries.realPort(secure) ?? ""}${url}`;
    response.writeHead(307, { location, "content-length": 0, connection: "close" }).end();
  }

  #upgrade(entry: BalancerEntry, incoming: IncomingMessage, client: Duplex): void {
    const node = this.#connections.get(incoming.socket)?.node;
    this.#tunnels.add(client);
    client.once("close", () => this.#tunnels.delete(client));
    if (node) void tunnel(incoming, client, node.next(), this.#proxySettings(entry, node));
  }

  #count(member: Member | null, response: ServerResponse): Member | null {
    if (!member) return null;
    this.#requests.set(member.id, (this.#requests.get(member.id) ?? 0) + 1);
    this.#underWay.set(response, member.id);
    return member;
  }

  #proxySettings(entry: BalancerEntry, node: BalancerNode): ProxySettings {
    return {
      entryPort: entry.entryPort,
      targetPort: node.targetPort(entry),
      scheme: entry.tls ? "https" : "http",
      retries: this.settings.retries,
      agent: this.settings.backendKeepalive ? this.#agent : null,
      sourceAddress: node.settings.sourceAddress,
    };
  }
}

const bug = (error: unknown): never => {
  throw error;
};

/** Linux has all of 127.0.0.0/8, so that each node comes from an address of its own, as real ones do. */
const sourceAddress = (index: number): string | undefined =>
  process.platform === "linux" ? `127.0.1.${index + 1}` : undefined;
