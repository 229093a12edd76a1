/** The load generator's process: sends on a schedule until its standard input ends, then writes its report and leaves. */
import http, { type ClientRequest, type IncomingMessage } from "node:http";
import https from "node:https";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { createSecureContext } from "node:tls";
import { brokenOff, whyHeldBack, type SendingLimits } from "./accounting.js";
import { Recorder, type Failure } from "./report.js";
import { dueBy, planned, type Mix, type Pace, type Planned } from "./schedule.js";

/** What the worker is told, as JSON in its first argument. */
export interface WorkerSettings extends Mix, SendingLimits {
  readonly url: string;
  /** Path of ordinary requests. */
  readonly path: string;
  readonly slowMs: number;
  /** Where slow requests take their time. */
  readonly slowIn: "answer" | "upload";
  readonly verySlowMs: number;
  /** Every connection carries one request in 1.0. */
  readonly httpVersion: "1.0" | "1.1";
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
const PROGRESS_MS = 200;
const UPLOAD_PIECES = 10;
const UPLOAD_PIECE = "x".repeat(1000);
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
/** Requests that came due, sent or not. */
let taken = 0;
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
  if (elapsedMs > settings.mostSeconds * 1000 || taken >= settings.mostRequests) {
    endedEarly = true;
    stop();
    return;
  }
  const due = Math.min(dueBy(elapsedMs, settings.ratePerSecond), settings.mostRequests);
  for (; taken < due; taken += 1) {
    const next = planned(taken, settings);
    const reason = whyHeldBack({ lateMs: elapsedMs - next.dueMs, underWay }, settings);
    if (reason === null) send(next);
    else recorder.notSent(next.dueMs, reason);
  }
}

type Lost = Pick<Failure, "kind" | "status">;

/** One request from the moment when a connection is asked for until its end. */
class Exchange {
  readonly path: string;
  #connected = false;
  #open = true;
  #timer: NodeJS.Timeout;

  constructor(
    private readonly plan: Planned,
    private readonly giveUp: () => void,
  ) {
    this.path = pathOf(plan.pace);
    underWay += 1;
    this.#timer = this.#limit(() => this.#notSent());
  }

  /** The connection stands, so that the request is written: from now on it is the fleet's. */
  sent(): void {
    if (!this.#open || this.#connected) return;
    this.#connected = true;
    recorder.sent(this.plan.dueMs);
    clearTimeout(this.#timer);
    this.#timer = this.#limit(() => this.finish({ kind: "timeout", status: null }));
  }

  brokeOff(error: Error): void {
    const end = brokenOff("code" in error ? String(error.code) : "", this.#connected);
    if ("notSent" in end) this.#notSent();
    else this.finish({ kind: end.lost, status: null });
  }

  /** @param lost null: it went well */
  finish(lost: Lost | null, release: string | null = null): void {
    if (!this.#open) return;
    this.sent();
    const { dueMs, pace } = this.plan;
    const [ms, slow] = [performance.now() - start - dueMs, pace !== "ordinary"];
    recorder.finished({ dueMs, ms, path: this.path, slow, release, failure: lost });
    this.#close();
  }

  #notSent(): void {
    if (!this.#open) return;
    recorder.notSent(this.plan.dueMs, "unconnected");
    this.#close();
  }

  /** An answer that lay unread while this process slept came in time: what has arrived is read before time is called. */
  #limit(over: () => void): NodeJS.Timeout {
    return setTimeout(() => {
      const connected = this.#connected;
      setImmediate(() => {
        if (!this.#open || connected !== this.#connected) return;
        over();
        this.giveUp();
      });
    }, settings.timeoutMs);
  }

  #close(): void {
    this.#open = false;
    underWay -= 1;
    clearTimeout(this.#timer);
    if (stopping && underWay === 0) leave();
  }
}

function send(plan: Planned): void {
  if (settings.httpVersion === "1.0") sendOld(plan);
  else if (plan.pace !== "ordinary" && settings.slowIn === "upload") sendUpload(plan);
  else sendNow(plan);
}

function sendNow(plan: Planned): void {
  const asked = ask(plan, { method: "GET" });
  asked.end();
}

/** Its body comes in pieces, for as long as the request is to take. */
function sendUpload(plan: Planned): void {
  const asked = ask(plan, { method: "POST" });
  const pauseMs = lengthOf(plan.pace) / UPLOAD_PIECES;
  const trickle = async (): Promise<void> => {
    for (let piece = 0; piece < UPLOAD_PIECES && !asked.destroyed; piece += 1) {
      asked.write(UPLOAD_PIECE);
      await sleep(pauseMs);
    }
    asked.end();
  };
  void trickle();
}

function ask(plan: Planned, { method }: { readonly method: "GET" | "POST" }): ClientRequest {
  const exchange = new Exchange(plan, () => asked.destroy());
  const asked = request({ ...target, method, path: exchange.path, agent: plan.keepAlive ? kept : fresh });
  asked.once("socket", (socket: Socket) => {
    if (asked.reusedSocket) exchange.sent();
    else socket.once(base.protocol === "https:" ? "secureConnect" : "connect", () => exchange.sent());
  });
  asked.once("response", (reply) => read(reply, (lost, release) => exchange.finish(lost, release)));
  asked.on("error", (error) => exchange.brokeOff(error));
  return asked;
}

/** Node speaks 1.1 alone, so this one is written by hand. Its answer ends with its connection. */
function sendOld(plan: Planned): void {
  const socket = connect(Number(base.port) || 80, base.hostname);
  const exchange = new Exchange(plan, () => socket.destroy());
  let answer = "";
  socket.once("connect", () => {
    exchange.sent();
    socket.write(`GET ${exchange.path} HTTP/1.0\r\nHost: ${base.host}\r\n\r\n`);
  });
  socket.setEncoding("utf8").on("data", (text: string) => (answer += text));
  socket.on("error", (error) => exchange.brokeOff(error));
  socket.once("end", () => {
    socket.end();
    const { status, body } = oldAnswer(answer);
    if (status === null) exchange.finish({ kind: "reset", status });
    else if (status >= 200 && status < settings.okBelow) exchange.finish(null, releaseOf(body));
    else exchange.finish({ kind: "status", status });
  });
}

/** Status of an answer that is all there; null where it is not. */
function oldAnswer(answer: string): { readonly status: number | null; readonly body: string } {
  const [head = "", ...rest] = answer.split("\r\n\r\n");
  const body = rest.join("\r\n\r\n");
  const [, status] = /^HTTP\/1\.[01] (\d{3})/.exec(head) ?? [];
  const [, length] = /^content-length: (\d+)/im.exec(head) ?? [];
  const isWhole = rest.length > 0 && (length === undefined || Buffer.byteLength(body) === Number(length));
  return { status: isWhole && status !== undefined ? Number(status) : null, body };
}

const lengthOf = (pace: Pace): number => (pace === "slow" ? settings.slowMs : settings.verySlowMs);

function pathOf(pace: Pace): string {
  if (pace === "ordinary") return settings.path;
  return settings.slowIn === "upload" ? "/upload" : `/slow?ms=${lengthOf(pace)}`;
}

function read(reply: IncomingMessage, finish: (lost: Lost | null, release?: string | null) => void): void {
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
