/** The life of one process, as the rollout reads it from `GET /lifecycle`. */
import { randomUUID } from "node:crypto";
import { performance } from "node:perf_hooks";
import { Connections } from "./connections.ts";
import { ProbeLog } from "./probes.ts";
import type { ProbeSource } from "./probes.ts";

/** serving: health 200 · draining: health 503, requests still served · stopping: only what is in flight is still served. */
export type State = "serving" | "draining" | "stopping";

/** Answer of `GET /lifecycle`. Ages instead of times, so that no two machines' clocks are compared. */
export interface Lifecycle {
  /** Changes with every start of the process. */
  readonly instance: string;
  readonly release: string;
  readonly state: State;
  /** Requests accepted and not finished, witness requests among them, probes and upgraded connections left out. */
  readonly inFlight: number;
  /** Upgraded connections still open. */
  readonly upgraded: number;
  readonly probes: readonly ProbeSource[];
  /** Whole milliseconds since the last ordinary request arrived, witness requests left out; null before the first. */
  readonly lastRequestAgoMs: number | null;
  /** Witness requests that arrived since the process started. */
  readonly witnessRequests: number;
}

/** State and counters of one process. */
export class Life {
  readonly instance = randomUUID();
  readonly release: string;
  readonly connections = new Connections();
  readonly #probes = new ProbeLog();
  readonly #now: () => number;
  #state: State = "serving";
  #lastRequestAt: number | undefined;
  #witnessRequests = 0;

  /** @param now milliseconds of a clock that never jumps @default - the process's monotonic clock */
  constructor(release: string, now: () => number = () => performance.now()) {
    this.release = release;
    this.#now = now;
  }

  get state(): State {
    return this.#state;
  }

  /** Turns health to 503. `false` when it was already. */
  drain(): boolean {
    if (this.#state !== "serving") return false;
    this.#state = "draining";
    return true;
  }

  /** Turns health back to 200. `false` unless draining: a process that stops cannot come back. */
  undrain(): boolean {
    if (this.#state !== "draining") return false;
    this.#state = "serving";
    return true;
  }

  stop(): void {
    this.#state = "stopping";
  }

  /** A probe was answered. */
  probed(source: string, passed: boolean): void {
    this.#probes.record(source, passed, this.#now());
  }

  /** A request other than a probe arrived. */
  requested(witness: boolean): void {
    if (witness) this.#witnessRequests += 1;
    else this.#lastRequestAt = this.#now();
  }

  /** What `GET /lifecycle` answers. */
  report(): Lifecycle {
    const now = this.#now();
    return {
      instance: this.instance,
      release: this.release,
      state: this.#state,
      inFlight: this.connections.inFlight,
      upgraded: this.connections.upgraded,
      probes: this.#probes.list(now),
      lastRequestAgoMs: this.#lastRequestAt === undefined ? null : Math.round(now - this.#lastRequestAt),
      witnessRequests: this.#witnessRequests,
    };
  }
}
