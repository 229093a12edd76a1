/** One HAProxy: told which hosts there are and how to serve them, asked how they are. */
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { BalancerSettings } from "../balancer-options.js";
import { BACKEND, haproxyConfig, serverArguments, type NodePlace } from "./haproxy-config.js";
import { readWorkers, type Workers } from "./haproxy-processes.js";
import { ask, askMaster, nobodyListens } from "./haproxy-socket.js";
import { onPortsOf } from "./haproxy-state.js";
import { readStats, type ServerStats } from "./haproxy-stats.js";
import { Service } from "./service.js";

export interface HaproxyPlace extends Omit<NodePlace, "socket"> {
  /** Configuration, sockets, state and log go here. */
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
/** Of every host of the backend. */
const STATS = `show stat ${BACKEND} 4 -1`;
/** How long new settings may take until they hold. Generous: nothing is concluded from it. */
const RELOAD_MS = 60_000;
const LOOK_MS = 20;

export class Haproxy {
  /** Hosts that get requests when they are healthy, and their addresses. */
  readonly #hosts = new Map<string, string>();
  /** Hosts that the worker knows: those that left are in maintenance. */
  #known = new Set<string>();
  #service: Service | null = null;

  private constructor(
    private settings: BalancerSettings,
    private readonly place: HaproxyPlace,
  ) {}

  /** Resolves once it serves. @throws Error with its log when it does not */
  static async start(settings: BalancerSettings, place: HaproxyPlace): Promise<Haproxy> {
    const haproxy = new Haproxy(settings, place);
    await haproxy.#begin();
    return haproxy;
  }

  /** Of the master, which ends with its worker. */
  get pid(): number | undefined {
    return this.#service?.pid;
  }

  /**
   * Adds a host, down until it has passed its probes. HAProxy takes one that leaves maintenance for healthy: so it comes back as
   * drained, is declared down, and only then may get requests.
   */
  async join(name: string, address: string): Promise<void> {
    const server = `${BACKEND}/${name}`;
    const add = this.#known.has(name) ? [] : [`add server ${server} ${serverArguments(this.settings, address)}`];
    this.#known.add(name);
    this.#hosts.set(name, address);
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
    this.#hosts.delete(name);
    await this.#order([`set server ${BACKEND}/${name} state maint`]);
  }

  /**
   * Reloads with other settings: a new worker takes over the listening sockets and the health of the hosts, the one before
   * serves the connections that it has.
   * @throws Error with HAProxy's reason when it refuses; the one before goes on then
   */
  async update(settings: BalancerSettings): Promise<void> {
    const before = await this.#workers();
    const state = onPortsOf(settings, await ask(this.#file("sock"), `show servers state ${BACKEND}`));
    await writeFile(this.#file("state"), state);
    await this.#configure(settings);
    await askMaster(this.#file("master"), "reload");
    await this.#takenOver(before);
    this.settings = settings;
    this.#known = new Set(this.#hosts.keys());
  }

  /** Every host that the worker knows. */
  async stats(): Promise<ServerStats[]> {
    return readStats(await ask(this.#file("sock"), STATS));
  }

  /** The same in the view of workers that still serve connections from before an update. */
  async oldStats(): Promise<ServerStats[]> {
    const { old } = await this.#workers();
    const answers = await Promise.all(old.map((id) => askMaster(this.#file("master"), `@!${id} ${STATS}`)));
    // Of one that ended meanwhile the master has a single line to say, which is taken for titles.
    return answers.flatMap(readStats);
  }

  async stop(): Promise<void> {
    await this.#service?.stop();
  }

  async #begin(): Promise<void> {
    const { argv, environment, onFault } = this.place;
    await this.#configure(this.settings);
    this.#service = await Service.start({
      argv: [...argv, "haproxy", "-W", "-db", "-S", `${this.#file("master")},mode,600`, "-f", this.#file("cfg")],
      log: this.#file("log"),
      environment,
      answers: () => ask(this.#file("sock"), "show info"),
      onEnd: onFault,
    });
  }

  async #configure(settings: BalancerSettings): Promise<void> {
    const place = { ...this.place, socket: this.#file("sock") };
    const kept = this.#service ? { stateFile: this.#file("state"), hosts: this.#hosts } : null;
    await writeFile(this.#file("cfg"), haproxyConfig(settings, place, kept));
  }

  async #takenOver(before: Workers): Promise<void> {
    const deadline = Date.now() + RELOAD_MS;
    for (;;) {
      const now = await this.#workers().catch(nobodyListens);
      if (now && now.current !== null && now.current !== before.current) return;
      if ((now && now.refused > before.refused) || Date.now() > deadline) throw new Error(await this.#refusal());
      await sleep(LOOK_MS);
    }
  }

  async #refusal(): Promise<string> {
    const lines = (await readFile(this.#file("log"), "utf8")).trimEnd().split("\n");
    return `HAProxy does not take its new settings: ${lines.findLast((line) => line.includes(" parsing ")) ?? lines.at(-1)}`;
  }

  async #workers(): Promise<Workers> {
    return readWorkers(await askMaster(this.#file("master"), "show proc"));
  }

  async #order(commands: readonly string[]): Promise<void> {
    const answer = (await ask(this.#file("sock"), commands.join("; "))).trim();
    if (!OBEYED.has(answer)) throw new Error(`HAProxy answers "${answer}" to "${commands.join("; ")}"`);
  }

  #file(end: string): string {
    return path.join(this.place.folder, `${this.place.name}.${end}`);
  }
}
