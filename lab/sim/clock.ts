/** A clock that stands still until everything that could happen now has happened, then jumps to the next moment. */
import { setMaxListeners } from "node:events";
import type { Clock } from "../../scripts/rollout/ports.js";

interface Moment {
  readonly atMs: number;
  readonly order: number;
  /** `true` when somebody waits for a promise that this settles. */
  readonly wakes: boolean;
  readonly happen: () => void;
}

/** Raised when a piece of work can never end: nothing is left that could happen. */
export class NothingLeft extends Error {}

export class VirtualClock implements Clock {
  #now = 0;
  #order = 0;
  readonly #moments: Moment[] = [];

  now(): number {
    return this.#now;
  }

  date(): Date {
    return new Date(this.#now);
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    if (!signal) return new Promise((resolve) => this.#push(milliseconds, true, resolve));
    if (signal.aborted) return Promise.resolve();
    setMaxListeners(0, signal);
    return new Promise((resolve) => {
      const wake = (): void => {
        signal.removeEventListener("abort", wake);
        resolve();
      };
      this.#push(milliseconds, true, wake);
      signal.addEventListener("abort", wake);
    });
  }

  /** Lets something happen later; it must be synchronous. */
  after(milliseconds: number, happen: () => void): void {
    this.#push(milliseconds, false, happen);
  }

  /** Lets time pass until `work` has ended, for `limitMs` at most. */
  async run<Result>(work: Promise<Result>, limitMs: number): Promise<Result> {
    const state = { ended: false };
    const watched = work.finally(() => (state.ended = true));
    watched.catch(() => undefined);
    for (;;) {
      // After all promises that are settled by now, and without a turn of the event loop, which would cost more than all else.
      await new Promise<void>((resolve) => process.nextTick(resolve));
      if (state.ended) return watched;
      this.#advance(limitMs);
    }
  }

  /** Lets model events happen until one wakes somebody. */
  #advance(limitMs: number): void {
    for (;;) {
      const moment = this.#pop();
      if (!moment) throw new NothingLeft("the work waits for something that never happens");
      if (moment.atMs > limitMs) throw new NothingLeft(`the work has not ended after ${limitMs / 1000} s`);
      this.#now = moment.atMs;
      moment.happen();
      if (moment.wakes) return;
    }
  }

  #push(milliseconds: number, wakes: boolean, happen: () => void): void {
    this.#order += 1;
    const moment = { atMs: this.#now + Math.max(0, milliseconds), order: this.#order, wakes, happen };
    const heap = this.#moments;
    let index = heap.push(moment) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!before(moment, heap[parent])) break;
      heap[index] = heap[parent] as Moment;
      index = parent;
    }
    heap[index] = moment;
  }

  #pop(): Moment | undefined {
    const heap = this.#moments;
    const top = heap[0];
    const last = heap.pop();
    if (heap.length === 0 || !last) return top;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (before(heap[child + 1], heap[child])) child += 1;
      if (!before(heap[child], last)) break;
      heap[index] = heap[child] as Moment;
      index = child;
    }
    heap[index] = last;
    return top;
  }
}

const before = (a: Moment | undefined, b: Moment | undefined): boolean =>
  a !== undefined && (b === undefined || a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order));
