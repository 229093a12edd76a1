/** What the picture shows, taken from the event stream and the load's record. Pure; times in seconds since the rollout began. */
import type { HostStatus, RolloutEvent } from "../../core/events.js";
import type { Receipt } from "../../core/receipt.js";

/** What a client saw during one second. */
export interface LoadSecond {
  /** Whole seconds since the load began. */
  readonly second: number;
  readonly sent: number;
  readonly failed: number;
  /** Milliseconds within which half of the answers came; null without one. */
  readonly p50: number | null;
  /** The same for 99 of 100. */
  readonly p99: number | null;
}

/** What a client saw as a whole. */
export interface LoadRecord {
  /** When the load began, in milliseconds since the rollout began; below 0 when it ran before. */
  readonly startedAtMs: number;
  readonly perSecond: readonly LoadSecond[];
  readonly sent: number;
  readonly failed: number;
}

export interface Segment {
  readonly status: HostStatus;
  readonly from: number;
  readonly to: number;
}

export interface Row {
  readonly host: string;
  readonly segments: readonly Segment[];
  /** When a container of the new release began to answer. */
  readonly switches: readonly number[];
}

export interface TimelineModel {
  readonly rows: readonly Row[];
  readonly start: number;
  readonly end: number;
  readonly failure: { readonly at: number; readonly code: string } | null;
  readonly receipt: Receipt | null;
}

/** Shortest time shown, so that a rollout which ends at once still has an axis. */
const SHORTEST_SECONDS = 1;
/** Share of the rollout's time that is added after it, so that the last status is seen too. */
const TAIL = 0.03;

/** Rows in the order in which the rollout names its hosts. */
export function timelineModel(events: readonly RolloutEvent[], load: LoadRecord | undefined): TimelineModel {
  const offset = (load?.startedAtMs ?? 0) / 1000;
  const last = Math.max(0, ...events.map((event) => event.elapsedMs / 1000));
  const loadEnds = (load?.perSecond ?? []).map(({ second }) => offset + second + 1);
  const start = Math.min(0, load ? offset : 0);
  const end = Math.max(start + SHORTEST_SECONDS, last * (1 + TAIL), ...loadEnds);
  const failed = events.find((event) => event.name === "failed");
  return {
    rows: hostNames(events).map((host) => rowOf(host, events, end)),
    start,
    end,
    failure: failed ? { at: failed.elapsedMs / 1000, code: failed.data.code } : null,
    receipt: receiptOf(events),
  };
}

/** The receipt that the stream ends with. */
export function receiptOf(events: readonly RolloutEvent[]): Receipt | null {
  return events.find((event) => event.name === "finished")?.data.receipt ?? null;
}

function hostNames(events: readonly RolloutEvent[]): string[] {
  const names = events.flatMap((event): readonly (string | null)[] =>
    event.name === "started" ? event.data.hosts : [event.host],
  );
  return [...new Set(names)].filter((name) => name !== null);
}

function rowOf(host: string, events: readonly RolloutEvent[], end: number): Row {
  const segments = segmentsOf(statusChanges(host, events), end);
  const switches = segments.flatMap(({ status, from }, index) => {
    const before = segments[index - 1]?.status;
    return before === "starting" && (status === "ready" || status === "serving") ? [from] : [];
  });
  return { host, segments, switches };
}

/** Before its first event a host is waiting; an event that repeats the status only has more detail. */
function statusChanges(host: string, events: readonly RolloutEvent[]): { status: HostStatus; at: number }[] {
  const changes: { status: HostStatus; at: number }[] = [{ status: "waiting", at: 0 }];
  for (const event of events) {
    if (event.name !== "hostStatus" || event.host !== host) continue;
    if (changes.at(-1)?.status !== event.data.status)
      changes.push({ status: event.data.status, at: event.elapsedMs / 1000 });
  }
  return changes;
}

function segmentsOf(changes: readonly { status: HostStatus; at: number }[], end: number): Segment[] {
  const segments = changes.map(({ status, at }, index) => ({ status, from: at, to: changes[index + 1]?.at ?? end }));
  return segments.filter(({ from, to }) => to > from);
}
