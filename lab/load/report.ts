/** What a client saw: counts, failures with their moment, latencies a second. Pure. */
import type { FailureKind, UnsentReason } from "./accounting.js";

/** A request that was sent and did not go well. */
export interface Failure {
  /** Milliseconds from the start of the load to the moment when the request was due. */
  readonly atMs: number;
  readonly kind: FailureKind;
  readonly status: number | null;
  readonly path: string;
  /** Milliseconds from the due moment to the failure. */
  readonly ms: number;
}

export interface Second {
  /** Counted from the start of the load. */
  readonly second: number;
  readonly sent: number;
  readonly failed: number;
  /** Due and not sent. */
  readonly notMeasured: number;
  /** Of ordinary requests that went well; null without any. */
  readonly p50: number | null;
  readonly p99: number | null;
}

export interface LoadReport {
  /** `Date.now()` of the load's start. */
  readonly startedAtMs: number;
  readonly durationMs: number;
  /** Written to a connection that stood, or refused. At the end: {@link ok} + {@link failed}. */
  readonly sent: number;
  readonly ok: number;
  /** Sent and not answered well: lost. */
  readonly failed: number;
  /** Due and not sent: nobody knows how it would have ended, so it is neither good nor lost. */
  readonly notMeasured: number;
  /** All of them by reason; one that did not occur is left out. */
  readonly notMeasuredBy: Readonly<Partial<Record<UnsentReason, number>>>;
  /** The first of them; {@link failed} counts all. */
  readonly failures: readonly Failure[];
  /** All of them; a kind that did not occur is left out. */
  readonly failedByKind: Readonly<Partial<Record<FailureKind, number>>>;
  /** Good answers by the release that gave them, where it says so. */
  readonly byRelease: Readonly<Record<string, number>>;
  readonly perSecond: readonly Second[];
  /** Median of ordinary requests that went well, and what 99 of 100 and 999 of 1,000 of them took at most; null without any. */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly p999Ms: number | null;
  /** Longest ordinary request that went well. */
  readonly worstMs: number;
  /** Milliseconds that the generator itself was late, all together: without it the figures above would flatter. */
  readonly stalledMs: number;
  /** Longest single delay of the generator. */
  readonly longestStallMs: number;
  /** The load came to its own limits before it was stopped: what followed was not under load. */
  readonly endedEarly: boolean;
  /** Processor time of the generator. */
  readonly cpuMs: number;
}

/** Counts so far. */
export type Progress = Pick<LoadReport, "sent" | "ok" | "failed" | "notMeasured" | "byRelease">;

/** One request that was sent and has ended. */
export interface Outcome {
  /** Milliseconds from the start of the load to the moment when it was due. */
  readonly dueMs: number;
  readonly ms: number;
  readonly path: string;
  /** Slow on purpose: left out of latencies. */
  readonly slow: boolean;
  readonly release: string | null;
  /** Null when it went well. */
  readonly failure: Pick<Failure, "kind" | "status"> | null;
}

const MOST_FAILURES = 1000;

export class Recorder {
  readonly #sent = new Map<number, number>();
  readonly #failed = new Map<number, number>();
  readonly #notSent = new Map<number, number>();
  readonly #latencies = new Map<number, number[]>();
  readonly #failures: Failure[] = [];
  readonly #byRelease = new Map<string, number>();
  readonly #byKind = new Map<FailureKind, number>();
  readonly #byReason = new Map<UnsentReason, number>();
  #ok = 0;
  #bad = 0;
  #worstMs = 0;
  #stalledMs = 0;
  #longestStallMs = 0;

  sent(dueMs: number): void {
    add(this.#sent, second(dueMs));
  }

  /** It was due, and the generator did not send it. */
  notSent(dueMs: number, reason: UnsentReason): void {
    add(this.#notSent, second(dueMs));
    add(this.#byReason, reason);
  }

  /** The generator came later than planned. */
  stalled(ms: number): void {
    this.#stalledMs += ms;
    this.#longestStallMs = Math.max(this.#longestStallMs, ms);
  }

  finished({ dueMs, ms, path, slow, release, failure }: Outcome): void {
    if (failure) {
      this.#bad += 1;
      add(this.#failed, second(dueMs));
      add(this.#byKind, failure.kind);
      if (this.#failures.length < MOST_FAILURES)
        this.#failures.push({ atMs: round(dueMs), ms: round(ms), path, ...failure });
      return;
    }
    this.#ok += 1;
    if (release !== null) add(this.#byRelease, release);
    if (slow) return;
    this.#worstMs = Math.max(this.#worstMs, ms);
    const latencies = this.#latencies.get(second(dueMs));
    if (latencies) latencies.push(ms);
    else this.#latencies.set(second(dueMs), [ms]);
  }

  /** Counts so far. */
  progress(): Progress {
    return {
      ...{ sent: sum(this.#sent), ok: this.#ok, failed: this.#bad, notMeasured: sum(this.#notSent) },
      byRelease: Object.fromEntries(this.#byRelease),
    };
  }

  report(times: Pick<LoadReport, "startedAtMs" | "durationMs" | "cpuMs" | "endedEarly">): LoadReport {
    const latencies = [...this.#latencies.values()].flat().sort((a, b) => a - b);
    return {
      ...times,
      ...this.progress(),
      failures: this.#failures,
      failedByKind: Object.fromEntries(this.#byKind),
      notMeasuredBy: Object.fromEntries(this.#byReason),
      perSecond: this.#seconds().map((number) => this.#perSecond(number)),
      p50Ms: percentile(latencies, 0.5),
      p99Ms: percentile(latencies, 0.99),
      p999Ms: percentile(latencies, 0.999),
      worstMs: round(this.#worstMs),
      stalledMs: round(this.#stalledMs),
      longestStallMs: round(this.#longestStallMs),
    };
  }

  /** In which anything was due, in order. */
  #seconds(): number[] {
    return [...new Set([...this.#sent.keys(), ...this.#notSent.keys()])].sort((a, b) => a - b);
  }

  #perSecond(number: number): Second {
    const latencies = (this.#latencies.get(number) ?? []).sort((a, b) => a - b);
    return {
      second: number,
      sent: this.#sent.get(number) ?? 0,
      failed: this.#failed.get(number) ?? 0,
      notMeasured: this.#notSent.get(number) ?? 0,
      p50: percentile(latencies, 0.5),
      p99: percentile(latencies, 0.99),
    };
  }
}

/** Nearest rank. @param sorted smallest first */
export function percentile(sorted: readonly number[], share: number): number | null {
  const value = sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
  return value === undefined ? null : round(value);
}

const second = (ms: number): number => Math.floor(ms / 1000);
const round = (ms: number): number => Math.round(ms * 10) / 10;
const add = <Key>(counts: Map<Key, number>, key: Key): unknown => counts.set(key, (counts.get(key) ?? 0) + 1);
const sum = (counts: ReadonlyMap<number, number>): number =>
  [...counts.values()].reduce((total, count) => total + count, 0);
