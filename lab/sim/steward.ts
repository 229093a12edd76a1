/** The steward in memory: the same steps as data, done to a model of the host. Mirrors commands/steward.ts order for order. */
import type { JournalEntry, JournalState } from "../../contract/host.js";
import type { Condition, HostPlan, HostStep, OrderName, StagedOrder } from "../../scripts/rollout/host-steps.js";
import type { LockRequest } from "../../scripts/rollout/ports.js";
import type { VirtualClock } from "./clock.js";
import { PowerLost, StepFailure, type SimMachine } from "./machine.js";

const TICK_MS = 200;
/** Without a reason of its own each abort would make an exception. */
const AWAKE = "awake";
/** Orders after which nothing is left to be undone. */
const ends: ReadonlySet<string> = new Set(["commit", "stop"]);

/** Nobody waits for it, and the next rollout tries again. */
function notDone(error: unknown): void {
  if (!(error instanceof PowerLost) && !(error instanceof StepFailure)) throw error;
}

export class SimSteward {
  readonly journal: JournalEntry[] = [];
  alive = true;
  plan: HostPlan | null;
  #orders: { name: OrderName; argument: string }[] = [];
  #sequence = 0;
  /** Names of steps, last first. */
  #todo: string[] = [];
  #ready = false;
  readonly #wasWantedBack: boolean;
  #heardMs: number;
  #argument = "";
  #ordered = new AbortController();

  constructor(
    readonly request: LockRequest,
    private readonly machine: SimMachine,
    private readonly clock: VirtualClock,
    /** The one whose run was under way when the machine went down: what it left is ended. @default - a run begins */
    before: SimSteward | null = null,
  ) {
    this.#heardMs = clock.now();
    this.plan = before?.plan ?? null;
    this.recovers = before !== null;
    for (const { sequence, state, detail } of before?.journal ?? []) this.#say(state, detail, sequence);
    this.#wasWantedBack = before?.isWantedBack ?? false;
    if (this.#wasWantedBack) this.#ready = false;
    // Of a handover the old container serves again after a boot, until the front is kept.
    if (this.recovers && this.#isHandedOver()) this.#ready = false;
    if (!before) this.#say("held", request.owner);
    void (before ? this.#recover() : this.#live()).catch((error: unknown) => {
      if (!(error instanceof PowerLost)) throw error;
      this.alive = false;
    });
  }

  /** The last replacement is a handover whose front is not kept yet. */
  #isHandedOver(): boolean {
    const last = this.#lastReplacement();
    return last.includes("old-on") && !last.includes("old-stay-down");
  }

