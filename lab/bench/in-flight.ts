/** Requests under way to each droplet while something is done to the fleet, and how many there were at a moment. */
import { setTimeout as sleep } from "node:timers/promises";
import type { SiteBalancer } from "../site.js";

export interface Sample {
  /** `Date.now()` when the answer was there. */
  readonly atMs: number;
  readonly inFlight: Readonly<Record<string, number>>;
}

/** A droplet's container was told to stop. */
export interface Stop {
  readonly dropletId: string;
  /** `Date.now()` of the order. */
  readonly atMs: number;
}

const SAMPLE_MS = 50;

/** Asks the balancer again and again until it is stopped. */
export class InFlightSamples {
  readonly #samples: Sample[] = [];
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  constructor(private readonly balancer: Pick<SiteBalancer, "inFlight">) {
    this.#done = this.#take();
    // Whoever stops it is told.
    this.#done.catch(() => undefined);
  }

  /** @throws whatever the balancer threw */
  async stop(): Promise<readonly Sample[]> {
    this.#stop.abort();
    await this.#done;
    return this.#samples;
  }

  async #take(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const inFlight = await this.balancer.inFlight();
      this.#samples.push({ atMs: Date.now(), inFlight });
      await sleep(SAMPLE_MS);
    }
  }
}

/**
 * Requests that were under way to the droplets when each was told to stop, all together: of every one the last sample before.
 * @throws Error when a stop lies before the first sample
 */
export function inFlightWhenStopped(samples: readonly Sample[], stops: readonly Stop[]): number {
  return stops.reduce((sum, { dropletId, atMs }) => {
    const sample = samples.findLast((one) => one.atMs <= atMs);
    if (!sample) throw new Error(`no sample of the requests under way before ${dropletId} was stopped`);
    return sum + (sample.inFlight[dropletId] ?? 0);
  }, 0);
}
