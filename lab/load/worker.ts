/** The load generator's process: sends on a schedule until its standard input ends, then writes its report and leaves. */
import http, { type IncomingMessage } from "node:http";
import https from "node:https";
import { createSecureContext } from "node:tls";
import { Recorder, type Failure } from "./report.js";
import { dueBy, planned, type Mix, type Pace, type Planned } from "./schedule.js";

/** What the worker is told, as JSON in its first argument. */
export interface WorkerSettings extends Mix {
  readonly url: string;
  /** Path of ordinary requests. */
  readonly path: string;
  readonly slowMs: number;
  readonly verySlowMs: number;
  /** Certificates in PEM that HTTPS servers are trusted by; null: the known ones. */
  readonly ca: string | null;
  /** Name that is asked for; null: the URL's. */
  readonly serverName: string | null;
  /** Statuses below it are good. */
  readonly okBelow: number;
  readonly timeoutMs: number;
  readonly mostRequests: number;
  readonly mostSeconds: number;
}

const TICK_MS = 4;
/** A tick that comes later than this is a stall of the generator's own. */
const STALL_MS = 50;
const MOST_UNDER_WAY = 2000;
const PROGRESS_MS = 200;
/** Idle connections are closed long before the balancer does it: DigitalOcean's shortest idle timeout is 30 s. */
const RETIRE_MS = 10_000;

const settings = JSON.parse(process.argv[1] ?? "{}") as WorkerSettings;
const base = new URL(settings.url);
const { Agent, request } = base.protocol === "https:" ? https : http;
/** Made once: to read the certificates anew for each connection costs more than all else that a request takes here. */
const trust = settings.ca === null ? {} : { secureContext: createSecureContext({ ca: settings.ca }) };
const kept = new Agent({
  ...trust,
  keepAlive: true,
  maxFreeSockets: 64,
  timeout: settings.timeoutMs + RETIRE_MS,
  scheduling: "fifo",
});
/** A connection a request. With an agent of its own, so that TLS sessions are resumed, as clients do. */
const fresh = new Agent({ ...trust, keepAlive: false });
/** Node sends a name in `Host` in TLS too, and checks the certificate against it. */
const target = {
  ...{ host: base.hostname, port: base.port },
  ...(settings.serverName === null ? {} : { headers: { host: settings.serverName } }),
};
const recorder = new Recorder();
const startedAtMs = Date.now();
const start = performance.now();
let sent = 0;
let underWay = 0;
let lastTick = start;
let stopping = false;
let endedEarly = false;

const ticking = setInterval(tick, TICK_MS);
const telling = setInterval(() => say({ progress: recorder.progress() }), PROGRESS_MS);
process.stdin.resume().once("end", stop).once("error", stop);
process.stdout.on("error", () => process.exit(1));
retireIdleSockets();
say({ progress: recorder.progress() });

function tick(): void {
  const now = performance.now();
  const late = now - lastTick - TICK_MS;
  if (late > STALL_MS) recorder.stalled(late);
  lastTick = now;
  const elapsedMs = now - start;
  if (elapsedMs > settings.mostSeconds * 1000 || sent >= settings.mostRequests) {
    endedEarly = true;
    stop();
    return;
  }
  const due = Math.min(dueBy(elapsedMs, settings.ratePerSecond), settings.mostRequests);
  for (; sent < due; sent += 1) {
    const next = planned(sent, settings);
    if (underWay >= MOST_UNDER_WAY) recorder.skipped(next.dueMs, pathOf(next.pace));
    else send(next);
  }
}

function send({ dueMs, pace, keepAlive }: Planned): void {
  const path = pathOf(pace);
  recorder.sent(dueMs);
  underWay += 1;
  let open = true;
  const finish = (failure: Pick<Failure, "kind" | "status"> | null, release: string | null = null): void => {
    if (!open) return;
    open = false;
    underWay -= 1;
    clearTimeout(timer);
    recorder.finished({
      dueMs,
      ms: performance.now() - start - dueMs,
      path,
      slow: pace !== "ordinary",
      release,
      failure,
    });
    if (stopping && underWay === 0) leave();
  };
  const asked = request({ ...target, path, agent: keepAlive ? kept : fresh });
  const timer = setTimeout(() => {
    finish({ kind: "timeout", status: null });
    asked.destroy();
  }, settings.timeoutMs);
  asked.once("response", (reply) => read(reply, finish));
  asked.on("error", (error) => finish({ kind: kindOf(error), status: null }));
  asked.end();
}

function pathOf(pace: Pace): string {
  if (pace === "ordinary") return settings.path;
  return `/slow?ms=${pace === "slow" ? settings.slowMs : settings.verySlowMs}`;
}

function read(
  reply: IncomingMessage,
  finish: (failure: Pick<Failure, "kind" | "status"> | null, release?: string | null) => void,
): void {
  const status = reply.statusCode ?? 0;
  let text = "";
  reply.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  reply.once("end", () => {
    if (status >= 200 && status < settings.okBelow) finish(null, releaseOf(text));
    else finish({ kind: "status", status });
  });
  reply.once("error", () => finish({ kind: "reset", status }));
  reply.once("aborted", () => finish({ kind: "reset", status }));
}

function releaseOf(text: string): string | null {
  if (!text.includes('"release"')) return null;
  try {
    const { release } = JSON.parse(text) as { release?: unknown };
    return typeof release === "string" ? release : null;
  } catch {
    return null;
  }
}

function kindOf(error: Error): Failure["kind"] {
  const code = "code" in error ? String(error.code) : "";
  if (code === "ECONNREFUSED") return "refused";
  return code === "ECONNRESET" || code === "EPIPE" ? "reset" : "error";
}

/** A connection that idles for longer would some day be closed by the balancer just when a request is sent. */
function retireIdleSockets(): void {
  const idleSince = new WeakMap<object, number>();
  kept.on("free", (socket: object) => idleSince.set(socket, performance.now()));
  setInterval(() => {
    const oldest = performance.now() - RETIRE_MS;
    for (const sockets of Object.values(kept.freeSockets)) {
      for (const socket of sockets ?? []) if ((idleSince.get(socket) ?? Infinity) < oldest) socket.destroy();
    }
  }, 1000).unref();
}

/** No new requests; those under way are awaited. */
function stop(): void {
  if (stopping) return;
  stopping = true;
  clearInterval(ticking);
  if (underWay === 0) leave();
}

function leave(): void {
  clearInterval(telling);
  const { user, system } = process.cpuUsage();
  const times = {
    startedAtMs,
    durationMs: Math.round(performance.now() - start),
    cpuMs: Math.round((user + system) / 1000),
    endedEarly,
  };
  process.stdout.write(`${JSON.stringify({ report: recorder.report(times) })}\n`, () => process.exit(0));
}

function say(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
