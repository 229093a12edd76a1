/** Load on a URL, sent by a process of its own, so that neither world nor test slows it down. */
import { spawn, type ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { bundled } from "../embedded/bundle.js";
import type { LoadReport, Progress } from "./report.js";
import type { WorkerSettings } from "./worker.js";

export type { Failure, LoadReport, Progress, Second } from "./report.js";

export interface LoadSettings {
  /** Base URL, such as a balancer's. */
  readonly url: string;
  /** PEM file of an authority that HTTPS servers are trusted by, instead of the known ones. @default - the known ones */
  readonly caFile?: string;
  /** Name to ask for at the URL's address, in TLS and in `Host`. @default - what the URL names */
  readonly serverName?: string;
  /** Requests a second, sent whether or not those before were answered. */
  readonly ratePerSecond: number;
  /** Share of requests to `/slow`. 0 to 1. @default 0 */
  readonly slowShare?: number;
  /** How long a slow one takes. @default 1500 */
  readonly slowMs?: number;
  /**
   * Where slow requests take their time: in their answer, or in a body that comes in pieces, which `POST /upload` reads to its end.
   * @default "answer"
   */
  readonly slowIn?: "answer" | "upload";
  /** `1.0`: every request opens a connection and has no body; over HTTP only. @default "1.1" */
  readonly httpVersion?: "1.0" | "1.1";
  /** Share of requests that take longer still. 0 to 1, together with the slow ones at most 1. @default 0 */
  readonly verySlowShare?: number;
  /** How long one of those takes. @default 20000 */
  readonly verySlowMs?: number;
  /** Share of requests on kept connections; each of the others opens one. 0 to 1. @default 0.5 */
  readonly keepAliveShare?: number;
  /** Path of ordinary requests. @default "/" */
  readonly path?: string;
  /** Statuses from 200 to below this are good. @default 300 */
  readonly okBelow?: number;
  /**
   * Milliseconds after which a request that was sent counts as failed. One that has no connection after as long was not sent, and
   * is not measured. @default 30000
   */
  readonly timeoutMs?: number;
  /** Requests that may be under way at once; what is due meanwhile is not sent, and not measured. @default 2000 */
  readonly mostUnderWay?: number;
  /** Milliseconds after its due moment at which a request is still sent; later it is not measured. @default 1000 */
  readonly mostLateMs?: number;
  /** The load ends by itself after so many, and its report says so. @default 500000 */
  readonly mostRequests?: number;
  /** The load ends by itself after so long, and its report says so. @default 900 */
  readonly mostSeconds?: number;
}

/** A load under way. It ends with this process at the latest. */
export interface Load {
  /** Counts as of a moment ago. */
  progress(): Progress;
  /** Resolves once `reached` holds for the counts. @throws Error when the load ends before */
  until(reached: (progress: Progress) => boolean): Promise<void>;
  /** Sends nothing more, waits for what is under way and reports. May be called again. */
  stop(): Promise<LoadReport>;
}

/** Starts sending; resolves with the first counts, when the process is up. */
export async function startLoad(settings: LoadSettings): Promise<Load> {
  // As an argument, not a file: nothing is left behind, whoever is killed.
  const script = await bundled("lab/load/worker.ts");
  const argv = ["--input-type=module", "--eval", script, JSON.stringify(filled(settings))];
  const worker = spawn(process.execPath, argv, {
    stdio: ["pipe", "pipe", "inherit"],
    env: { PATH: process.env["PATH"] },
  });
  const load = new WorkerLoad(worker);
  await load.started();
  return load;
}

export interface UptimeSettings {
  readonly url: string;
  /** Health path, asked through the balancer as an uptime check does. */
  readonly path: string;
  /** @default 1 */
  readonly everySeconds?: number;
}

/** An uptime check: asks the health path through the balancer and takes any answer below 500. */
export const startUptimeCheck = ({ url, path: route, everySeconds = 1 }: UptimeSettings): Promise<Load> =>
  startLoad({ url, path: route, ratePerSecond: 1 / everySeconds, okBelow: 500, keepAliveShare: 0 });

const filled = ({ caFile, ...settings }: LoadSettings): WorkerSettings => ({
  slowShare: 0,
  slowMs: 1500,
  slowIn: "answer",
  httpVersion: "1.1",
  verySlowShare: 0,
  verySlowMs: 20_000,
  keepAliveShare: 0.5,
  path: "/",
  okBelow: 300,
  timeoutMs: 30_000,
  mostUnderWay: 2000,
  mostLateMs: 1000,
  mostRequests: 500_000,
  mostSeconds: 900,
  ca: caFile === undefined ? null : readFileSync(caFile, "utf8"),
  serverName: null,
  ...settings,
});

type Message = { readonly progress: Progress } | { readonly report: LoadReport };

class WorkerLoad implements Load {
  #progress: Progress | null = null;
  #report: LoadReport | null = null;
  readonly #told = new Set<() => void>();
  #ended = false;

  constructor(private readonly worker: ChildProcess) {
    worker.stdin?.on("error", () => undefined);
    worker.once("close", () => {
      this.#ended = true;
      this.#tell();
    });
    if (worker.stdout)
      createInterface({ input: worker.stdout }).on("line", (line) => this.#hear(JSON.parse(line) as Message));
  }

  progress(): Progress {
    return this.#report ?? this.#progress ?? { sent: 0, ok: 0, failed: 0, notMeasured: 0, byRelease: {} };
  }

  async started(): Promise<void> {
    while (!this.#progress && !this.#ended) await this.#news();
  }

  async until(reached: (progress: Progress) => boolean): Promise<void> {
    while (!reached(this.progress())) {
      if (this.#ended) throw new Error(`the load ended first: ${JSON.stringify(this.progress())}`);
      await this.#news();
    }
  }

  async stop(): Promise<LoadReport> {
    this.worker.stdin?.end();
    while (!this.#ended) await this.#news();
    if (!this.#report) throw new Error("the load ended without a report");
    return this.#report;
  }

  /** Resolves when the worker says something or ends. */
  #news(): Promise<void> {
    return new Promise((settle) => this.#told.add(settle));
  }

  #hear(message: Message): void {
    if ("report" in message) this.#report = message.report;
    else this.#progress = message.progress;
    this.#tell();
  }

  #tell(): void {
    for (const settle of this.#told) settle();
    this.#told.clear();
  }
}
