/** Requests through the balancer, again and again, so that the rollout knows what a client would see right now. */
import {
  areAsBefore,
  baselineOf,
  betterBaseline,
  clientsFailing,
  knownIn,
  pooled,
  untilNextMs,
  usualRounds,
  WINDOW_MS,
  windowFrom,
  windowMs,
  type Baseline,
  type Failing,
  type Hold,
  type Probed,
  type Round,
} from "./core/prober.js";
import type { Clock, WitnessReport } from "./ports.js";

/** Keeps its own requests apart from those that a gate counts: only these fill the window. */
export class Prober {
  #requests: readonly Probed[] = [];
  #baseline: Baseline | null = null;
  #rounds: readonly Round[] = [];
  #holds: readonly Hold[] = [];
  #holders = 0;
  readonly #underWay = new Set<Promise<void>>();

  /** @param send sends so many requests and tells what became of them */
  constructor(
    private readonly clock: Clock,
    private readonly send: (count: number) => Promise<WitnessReport>,
    private readonly judge: typeof clientsFailing = clientsFailing,
  ) {}

  /** A request every now and then, whether or not the one before has been answered: clients do not wait for one another. */
  async watch(end: AbortSignal): Promise<void> {
    for (let turn = 1; !end.aborted; turn += 1) {
      if (this.#holders === 0) this.#ask();
      await this.clock.sleep(untilNextMs(turn), end);
    }
    await this.#settled();
  }

  /** Null before the first one is taken. */
  get baseline(): Baseline | null {
    return this.#baseline;
  }

  /** Milliseconds that a window reaches back. */
  get windowMs(): number {
    return this.#baseline ? windowMs(this.#baseline) : WINDOW_MS;
  }

  /** Sends requests before any host leaves: later windows are held against all such rounds that show how requests fare. */
  async takeBaseline(count: number): Promise<Round> {
    this.#rounds = usualRounds([...this.#rounds, await this.send(count)]);
    const usual = pooled(this.#rounds);
    this.#baseline = baselineOf({ ...usual, slowestMs: Math.max(usual.slowestMs, this.#baseline?.slowestMs ?? 0) });
    return usual;
  }

  /** Sends requests once hosts have left: what fails more than before is no baseline. */
  async renewBaseline(count: number): Promise<void> {
    const anew = baselineOf(await this.send(count));
    this.#baseline = this.#baseline ? betterBaseline(this.#baseline, anew) : anew;
  }

  /**
   * Sends requests that count in the window, and waits for each. They are held against the baseline; without one each of them is to be answered,
   * as of all later ones.
   */
  async expectAnswers(count: number): Promise<void> {
    const { sent, answered, failures, slowestMs } = await this.send(count);
    const kept = this.#baseline ?? { sent, failed: 0, slowestMs };
    this.#baseline = { ...kept, slowestMs: Math.max(kept.slowestMs, slowestMs) };
    const nowMs = this.clock.now();
    const outcomes = [...Array.from({ length: answered }, () => null), ...failures];
    this.#requests = [...this.#requests, ...outcomes.map((failure) => ({ sentMs: nowMs, atMs: nowMs, failure }))];
  }

  /** What fails from now on may be the usual. */
  forgetBaseline(): void {
    this.#baseline = null;
    this.#rounds = [];
  }

  /**
   * Null while clients fare as before any host left, and where there is no baseline.
   * @param sinceMs only requests that were sent later count @default - all of the window do
   * @param leastShare of what was answered before that has to fail @default - a fifth
   */
  failing(sinceMs = -Infinity, leastShare?: number): Failing | null {
    const nowMs = this.clock.now();
    return this.#baseline && this.judge(this.#since(sinceMs), this.#baseline, nowMs, this.#windowFrom(), leastShare);
  }

  /** Whether no more requests fail than before any host left, of those that were sent since then. */
  areAsBefore(sinceMs: number): boolean {
    if (this.#baseline === null) return true;
    return areAsBefore(this.#since(sinceMs), this.#baseline, this.clock.now(), this.#windowFrom());
  }

  /** Of how many requests in the window it is known what became of them, of those that were sent since then. */
  known(sinceMs: number): number {
    if (this.#baseline === null) return 0;
    return knownIn(this.#since(sinceMs), this.#baseline, this.clock.now(), this.#windowFrom());
  }

  #since(sinceMs: number): Probed[] {
    return this.#requests.filter(({ sentMs }) => sentMs >= sinceMs);
  }

  /** Does work that counts requests while none of these is under way. What was known when it began stays known meanwhile. */
  async holding<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#holders === 0) this.#holds = [...this.#holds, { fromMs: this.clock.now(), toMs: Infinity }];
    this.#holders += 1;
    try {
      await this.#settled();
      return await work();
    } finally {
      this.#holders -= 1;
      if (this.#holders === 0) this.#endHold();
    }
  }

  #endHold(): void {
    const toMs = this.clock.now();
    this.#holds = this.#holds.map((hold) => (hold.toMs === Infinity ? { ...hold, toMs } : hold));
  }

  #ask(): void {
    const request: Probed = { sentMs: this.clock.now(), atMs: null, failure: null };
    this.#requests = [...this.#requests, request];
    const answered = this.send(1).then(({ failures }) => this.#note(request, failures[0] ?? null));
    const settled = answered.finally(() => this.#underWay.delete(settled));
    this.#underWay.add(settled);
  }

  #note(request: Probed, failure: string | null): void {
    const known: Probed = { ...request, atMs: this.clock.now(), failure };
    const fromMs = this.#windowFrom();
    this.#requests = this.#requests
      .map((one) => (one === request ? known : one))
      .filter(({ atMs }) => atMs === null || atMs > fromMs);
    this.#holds = this.#holds.filter(({ toMs }) => toMs > fromMs);
  }

  #windowFrom(): number {
    return windowFrom(this.clock.now(), this.#holds, this.windowMs);
  }

  async #settled(): Promise<void> {
    await Promise.all(this.#underWay);
  }
}
