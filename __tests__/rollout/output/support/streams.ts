/** Event streams as real rollouts make them: the order of events is that of scripts/rollout/run.ts. */
import type { ErrorCode, ExitCode } from "../../../../scripts/rollout/core/errors.js";
import {
  type EventData,
  type EventName,
  type HostStatus,
  registry,
  type RolloutEvent,
} from "../../../../scripts/rollout/core/events.js";
import type { HostReceipt, Receipt } from "../../../../scripts/rollout/core/receipt.js";
import type { LoadRecord } from "../../../../scripts/rollout/output/timeline/timeline.js";

export const IMAGE = "registry.example.com/api@sha256:feed";
const BEGAN = Date.UTC(2026, 0, 15, 9, 30);

/** One event. */
export function event<Name extends EventName>(
  name: Name,
  data: EventData<Name>,
  { host = null, at = 0 }: { host?: string | null; at?: number } = {},
): RolloutEvent {
  const { code, level } = registry[name];
  const elapsedMs = Math.round(at * 1000);
  const time = new Date(BEGAN + elapsedMs).toISOString();
  return { name, code, level, time, elapsedMs, host, data } as RolloutEvent;
}

/** Collects events while its own clock runs. */
export class Stream {
  readonly events: RolloutEvent[] = [];
  seconds = 0;

  /** Lets time pass. */
  wait(seconds: number): this {
    this.seconds += seconds;
    return this;
  }
  emit<Name extends EventName>(name: Name, data: EventData<Name>, host: string | null = null): this {
    this.events.push(event(name, data, { host, at: this.seconds }));
    return this;
  }
  status(host: string, status: HostStatus, detail = ""): this {
    return this.emit("hostStatus", { status, detail }, host);
  }
  steps(host: string, ...names: string[]): this {
    for (const step of names) this.emit("step", { step }, host);
    return this;
  }
}

export const hostReceipt = (name: string, parts: Partial<HostReceipt> = {}): HostReceipt => ({
  name,
  id: `droplet-${name}`,
  action: "replaced",
  seconds: 14.2,
  floorSeconds: 13.1,
  drain: { taken: 2, floor: 2 },
  readmission: { taken: 3, floor: 3 },
  cut: 0,
  outageSeconds: null,
  ...parts,
});

export const untouched = (name: string): HostReceipt =>
  hostReceipt(name, { action: "untouched", seconds: 0, floorSeconds: null, drain: null, readmission: null });

export const receipt = (parts: Partial<Receipt> = {}): Receipt => ({
  runId: "k7m2q9",
  fleet: "api",
  startedAt: new Date(BEGAN).toISOString(),
  seconds: 30,
  release: { id: "3f2a", image: IMAGE },
  hosts: [hostReceipt("api-1"), hostReceipt("api-2", { seconds: 14, drain: { taken: 3, floor: 2 } })],
  witness: { sent: 96, failed: 0, reachable: true },
  error: null,
  exitCode: 0,
  ...parts,
});

export const names = (count: number, prefix = "api-"): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index + 1}`);

function opening(hosts: readonly string[], perHost: number): Stream {
  const stream = new Stream().emit("started", { runId: "k7m2q9", fleet: "api", hosts, wanted: IMAGE });
  for (const host of hosts) stream.status(host, "waiting");
  stream.wait(0.4);
  for (const host of hosts) stream.status(host, "serving");
  return stream
    .wait(0.1)
    .emit("locked", { hosts: hosts.length })
    .wait(2)
    .emit("releaseChosen", { release: "3f2a", image: IMAGE })
    .emit("pulled", { seconds: 2 })
    .emit("planned", {
      hosts: hosts.map((host) => ({ host, action: "replace" as const, seconds: perHost })),
      seconds: hosts.length * perHost,
      maxUnavailable: 1,
      maxParallel: 1,
    });
}

function drain(stream: Stream, host: string, seconds: number): void {
  stream.status(host, "draining").steps(host, "restart-off", "drain").wait(seconds);
  stream.emit("ejected", { seconds, probes: { taken: 2, floor: 2 }, witness: 20 }, host).status(host, "ejected");
}

function replaceHost(stream: Stream, host: string, scale: number): void {
  drain(stream, host, 5 * scale);
  stream
    .wait(0.1 * scale)
    .status(host, "starting")
    .steps(host, "expect-drained", "old-stop")
    .wait(0.6 * scale);
  stream
    .steps(host, "old-keep", "new-run", "new-ready")
    .wait(1 * scale)
    .status(host, "ready")
    .wait(6 * scale);
  stream.emit("readmitted", { seconds: 6 * scale, probes: { taken: 3, floor: 3 } }, host).wait(1 * scale);
  stream.steps(host, "restart-on").status(host, "serving");
}

/** A rollout on which everything goes well, host by host; `scale` stretches what takes time. */
export function success(hosts: readonly string[] = names(2), scale = 1): RolloutEvent[] {
  const stream = opening(hosts, 13.1 * scale);
  for (const host of hosts) replaceHost(stream, host, scale);
  return stream.emit("finished", {
    receipt: receipt({ seconds: stream.seconds, hosts: hosts.map((host) => hostReceipt(host)) }),
  }).events;
}

const LOG = ["Error: DATABASE_URL is not set", "    at start (/app/server.js:12:9)"];

/** The new release never becomes healthy on the first host, which goes back; the others are not touched. */
export function failure(hosts: readonly string[] = names(2)): RolloutEvent[] {
  const stream = opening(hosts, 13.1);
  const [first = "api-1", ...others] = hosts;
  const message = `new-ready on ${first}: not ready within 5 s`;
  drain(stream, first, 5);
  stream.wait(0.1).status(first, "starting").steps(first, "old-stop", "old-keep", "new-run", "new-ready").wait(5);
  stream.status(first, "failed", message).wait(1).emit("undone", { outcome: "all" }, first);
  stream.emit("failedLog", { lines: LOG }, first).wait(2).status(first, "restored").wait(0.2);
  const error = { code: "StepFailed" as ErrorCode, message };
  const restored = hostReceipt(first, { action: "restored", seconds: 13.1, floorSeconds: null, readmission: null });
  const exitCode: ExitCode = 5;
  return stream.emit("failed", error).emit("finished", {
    receipt: receipt({
      seconds: stream.seconds,
      hosts: [restored, ...others.map(untouched)],
      witness: { sent: 30, failed: 0, reachable: true },
      error,
      exitCode,
    }),
  }).events;
}

/** A steady load; `failures` maps a second to how many of its requests failed. */
export function steadyLoad(
  seconds: number,
  {
    rate = 200,
    startedAtMs = 0,
    failures = {},
  }: { rate?: number; startedAtMs?: number; failures?: Record<number, number> } = {},
): LoadRecord {
  const perSecond = Array.from({ length: seconds }, (_, second) => ({
    second,
    sent: rate,
    failed: failures[second] ?? 0,
    p50: 2 + (second % 3) * 0.2,
    p99: 9 + (second % 7),
  }));
  const failed = Object.values(failures).reduce((sum, count) => sum + count, 0);
  return { startedAtMs, perSecond, sent: rate * seconds, failed };
}
