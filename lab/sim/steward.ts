/** The steward in memory: the same steps as data, done to a model of the host. Mirrors commands/steward.ts order for order. */
import type { JournalEntry, JournalState } from "../../contract/host.js";
import type {
  Condition,
  HostPlan,
  HostStep,
  Operation,
  OrderName,
  StagedOrder,
} from "../../scripts/rollout/host-steps.js";
import type { LockRequest } from "../../scripts/rollout/ports.js";
import type { VirtualClock } from "./clock.js";
import { StepFailure, type SimMachine } from "./machine.js";

const TICK_MS = 200;

export class SimSteward {
  readonly journal: JournalEntry[] = [];
  alive = true;
  plan: HostPlan | null = null;
  #orders: { name: OrderName; argument: string }[] = [];
  #sequence = 0;
  #todo: Operation[] = [];
  #ready = false;
  #heardMs: number;
  #argument = "";
  #ordered = new AbortController();

  constructor(
    readonly request: LockRequest,
    private readonly machine: SimMachine,
    private readonly clock: VirtualClock,
  ) {
    this.#heardMs = clock.now();
    this.#say("held", request.owner);
    void this.#live();
  }

  /** The order that was given last. */
  get lastOrder(): OrderName | null {
    return this.#orders.at(-1)?.name ?? null;
  }

  beat(): void {
    this.#heardMs = this.clock.now();
  }

  order(name: OrderName, argument: string): number {
    this.#ordered.abort();
    return this.#orders.push({ name, argument });
  }

  /** The script looks every tick; asleep until an order or the end of the lease, this one wakes at the tick that would matter. */
  async #live(): Promise<void> {
    while (this.alive) {
      if (this.#orders.length === this.#sequence) {
        this.#ordered = new AbortController();
        await this.clock.sleep(
          this.#heardMs + this.request.leaseSeconds * 1000 - this.clock.now(),
          this.#ordered.signal,
        );
      }
      await this.clock.sleep(TICK_MS);
      const order = this.#orders[this.#sequence];
      if (order) {
        this.#sequence += 1;
        this.#argument = order.argument;
        await this.#obey(order.name);
        this.beat();
      } else if (this.clock.now() - this.#heardMs >= this.request.leaseSeconds * 1000) {
        await this.#lapse();
      }
    }
  }

  async #obey(name: OrderName): Promise<void> {
    if (name === "undo") {
      await this.#takeBack();
      this.#say("done", name);
    } else if (name === "leave") {
      await this.#settle();
      this.#say("done", name);
      this.#leave();
    } else if (name === "retreat" && !this.#ready) {
      this.#say("failed", "there is no new container to retreat from");
    } else {
      await this.#stage(name);
    }
  }

  async #stage(name: StagedOrder): Promise<void> {
    try {
      for (const step of this.plan?.stages[name] ?? []) await this.#perform(step);
    } catch (error) {
      if (!(error instanceof StepFailure)) throw error;
      if (name !== "commit") await this.#takeBack();
      this.#say("failed", error.message);
      return;
    }
    if (name === "replace") this.#ready = true;
    if (name === "retreat") this.#ready = false;
    if (name === "smoke" || name === "commit" || name === "stop") {
      this.#todo = [];
      this.#ready = false;
    }
    this.#say("done", name);
  }

  async #perform({ name, run, undo, until }: HostStep): Promise<void> {
    if (undo) this.#todo.unshift(undo);
    this.#say("step", name);
    if (run) await this.machine.perform(run, this.#argument);
    if (until) await this.#until(until);
  }

  async #until({ ready, release, timeoutSeconds, steadySeconds }: Condition): Promise<void> {
    const began = this.clock.now();
    let readyFrom: number | null = null;
    for (;;) {
      if (!this.machine.isRunning(ready)) throw new StepFailure("the container ended or restarted");
      if (!this.machine.isReady(ready, release)) readyFrom = null;
      else readyFrom ??= this.clock.now();
      if (readyFrom !== null && this.clock.now() - readyFrom >= steadySeconds * 1000) return;
      if (this.clock.now() - began >= (timeoutSeconds + steadySeconds) * 1000)
        throw new StepFailure(`not ready within ${timeoutSeconds} s`);
      await this.clock.sleep(TICK_MS);
    }
  }

  async #takeBack(): Promise<void> {
    const stuck: string[] = [];
    for (const operation of this.#todo) {
      try {
        await this.machine.perform(operation, this.#argument);
      } catch (error) {
        if (!(error instanceof StepFailure)) throw error;
        stuck.push(error.message);
      }
    }
    this.#todo = [];
    this.#ready = false;
    this.#say("undone", stuck.length > 0 ? `except for ${stuck.join(", ")}` : "all");
  }

  async #lapse(): Promise<void> {
    this.#say("lapsed", `no heartbeat for ${this.request.leaseSeconds} s`, 0);
    await this.#settle();
    this.#leave();
  }

  async #settle(): Promise<void> {
    if (this.#ready) await this.#stage("commit");
    else if (this.#todo.length > 0) await this.#takeBack();
  }

  #leave(): void {
    this.#say("left", this.request.runId, 0);
    this.alive = false;
  }

  #say(state: JournalState, detail: string, sequence = this.#sequence): void {
    this.journal.push({ sequence, state, detail });
  }
}
