/** The balancer in memory: nodes with probe phases of their own, health as lab/model has it, an open load through it. */
import type { ObservedCheck } from "../../contract/policy.js";
import { newTarget, nextProbeAt, phaseOf, probed, type Target } from "../model/balancer.js";
import type { VirtualClock } from "./clock.js";
import type { SimMachine } from "./machine.js";

/** One request's fate, for the one who sent it. */
export type Done = (ok: boolean, reason: string, machine: SimMachine | null) => void;

export interface RotationWatcher {
  /** A node's view of a host changed. */
  rotated(machine: SimMachine, up: boolean): void;
}

interface Node {
  readonly index: number;
  readonly phaseMs: number;
  readonly source: string;
  readonly targets: Map<SimMachine, Target>;
  turn: number;
}

export class SimBalancer {
  readonly #nodes: Node[];
  #connections = 0;

  constructor(
    private readonly check: ObservedCheck,
    phasesMs: readonly number[],
    private readonly clock: VirtualClock,
    private readonly watcher: RotationWatcher,
  ) {
    this.#nodes = phasesMs.map((phaseMs, index) => ({
      ...{ index, phaseMs, source: `10.0.0.${index + 1}` },
      targets: new Map(),
      turn: 0,
    }));
  }

  /** A new member starts down; `up` is for hosts that served before the simulation began. */
  add(machine: SimMachine, up: boolean): void {
    for (const node of this.#nodes) {
      let target = newTarget();
      for (let passed = 0; up && passed < this.check.healthyThreshold; passed += 1) {
        target = probed(target, machine.serving?.probe(node.source) ?? false, thresholds(this.check));
      }
      if (!node.targets.has(machine)) this.#schedule(node, machine, node.targets.size);
      node.targets.set(machine, target);
    }
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
  request(lengthMs: number, witness: boolean, done: Done): void {
    const node = this.#nodes[this.#connections % this.#nodes.length];
    this.#connections += 1;
    const machine = node ? this.#pick(node) : undefined;
    const app = machine?.serving;
    if (!machine || !app) return done(false, "503", machine ?? null);
    if (!app.listening) return done(false, "refused", machine);
    app.request(lengthMs, witness, (ok) => {
      // Clients are answered again: whatever fails from now on has another reason.
      if (ok && app === machine.serving) machine.struck = false;
      done(ok, ok ? "" : "reset", machine);
    });
  }

  #pick(node: Node): SimMachine | undefined {
    const up = [...node.targets].filter(([, target]) => target.up).map(([machine]) => machine);
    node.turn += 1;
    return up[node.turn % up.length];
  }

  #schedule(node: Node, machine: SimMachine, place: number): void {
    const intervalMs = this.check.checkIntervalSeconds * 1000;
    const ofNode = { index: node.index, count: this.#nodes.length, phaseMs: node.phaseMs };
    const phaseMs = phaseOf(ofNode, { index: place, count: place + 1 }, intervalMs);
    const tick = (): void => {
      const now = this.clock.now();
      this.clock.after(nextProbeAt({ intervalMs, phaseMs }, now) - now, () => {
        if (!node.targets.has(machine)) return;
        this.#probe(node, machine);
        tick();
      });
    };
    tick();
  }

  #probe(node: Node, machine: SimMachine): void {
    const target = node.targets.get(machine) ?? newTarget();
    const next = probed(target, machine.serving?.probe(node.source) ?? false, thresholds(this.check));
    node.targets.set(machine, next);
    if (next.up !== target.up) this.watcher.rotated(machine, next.up);
  }
}

const thresholds = (check: ObservedCheck) => ({ fall: check.unhealthyThreshold, rise: check.healthyThreshold });
