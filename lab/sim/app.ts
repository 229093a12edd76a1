/** One process of the app in memory: life cycle, probes, requests in flight. */
import type { VirtualClock } from "./clock.js";

/** Milliseconds until a client gives up a request that is never answered. */
export const HANG_MS = 10_000;

/** How the app of an image behaves. */
export interface Behaviour {
  /** Milliseconds from the start of the process to its first answer. */
  readonly startMs: number;
  /**
   * healthy · redirects: health path answers 301, which a balancer takes for healthy · sick: it answers 503 for ever · exits: ends after
   * `startMs` · deaf: listens on another port · errs: the health path is as it should be, and every request is answered with 500 ·
   * hangs: as with errs, and no request is answered
   */
  readonly kind: "healthy" | "redirects" | "sick" | "exits" | "deaf" | "errs" | "hangs";
  /** Milliseconds from its first answer until it crashes. @default - never */
  readonly lifeMs?: number;
  /** Milliseconds from its first answer until its health path fails. @default - never */
  readonly healthyMs?: number;
  /** Milliseconds from its first answer until it answers requests with 500, and its health path as before. @default - never */
  readonly servesMs?: number;
  /** Whether it keeps connections although it was asked to let go of them. @default false */
  readonly holdsOn?: boolean;
}

export class SimApp {
  state: "starting" | "serving" | "stopping" | "ended" = "starting";
  /** Connections that nodes of the balancer keep to it. */
  kept = 0;
  /** It closes each connection with its next answer there. */
  letsGo = false;
  #inFlight = new Set<(ok: boolean) => void>();
  #sick = false;
  #errs = false;

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
      if (behaviour.servesMs !== undefined) clock.after(behaviour.servesMs, () => (this.#errs = true));
      if (behaviour.healthyMs !== undefined) clock.after(behaviour.healthyMs, () => (this.#sick = true));
    });
  }

  /** Whether a connection to the service port is taken. */
  get listening(): boolean {
    return this.state === "serving" && this.behaviour.kind !== "deaf";
  }

  /** What the health path answers; null without an answer. */
  get health(): number | null {
    if (!this.listening) return null;
    if (this.#sick || this.behaviour.kind === "sick") return 503;
    return this.behaviour.kind === "redirects" ? 301 : 200;
  }

  /** What a request is answered; null without an answer. */
  get answer(): number | null {
    if (!this.listening) return null;
    if (this.behaviour.kind === "hangs") return null;
    return this.behaviour.kind === "errs" || this.#errs ? 500 : 200;
  }

  /** Requests that are not answered yet, and connections that are kept for further ones. */
  get open(): number {
    return this.#inFlight.size + this.kept;
  }

  /** Takes a request; `done` tells whether it was answered. */
  request(lengthMs: number, done: (ok: boolean) => void): void {
    if (!this.listening) return done(false);
    this.#inFlight.add(done);
    const { kind } = this.behaviour;
    this.clock.after(kind === "hangs" ? HANG_MS : lengthMs, () =>
      this.#finish(done, kind !== "errs" && kind !== "hangs" && !this.#errs),
    );
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
