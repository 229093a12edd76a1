/** One process of the app in memory: life cycle, probes, requests in flight. */
import type { Lifecycle } from "../../contract/host.js";
import { isPass } from "../model/balancer.js";
import type { VirtualClock } from "./clock.js";

/** Milliseconds until a client gives up a request that is never answered. */
export const HANG_MS = 10_000;

/** How the app of an image behaves. */
export interface Behaviour {
  /** Milliseconds from the start of the process to its first answer. */
  readonly startMs: number;
  /**
   * healthy · redirects: health path answers 301, which a balancer takes for healthy · sick: it answers 503 for ever · exits: ends after
   * `startMs` · deaf: listens on another port · errs: health and life cycle are as they should be, and every request is answered with 500 ·
   * hangs: as with errs, and no request is answered
   */
  readonly kind: "healthy" | "redirects" | "sick" | "exits" | "deaf" | "errs" | "hangs";
  /** Milliseconds from its first answer until it crashes. @default - never */
  readonly lifeMs?: number;
  /** Milliseconds from its first answer until its health path fails, while it says that it serves. @default - never */
  readonly healthyMs?: number;
  /** Refuses to take a drain back. @default false */
  readonly staysDrained?: boolean;
}

interface Probes {
  passed: number;
  failed: number;
  atMs: number;
}

export class SimApp {
  state: "starting" | "serving" | "draining" | "stopping" | "ended" = "starting";
  #inFlight = new Set<(ok: boolean) => void>();
  #probes = new Map<string, Probes>();
  #lastRequestMs: number | null = null;
  #witness = 0;
  #sick = false;

  constructor(
    readonly instance: string,
    readonly release: string,
    readonly behaviour: Behaviour,
    private readonly clock: VirtualClock,
  ) {
    clock.after(behaviour.startMs, () => {
      if (this.state !== "starting") return;
      if (behaviour.kind === "exits") this.kill();
      else this.state = "serving";
      if (behaviour.lifeMs !== undefined) clock.after(behaviour.lifeMs, () => this.kill());
      if (behaviour.healthyMs !== undefined) clock.after(behaviour.healthyMs, () => (this.#sick = true));
    });
  }

  /** Whether a connection to the service port is taken. */
  get listening(): boolean {
    return (this.state === "serving" || this.state === "draining") && this.behaviour.kind !== "deaf";
  }

  /** What the health path answers; null without an answer. */
  get health(): number | null {
    if (!this.listening) return null;
    if (this.state !== "serving" || this.#sick || this.behaviour.kind === "sick") return 503;
    return this.behaviour.kind === "redirects" ? 301 : 200;
  }

  /** What a request is answered; null without an answer. */
  get answer(): number | null {
    if (!this.listening) return null;
    if (this.behaviour.kind === "hangs") return null;
    return this.behaviour.kind === "errs" ? 500 : 200;
  }

  lifecycle(): Lifecycle | null {
    if (this.state === "starting" || this.state === "ended") return null;
    const now = this.clock.now();
    return {
      instance: this.instance,
      release: this.release,
      state: this.state,
      inFlight: this.#inFlight.size,
      upgraded: 0,
      probes: [...this.#probes].map(([source, { passed, failed, atMs }]) => ({
        source,
        passed,
        failed,
        agoMs: now - atMs,
      })),
      lastRequestAgoMs: this.#lastRequestMs === null ? null : now - this.#lastRequestMs,
      witnessRequests: this.#witness,
    };
  }

  /** One health request of a balancer's node; `true` when it passed. */
  probe(source: string): boolean {
    const health = this.health;
    if (health === null) return false;
    const seen = this.#probes.get(source) ?? { passed: 0, failed: 0, atMs: 0 };
    const passed = isPass(health);
    this.#probes.set(source, {
      passed: passed ? seen.passed + 1 : 0,
      failed: passed ? 0 : seen.failed + 1,
      atMs: this.clock.now(),
    });
    return passed;
  }

  /** Takes a request; `done` tells whether it was answered. */
  request(lengthMs: number, witness: boolean, done: (ok: boolean) => void): void {
    if (!this.listening) return done(false);
    if (witness) this.#witness += 1;
    else this.#lastRequestMs = this.clock.now();
    this.#inFlight.add(done);
    const { kind } = this.behaviour;
    this.clock.after(kind === "hangs" ? HANG_MS : lengthMs, () =>
      this.#finish(done, kind !== "errs" && kind !== "hangs"),
    );
  }

  drain(): void {
    if (this.state === "serving") this.state = "draining";
  }

  undrain(): boolean {
    if (this.behaviour.staysDrained) return false;
    if (this.state === "draining") this.state = "serving";
    return this.state === "serving";
  }

  /** SIGTERM: takes no more requests, and ends when the others are finished. */
  terminate(): void {
    if (this.state === "ended") return;
    this.state = this.#inFlight.size === 0 ? "ended" : "stopping";
  }

  /** SIGKILL: whatever is in flight is lost. */
  kill(): void {
    this.state = "ended";
    for (const done of [...this.#inFlight]) this.#finish(done, false);
  }

  #finish(done: (ok: boolean) => void, ok: boolean): void {
    if (!this.#inFlight.delete(done)) return;
    done(ok);
    if (this.state === "stopping" && this.#inFlight.size === 0) this.state = "ended";
  }
}
