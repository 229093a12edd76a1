/** The evidence that the balancer's health checks leave: per source, how they went lately. */

/** Probes of one source: a node of the balancer. */
export interface ProbeSource {
  readonly source: string;
  /** Consecutive passed probes, 0 after a failed one. */
  readonly passed: number;
  /** Consecutive failed probes, 0 after a passed one. */
  readonly failed: number;
  /** Whole milliseconds since the last probe was answered. */
  readonly agoMs: number;
}

interface Run {
  readonly passed: number;
  readonly failed: number;
  readonly at: number;
}

/** A balancer has a handful of nodes; the limits only keep strangers from filling the memory. */
const MOST_SOURCES = 256;
const LONGEST_SILENCE_MS = 3_600_000;

/** Counts probes by source. `now` is in milliseconds of a clock that never jumps. */
export class ProbeLog {
  /** In the order of the last probe, so that the first is the one silent for longest. */
  readonly #runs = new Map<string, Run>();

  record(source: string, passed: boolean, now: number): void {
    const before = this.#runs.get(source);
    this.#runs.delete(source);
    this.#runs.set(source, {
      passed: passed ? (before?.passed ?? 0) + 1 : 0,
      failed: passed ? 0 : (before?.failed ?? 0) + 1,
      at: now,
    });
    this.#forget(now);
  }

  list(now: number): ProbeSource[] {
    this.#forget(now);
    return [...this.#runs].map(([source, { passed, failed, at }]) => ({
      source,
      passed,
      failed,
      agoMs: Math.round(now - at),
    }));
  }

  #forget(now: number): void {
    for (const [source, { at }] of this.#runs) {
      if (this.#runs.size <= MOST_SOURCES && now - at <= LONGEST_SILENCE_MS) return;
      this.#runs.delete(source);
    }
  }
}
