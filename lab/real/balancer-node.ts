/** One node of the real balancer: an HAProxy process, and what it thinks of each droplet. */
import { phaseOf, nextProbeAt } from "../model/balancer.js";
import type { BalancerSettings } from "../balancer-options.js";
import type { Change } from "../site.js";
import type { ServerStats } from "./haproxy-stats.js";
import { Haproxy, type HaproxyPlace } from "./haproxy.js";

/** A droplet as the balancer knows it. */
export interface Member {
  readonly id: string;
  readonly name: string;
  readonly privateAddress: string;
}

export interface NodeOptions {
  readonly index: number;
  readonly settings: BalancerSettings;
  readonly place: Omit<HaproxyPlace, "name">;
  /** Moment on `performance.now()`'s clock from which all nodes count their phases. */
  readonly originMs: () => number;
  readonly onChange: (change: Change) => void;
}

interface Entry {
  readonly member: Member;
  up: boolean;
  /** Runs until the host's phase has come. */
  joining: NodeJS.Timeout | null;
}

/** How often HAProxy is asked for its state. */
const LOOK_MS = 50;

export class BalancerNode {
  readonly #entries = new Map<string, Entry>();
  #looking: NodeJS.Timeout | undefined;
  #closed = false;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly options: NodeOptions,
    private settings: BalancerSettings,
    private readonly haproxy: Haproxy,
  ) {}

  static async start(options: NodeOptions): Promise<BalancerNode> {
    const { index, settings, place } = options;
    const haproxy = await Haproxy.start(settings, { ...place, name: `haproxy-${index}` });
    const node = new BalancerNode(options, settings, haproxy);
    node.#lookLater();
    return node;
  }

  get index(): number {
    return this.options.index;
  }

  get pid(): number | undefined {
    return this.haproxy.pid;
  }

  isUp(id: string): boolean {
    return this.#entries.get(id)?.up ?? false;
  }

  /** New members join when their phase has come, which is not waited for: until then nobody would see the difference. */
  async sync(members: readonly Member[]): Promise<void> {
    const ids = new Set(members.map((member) => member.id));
    const gone = [...this.#entries.values()].filter(({ member }) => !ids.has(member.id));
    members.forEach((member, index) => {
      if (!this.#entries.has(member.id)) this.#joinLater(member, { index, count: members.length });
    });
    await Promise.all(gone.map((entry) => this.#leave(entry)));
  }

  /** Members keep their health. One that is about to join does so at the moment that was planned. */
  async update(settings: BalancerSettings): Promise<void> {
    await this.#inTurn(() => this.haproxy.update(settings));
    this.settings = settings;
  }

  /** Of every droplet that was a member since the settings changed last, by its id. */
  stats(): Promise<ServerStats[]> {
    return this.haproxy.stats();
  }

  /** The same in the view of what still serves connections from before. */
  oldStats(): Promise<ServerStats[]> {
    return this.haproxy.oldStats();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#looking);
    for (const { joining } of this.#entries.values()) if (joining) clearTimeout(joining);
    await this.haproxy.stop();
    await this.#last;
  }

  #joinLater(member: Member, target: { readonly index: number; readonly count: number }): void {
    const entry: Entry = { member, up: false, joining: null };
    this.#entries.set(member.id, entry);
    const join = (): void => {
      entry.joining = null;
      this.#inTurn(() => this.haproxy.join(member.id, member.privateAddress)).catch(this.#fault);
    };
    entry.joining = setTimeout(join, this.#pauseMs(target));
  }

  /** Until the host's place in the interval comes. HAProxy probes every interval from the moment when a host is added. */
  #pauseMs(target: { readonly index: number; readonly count: number }): number {
    const { index, originMs } = this.options;
    const { phasesSeconds, nodes: count, check } = this.settings;
    const seconds = phasesSeconds[index];
    const phaseMs = seconds === undefined ? undefined : seconds * 1000;
    const intervalMs = check.intervalSeconds * 1000;
    const phase = originMs() + phaseOf({ index, count, phaseMs }, target, intervalMs);
    const now = performance.now();
    // A phase that begins right now counts.
    return nextProbeAt({ intervalMs, phaseMs: phase }, now - 1) - now;
  }

  async #leave({ member, joining }: Entry): Promise<void> {
    this.#entries.delete(member.id);
    if (joining) clearTimeout(joining);
    else await this.#inTurn(() => this.haproxy.leave(member.id));
  }

  #lookLater(): void {
    if (this.#closed) return;
    this.#looking = setTimeout(() => {
      this.#inTurn(() => this.#look()).then(() => this.#lookLater(), this.#fault);
    }, LOOK_MS);
  }

  async #look(): Promise<void> {
    const atMs = Date.now();
    for (const { name, inRotation } of await this.haproxy.stats()) {
      const entry = this.#entries.get(name);
      if (!entry || entry.up === inRotation) continue;
      entry.up = inRotation;
      const { member } = entry;
      this.options.onChange({ node: this.index, droplet: member.name, dropletId: member.id, up: inRotation, atMs });
    }
  }

  /** Orders and looks one after the other, so that none sees another's half-way. */
  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }

  readonly #fault = (error: unknown): void => {
    if (!this.#closed) this.options.place.onFault(`node ${this.index} of the balancer: ${String(error)}`);
  };
}