  /** Names of the steps that were begun since. */
  #lastReplacement(): readonly string[] {
    const steps = this.journal.filter(({ state }) => state === "step").map(({ detail }) => detail);
    return steps.slice(steps.lastIndexOf("front-back"));
  }

  /** It ends what another one left unfinished, and nothing else. */
  readonly recovers: boolean;

  /** It has left, and nothing is left to be undone. */
  get settled(): boolean {
    return this.left && this.#todo.length === 0;
  }

  /** The lock is free. */
  get left(): boolean {
    return this.journal.at(-1)?.state === "left";
  }

  /** The machine it is on lost its power. */
  die(): void {
    this.alive = false;
    this.#ordered.abort(AWAKE);
  }

  /** The order that was given last. */
  get lastOrder(): OrderName | null {
    return this.#orders.at(-1)?.name ?? null;
  }

  /** The newest order, but for leaving, was to take back. */
  get isWantedBack(): boolean {
    const newest = this.#orders.findLast(({ name }) => name !== "leave");
    return newest ? newest.name === "undo" || newest.name === "retreat" : this.#wasWantedBack;
  }

  beat(): void {
    this.#heardMs = this.clock.now();
  }

  order(name: OrderName, argument: string): number {
    this.#ordered.abort(AWAKE);
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
      await this.machine.pause(TICK_MS);
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

  /** Whether it was done. */
  async #stage(name: StagedOrder): Promise<boolean> {
    try {
      for (const step of this.plan?.stages[name] ?? []) await this.#perform(step);
    } catch (error) {
      if (!(error instanceof StepFailure)) throw error;
      if (name !== "commit") await this.#takeBack();
      this.#say("failed", error.message);
      return false;
    }
    this.#say("done", name);
    return true;
  }

  async #perform({ name, run, until }: HostStep): Promise<void> {
    this.#say("step", name);
    if (run) await this.machine.perform(run, this.#argument);
    if (until) await this.#until(until);
  }

  async #until({ ready, timeoutSeconds, steadySeconds }: Condition): Promise<void> {
    const began = this.clock.now();
    let readyFrom: number | null = null;
    for (;;) {
      if (!(await this.machine.awaitDocker()) || !this.machine.isRunning(ready))
        throw new StepFailure("the container ended or restarted");
      if (!this.machine.isReady(ready)) readyFrom = null;
      else readyFrom ??= this.clock.now();
      if (readyFrom !== null && this.clock.now() - readyFrom >= steadySeconds * 1000) return;
      if (this.#orders.length > this.#sequence) throw new StepFailure("another order came before it was ready");
      if (this.clock.now() - began >= (timeoutSeconds + steadySeconds) * 1000)
        throw new StepFailure(`not ready within ${timeoutSeconds} s`);
      await this.machine.pause(TICK_MS);
    }
  }

  async #takeBack(): Promise<void> {
    for (const name of [...this.#todo]) {
      if (!(await this.#insist(() => this.#undo(name)))) break;
      this.#say("back", name);
    }
    this.#say("undone", this.#todo.length > 0 ? `except for ${this.#todo.join(" ")}` : "all");
  }

  async #lapse(): Promise<void> {
    this.#say("lapsed", `no heartbeat for ${this.request.leaseSeconds} s`, 0);
    await this.#settle();
    this.#leave();
  }

  async #undo(name: string): Promise<boolean> {
    const steps = Object.values(this.plan?.stages ?? {}).flat();
    const undo = steps.find((step) => step.name === name)?.undo;
    try {
      if (undo) await this.machine.perform(undo, this.#argument);
      return true;
    } catch (error) {
      if (!(error instanceof StepFailure)) throw error;
      return false;
    }
  }

  /** Docker may have been away: what did not work is tried once more when it answers. */
  async #insist(work: () => Promise<boolean>): Promise<boolean> {
    return (await work()) || ((await this.machine.awaitDocker()) && (await work()));
  }

  async #recover(): Promise<void> {
    this.#say("lapsed", "the host or its steward went down", 0);
    // The next boot tries again.
    if (await this.machine.awaitDocker()) {
      await this.#settle();
      this.#leave();
    } else {
      this.#say("undone", `except for ${this.#todo.join(" ")}: Docker does not answer`, 0);
      this.die();
    }
  }

  /** It is handed over, and nobody has wanted its new container kept yet. */
  #isUnjudged(): boolean {
    const last = this.#lastReplacement();
    return last.includes("old-on") && !last.includes("restart-on");
  }

  async #settle(): Promise<void> {
    if (this.#ready && !this.#isUnjudged()) await this.#insist(() => this.#stage("commit"));
    else if (this.#todo.length > 0) await this.#takeBack();
  }

  #leave(): void {
    const dismissal = this.plan?.dismissal;
    for (const slot of dismissal && this.#todo.length === 0 ? (["previous", "failed"] as const) : [])
      if (dismissal) void this.machine.dismiss({ ...dismissal, slot }).catch(notDone);
    this.#say("left", this.request.runId, 0);
    this.alive = false;
  }

  #say(state: JournalState, detail: string, sequence = this.#sequence): void {
    this.journal.push({ sequence, state, detail });
    this.#learn(state, detail);
  }

  /** What is left to be undone, and whether a new container is ready, follow from the journal alone. */
  #learn(state: JournalState, detail: string): void {
    if (state === "step" && detail !== "retreat") this.#todo.unshift(detail);
    if (state === "back") this.#todo = this.#todo.filter((name) => name !== detail);
    if (state === "back" || (state === "step" && detail === "retreat")) this.#ready = false;
    if (state === "done" && detail === "replace") this.#ready = true;
    if ((state === "done" && ends.has(detail)) || (state === "step" && detail === "retire")) {
      this.#todo = [];
      this.#ready = false;
    }
  }
}
