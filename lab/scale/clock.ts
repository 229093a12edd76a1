/** The simulation's clock on real time: its machines then answer a rollout that is a process of its own. */
import { VirtualClock } from "../sim/clock.js";

export class RealClock extends VirtualClock {
  readonly #timers = new Set<NodeJS.Timeout>();

  override now(): number {
    return performance.now();
  }

  override date(): Date {
    return new Date();
  }

  override sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const wake = (): void => {
        signal?.removeEventListener("abort", wake);
        this.#cancel(timer);
        resolve();
      };
      const timer = this.#set(milliseconds, wake);
      signal?.addEventListener("abort", wake);
    });
  }

  override after(milliseconds: number, happen: () => void): void {
    this.#set(milliseconds, happen);
  }

  /** Nothing happens any more: who sleeps is not woken. */
  stop(): void {
    for (const timer of [...this.#timers]) this.#cancel(timer);
  }

  /** Never early, as Node's timers may be by two roundings: who reckons the next moment from now would find the same one again. */
  #set(milliseconds: number, happen: () => void): NodeJS.Timeout {
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        happen();
      },
      Math.ceil(milliseconds) + 1,
    );
    this.#timers.add(timer);
    return timer;
  }

  #cancel(timer: NodeJS.Timeout): void {
    clearTimeout(timer);
    this.#timers.delete(timer);
  }
}
