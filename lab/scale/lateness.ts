/** How late this process is with what is due: the simulated fleet's own share in the times that are measured. */
import { monitorEventLoopDelay } from "node:perf_hooks";

/** Time between two samples, which is part of each. */
const RESOLUTION_MS = 10;

export class Lateness {
  readonly #samples = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

  constructor() {
    this.#samples.enable();
  }

  /** Milliseconds that 99 of 100 samples were late at most. */
  stop(): number {
    this.#samples.disable();
    return Math.max(0, this.#samples.percentile(99) / 1e6 - RESOLUTION_MS);
  }
}
