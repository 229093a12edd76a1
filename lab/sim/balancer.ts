/** The balancer in memory: nodes with probe phases of their own, health as lab/model has it, an open load through it. */
import type { ObservedCheck } from "../../contract/policy.js";
import type { FrontPorts } from "../../scripts/rollout/core/target.js";
import { isPass, newTarget, nextProbeAt, phaseOf, probed, type Target } from "../model/balancer.js";
import type { VirtualClock } from "./clock.js";
import { HANG_MS, type SimApp } from "./app.js";
import type { SimMachine } from "./machine.js";

/**
 * What keeps a balancer from a host. link: neither probes nor requests arrive · probes: a firewall drops the probes and lets requests
 * pass · tag: the host is no member any more, and comes back as a new one · requests: a firewall drops the requests and lets probes pass, so
 * that no probe shows it
 */
export const barrierKinds = ["link", "probes", "tag", "requests"] as const;
export type BarrierKind = (typeof barrierKinds)[number];

/** Milliseconds until the balancer gives up a request whose packets are dropped. */
export const GIVE_UP_MS = 1000;
/** Why a request failed that its client gave up. */
export const NO_ANSWER = "timeout";

interface Obstacle {
  readonly kind: Exclude<BarrierKind, "tag">;
  /** What becomes of a request whose packets are dropped. */
  readonly fate: { readonly afterMs: number; readonly reason: string };
}

/** One request's fate, for the one who sent it. */
export type Done = (ok: boolean, reason: string, machine: SimMachine | null) => void;

export interface RotationWatcher {
  /** A node's view of a host changed. */
  rotated(machine: SimMachine, up: boolean): void;
}

/** Nodes that take a change of ports in late. */
export interface Late {
  readonly before: FrontPorts;
  /** Until when, node by node, on the simulation's clock. */
  readonly untilMs: readonly number[];
}

interface Node {
  readonly index: number;
  readonly phaseMs: number;
  readonly source: string;
  readonly targets: Map<SimMachine, Target>;
  /** Hosts that this node probes whenever they are members. */
  readonly scheduled: Set<SimMachine>;
  /** Apps that it keeps a connection to. */
  readonly kept: Map<SimMachine, SimApp>;
  /** What lies before hosts that its packets do not reach, or only some of them do. */
  readonly barriers: Map<SimMachine, readonly Obstacle[]>;
  turn: number;
}

export class SimBalancer {
  readonly #nodes: Node[];
  #connections = 0;
  /** How many have taken its tag from a host. */
  readonly #untagged = new Map<SimMachine, number>();

