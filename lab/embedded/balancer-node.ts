/** One node of the balancer: probes every target by itself, and sends requests to those that it holds for healthy. */
import { request } from "node:http";
import type { BalancerEntry, BalancerSettings, NodeCheck } from "../balancer-options.js";
import { isPass, newTarget, nextProbeAt, phaseOf, pick, probed, type Target } from "../model/balancer.js";
import type { Change } from "../site.js";

/** A droplet as the balancer knows it. */
export interface Member {
  readonly id: string;
  readonly name: string;
  readonly privateAddress: string;
  /** Real port behind a port of the private address; null where it is refused, undefined where nothing answers. */
  endpoint(port: number): Promise<number | null | undefined>;
  /** Told when a node is about to connect to a port of the private address, whatever comes of it. */
  connecting?(port: number, node: string): void;
  /** Told when a node got an answer from there. @param realPort what {@link endpoint} said */
  answered?(port: number, node: string, realPort: number, isGood: boolean): void;
}

/** What a droplet sees a node as, where this machine has only one address. */
const ONLY_ADDRESS = "127.0.0.1";
export const nodeAddress = (sourceAddress: string | undefined): string => sourceAddress ?? ONLY_ADDRESS;

export interface NodeSettings {
  readonly index: number;
  readonly count: number;
  readonly phaseSeconds: number | undefined;
  /** Address that the node connects from; undefined where this machine has only one. */
  readonly sourceAddress: string | undefined;
  readonly onChange: (change: Change) => void;
}

/** What a node goes by. */
type Going = Pick<BalancerSettings, "check" | "entries">;

interface Entry {
  readonly member: Member;
  state: Target;
  timer: NodeJS.Timeout | undefined;
}

export class BalancerNode {
  readonly #entries = new Map<string, Entry>();
  /** Ids of members that nothing arrives at which this node sends. */
  readonly #cutOff = new Set<string>();
  #last: string | null = null;

  constructor(
    private going: Going,
    readonly settings: NodeSettings,
  ) {}

  private get check(): NodeCheck {
    return this.going.check;
  }

  /** Port of the hosts that requests of an entry are sent to, as this node goes by. */
  targetPort({ entryPort, targetPort }: BalancerEntry): number {
    return this.going.entries.find((entry) => entry.entryPort === entryPort)?.targetPort ?? targetPort;
  }

  /** Members that are new start DOWN; those that are gone get no new requests. */
  sync(members: readonly Member[]): void {
    const ids = new Set(members.map((member) => member.id));
    for (const [id, entry] of this.#entries) {
      if (ids.has(id)) continue;
      clearTimeout(entry.timer);
      this.#entries.delete(id);
    }
    members.forEach((member, index) => {
      if (this.#entries.has(member.id)) return;
      this.#enter({ member, state: newTarget(), timer: undefined }, { index, count: members.length });
    });
  }

  /** Another check and other ports from now on; members keep their state and what was counted. */
  update(going: Going): void {
    this.going = going;
    const entries = [...this.#entries.values()];
    entries.forEach(({ member, state, timer }, index) => {
      clearTimeout(timer);
      this.#enter({ member, state, timer: undefined }, { index, count: entries.length });
    });
  }

  isUp(id: string): boolean {
    return this.#entries.get(id)?.state.up ?? false;
  }

  /**
   * Whose turn it is; null when nobody is up.
   * @param tried those that a connection could not be made to: they come last, as with HAProxy's `option redispatch`
   */
  next(tried: ReadonlySet<string> = new Set()): Member | null {
    const ids = [...this.#entries.keys()];
    const id =
      pick(ids, (one) => this.isUp(one) && !tried.has(one), this.#last) ??
      pick(ids, (one) => this.isUp(one), this.#last);
    if (id === null) return null;
    this.#last = id;
    const member = this.#entries.get(id)?.member;
    return member ? this.#reached(member) : null;
  }

  /** Whether nothing that it sends to a member arrives there. */
  cutOff(id: string, cut: boolean): void {
    if (cut) this.#cutOff.add(id);
    else this.#cutOff.delete(id);
  }

  stop(): void {
    this.sync([]);
  }

  /** As this node reaches it. */
  #reached(member: Member): Member {
    const { id, name, privateAddress } = member;
    return this.#cutOff.has(id) ? { id, name, privateAddress, endpoint: async () => undefined } : member;
  }

  /** Takes the place of an entry for the same member, which keeps its turn. */
  #enter(entry: Entry, place: { index: number; count: number }): void {
    this.#entries.set(entry.member.id, entry);
    this.#schedule(entry, place);
  }

  #schedule(entry: Entry, place: { index: number; count: number }): void {
    const { index, count, phaseSeconds } = this.settings;
    const intervalMs = this.check.intervalSeconds * 1000;
    const node = { index, count, phaseMs: phaseSeconds === undefined ? undefined : phaseSeconds * 1000 };
    const phaseMs = phaseOf(node, place, intervalMs);
    const tick = (probedMs: number): void => {
      // It may have left, or the check have changed, while a probe was on its way.
      if (this.#entries.get(entry.member.id) !== entry) return;
      const now = performance.now();
      // A timer may fire before its time: that moment has had its probe.
      const next = nextProbeAt({ intervalMs, phaseMs }, Math.max(now, probedMs));
      entry.timer = setTimeout(() => void this.#probe(entry).then(() => tick(next)), next - now);
    };
    tick(-Infinity);
  }

  async #probe(entry: Entry): Promise<void> {
    const passed = await this.#ask(this.#reached(entry.member));
    if (this.#entries.get(entry.member.id) !== entry) return;
    const before = entry.state;
    entry.state = probed(before, passed, this.check);
    if (entry.state.up !== before.up) this.#report(entry);
  }

  #report({ member, state }: Entry): void {
    const { index, onChange } = this.settings;
    onChange({ node: index, droplet: member.name, dropletId: member.id, up: state.up, atMs: Date.now() });
  }

  /** One request on a connection of its own; anything but an answer in time is a failed probe. */
  async #ask(member: Member): Promise<boolean> {
    const { check } = this;
    const { sourceAddress } = this.settings;
    const deadlineMs = check.timeoutSeconds * 1000;
    const port = await member.endpoint(check.port);
    if (port !== undefined) member.connecting?.(check.port, nodeAddress(sourceAddress));
    if (port === null) return false;
    if (port === undefined) return new Promise((settle) => setTimeout(settle, deadlineMs, false).unref());
    return new Promise((settle) => {
      const probe = request({
        ...{ host: "127.0.0.1", port, path: check.path, agent: false },
        ...(sourceAddress === undefined ? {} : { localAddress: sourceAddress }),
        headers: { host: member.privateAddress },
      });
      const late = setTimeout(() => probe.destroy(), deadlineMs);
      probe.once("response", (reply) => {
        reply.resume();
        const passed = isPass(reply.statusCode ?? 0);
        member.answered?.(check.port, nodeAddress(sourceAddress), port, passed);
        settle(passed);
      });
      probe.on("error", () => settle(false));
      probe.once("close", () => {
        clearTimeout(late);
        settle(false);
      });
      probe.end();
    });
  }
}
