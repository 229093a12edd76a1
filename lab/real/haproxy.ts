/** One HAProxy process: told which hosts there are, asked how they are. */
import { writeFile } from "node:fs/promises";
import { connect } from "node:net";
import path from "node:path";
import { text } from "node:stream/consumers";
import type { BalancerSettings } from "../balancer-options.js";
import { BACKEND, haproxyConfig, serverArguments, type NodePlace } from "./haproxy-config.js";
import { readStats, type ServerStats } from "./haproxy-stats.js";
import { Service } from "./service.js";

export interface HaproxyPlace extends Omit<NodePlace, "socket"> {
  /** Configuration, socket and log go here. */
  readonly folder: string;
  /** Differs from that of all others in the folder. */
  readonly name: string;
  /** Put before a command, it makes it run in the balancer's namespace. */
  readonly argv: readonly string[];
  /** Whole environment of the process; it says which world it belongs to. */
  readonly environment: Readonly<Record<string, string>>;
  /** Told when the process ends by itself. */
  readonly onFault: (fault: string) => void;
}

/** What HAProxy says to an order that it follows. */
const OBEYED = new Set(["", "New server registered."]);

export class Haproxy {
  /** Hosts that were ever added. */
  readonly #added = new Set<string>();

  private constructor(
    private readonly settings: BalancerSettings,
    private readonly socket: string,
    private readonly service: Service,
  ) {}

  /** Resolves once it serves. @throws Error with its log when it does not */
  static async start(settings: BalancerSettings, place: HaproxyPlace): Promise<Haproxy> {
    const file = (end: string): string => path.join(place.folder, `${place.name}.${end}`);
    const socket = file("sock");
    await writeFile(file("cfg"), haproxyConfig(settings, { ...place, socket }));
    const service = await Service.start({
      argv: [...place.argv, "haproxy", "-db", "-f", file("cfg")],
      log: file("log"),
      environment: place.environment,
      answers: () => ask(socket, "show info"),
      onEnd: place.onFault,
    });
    return new Haproxy(settings, socket, service);
  }

  get pid(): number | undefined {
    return this.service.pid;
  }

  /**
   * Adds a host, down until it has passed its probes. HAProxy takes one that leaves maintenance for healthy: so it comes back as
   * drained, is declared down, and only then may get requests.
   */
  async join(name: string, address: string): Promise<void> {
    const server = `${BACKEND}/${name}`;
    const add = this.#added.has(name) ? [] : [`add server ${server} ${serverArguments(this.settings, address)}`];
    this.#added.add(name);
    await this.#order([
      ...add,
      `set server ${server} state drain`,
      `set server ${server} health down`,
      `enable health ${server}`,
      `set server ${server} state ready`,
    ]);
  }

  /** No new requests; those in flight go on, so that it is not deleted: HAProxy refuses that as long as there are any. */
  async leave(name: string): Promise<void> {
    await this.#order([`set server ${BACKEND}/${name} state maint`]);
  }

  /** Every host that was ever added. */
  async stats(): Promise<ServerStats[]> {
    return readStats(await ask(this.socket, `show stat ${BACKEND} 4 -1`));
  }

  async stop(): Promise<void> {
    await this.service.stop();
  }

  async #order(commands: readonly string[]): Promise<void> {
    const answer = (await ask(this.socket, commands.join("; "))).trim();
    if (!OBEYED.has(answer)) throw new Error(`HAProxy answers "${answer}" to "${commands.join("; ")}"`);
  }
}

/** One line of commands on a connection of its own; HAProxy closes it after the answer. */
async function ask(socket: string, line: string): Promise<string> {
  const connection = connect(socket);
  connection.write(`${line}\n`);
  return text(connection);
}