  constructor(
    private readonly check: ObservedCheck,
    phasesMs: readonly number[],
    private readonly clock: VirtualClock,
    private readonly watcher: RotationWatcher,
    private readonly late: Late | null = null,
    /** Whether nodes keep a connection to each host for further requests. */
    private readonly keeps = false,
  ) {
    this.#nodes = phasesMs.map((phaseMs, index) => ({
      ...{ index, phaseMs, source: `10.0.0.${index + 1}` },
      targets: new Map(),
      scheduled: new Set(),
      kept: new Map(),
      barriers: new Map(),
      turn: 0,
    }));
  }

  /** A new member starts down; `up` is for hosts that served before the simulation began. */
  add(machine: SimMachine, up: boolean): void {
    for (const node of this.#nodes) {
      let target = newTarget();
      for (let passed = 0; up && passed < this.check.healthyThreshold; passed += 1) {
        target = probed(target, this.#ask(node, machine), thresholds(this.check));
      }
      if (!node.scheduled.has(machine)) this.#schedule(node, machine, node.scheduled.size);
      node.targets.set(machine, target);
    }
  }

  /**
   * Puts something between the balancer and a host.
   * @param hangs whether the balancer never gives up a request whose packets are dropped, so that its client has to
   * @param only index of the one node that it is put before @default - all of them
   * @returns takes it away again, and nothing else that lies there
   */
  obstruct(machine: SimMachine, kind: BarrierKind, hangs: boolean, only?: number): () => void {
    if (kind === "tag") return this.#untag(machine);
    const fate = hangs ? { afterMs: HANG_MS, reason: NO_ANSWER } : { afterMs: GIVE_UP_MS, reason: "503" };
    const obstacle: Obstacle = { kind, fate };
    const nodes = this.#nodesOf(only);
    for (const { barriers } of nodes) barriers.set(machine, [...(barriers.get(machine) ?? []), obstacle]);
    return () => {
      for (const { barriers } of nodes)
        barriers.set(
          machine,
          (barriers.get(machine) ?? []).filter((one) => one !== obstacle),
        );
    };
  }

  #untag(machine: SimMachine): () => void {
    const count = (): number => this.#untagged.get(machine) ?? 0;
    this.#untagged.set(machine, count() + 1);
    this.remove(machine);
    return () => {
      this.#untagged.set(machine, count() - 1);
      if (count() === 0) this.add(machine, false);
    };
  }

  #nodesOf(only: number | undefined): Node[] {
    return only === undefined ? this.#nodes : this.#nodes.filter(({ index }) => index === only % this.#nodes.length);
  }

  /** A member that is gone gets no new requests. */
  remove(machine: SimMachine): void {
    for (const node of this.#nodes) node.targets.delete(machine);
  }

  /** Whether anybody gets requests at all. */
  get anyUp(): boolean {
    return this.#nodes.some((node) => [...node.targets.values()].some((target) => target.up));
  }

  /** Whether any node sends requests to the host. */
  mayReach(machine: SimMachine): boolean {
    return this.#nodes.some((node) => node.targets.get(machine)?.up === true);
  }

  /** Whether every node sends requests to the host. */
  isUp(machine: SimMachine): boolean {
    return this.#nodes.every((node) => node.targets.get(machine)?.up === true);
  }

  /** One request of a client on a connection of its own; nodes take connections in turn. */
  request(lengthMs: number, done: Done): void {
    const node = this.#nodes[this.#connections % this.#nodes.length];
    this.#connections += 1;
    const machine = node ? this.#pick(node) : undefined;
    if (!node || !machine?.serving) return done(false, "503", machine ?? null);
    const sentMs = this.clock.now();
    const cut = (): Obstacle | null => obstacleOf(node.barriers.get(machine), ["link", "requests"]);
    const lose = ({ fate: { afterMs, reason } }: Obstacle): void =>
      this.clock.after(sentMs + afterMs - this.clock.now(), () => done(false, reason, machine));
    const before = cut();
    if (before) return lose(before);
    const app = this.#keptApp(node, machine) ?? this.#connected(node, machine);
    if (!app?.listening) return done(false, "refused", machine);
    app.request(lengthMs, (ok) => {
      if (app.letsGo) forget(node, machine, app);
      const meanwhile = cut();
      if (ok && meanwhile) return lose(meanwhile);
      // Clients are answered again, whichever node they come by: whatever fails from now on has another reason.
      if (ok && app === machine.serving && this.isUp(machine)) machine.struck = false;
      done(ok, ok ? "" : whyFailed(app), machine);
    });
  }

  /** A connection that its app has closed is not asked on. */
  #keptApp({ kept }: Node, machine: SimMachine): SimApp | undefined {
    const app = kept.get(machine);
    return app?.listening ? app : undefined;
  }

  #connected(node: Node, machine: SimMachine): SimApp | null {
    const port = this.#portsOf(node, machine).service;
    machine.noteConnection(port, node.source);
    const app = machine.at(port);
    if (this.keeps && app?.listening && !app.letsGo) {
      node.kept.set(machine, app);
      app.kept += 1;
    }
    return app;
  }

  #pick(node: Node): SimMachine | undefined {
    const up = [...node.targets].filter(([, target]) => target.up).map(([machine]) => machine);
    node.turn += 1;
    return up[node.turn % up.length];
  }

  #schedule(node: Node, machine: SimMachine, place: number): void {
    node.scheduled.add(machine);
    const intervalMs = this.check.checkIntervalSeconds * 1000;
    const ofNode = { index: node.index, count: this.#nodes.length, phaseMs: node.phaseMs };
    const phaseMs = phaseOf(ofNode, { index: place, count: place + 1 }, intervalMs);
    const tick = (): void => {
      const now = this.clock.now();
      this.clock.after(nextProbeAt({ intervalMs, phaseMs }, now) - now, () => {
        if (node.targets.has(machine)) this.#probe(node, machine);
        tick();
      });
    };
    tick();
  }

  /** One health request that arrives; `true` when it passed. */
  #ask(node: Node, machine: SimMachine): boolean {
    const port = this.#portsOf(node, machine).check;
    machine.noteConnection(port, node.source);
    const health = machine.at(port)?.health ?? null;
    const passed = isPass(health ?? 0);
    if (health !== null) machine.noteAnswer(port, node.source, passed);
    return passed;
  }

  /** A node that is late still goes to the ports before the change. */
  #portsOf({ index }: Node, machine: SimMachine): { service: number; check: number } {
    const untilMs = this.late?.untilMs[index] ?? -Infinity;
    const { services, checks } = this.late && this.clock.now() < untilMs ? this.late.before : machine.ports;
    const [service = 0] = services;
    return { service, check: checks[0] ?? service };
  }

  #probe(node: Node, machine: SimMachine): void {
    const target = node.targets.get(machine) ?? newTarget();
    const arrives = obstacleOf(node.barriers.get(machine), ["link", "probes"]) === null;
    const next = probed(target, arrives && this.#ask(node, machine), thresholds(this.check));
    node.targets.set(machine, next);
    if (next.up !== target.up) this.watcher.rotated(machine, next.up);
  }
}

function forget({ kept }: Node, machine: SimMachine, app: SimApp): void {
  if (kept.get(machine) !== app) return;
  kept.delete(machine);
  app.kept -= 1;
}

/** Null where nothing of these kinds is in the way. */
const obstacleOf = (obstacles: readonly Obstacle[] = [], kinds: readonly BarrierKind[]): Obstacle | null =>
  obstacles.find(({ kind }) => kinds.includes(kind)) ?? null;

function whyFailed({ behaviour }: SimApp): string {
  if (behaviour.kind === "hangs") return NO_ANSWER;
  return behaviour.kind === "errs" ? "500" : "reset";
}

const thresholds = (check: ObservedCheck) => ({ fall: check.unhealthyThreshold, rise: check.healthyThreshold });
