/** What a live display knows: one row a host, folded from the event stream. Pure. */
import { atOnce, type EventData, type HostStatus, type RolloutEvent } from "../core/events.js";
import { wordsOf } from "./wording.js";

/** One host as the display shows it. */
export interface HostRow {
  readonly name: string;
  readonly status: HostStatus;
  readonly detail: string;
  /** What is worth more than the last step once the host has come to rest. */
  readonly note: string;
  /** When it got its status, in milliseconds since the rollout began. */
  readonly sinceMs: number;
}

export interface TerminalState {
  readonly hosts: readonly HostRow[];
  /** What the rollout as a whole is at. */
  readonly stage: string;
  /** When the plan expects the end, in seconds since the rollout began. */
  readonly expectedSeconds: number | null;
  readonly elapsedMs: number;
  readonly finished: boolean;
}

/** Statuses at which the last proof or failure stays in sight. */
const restingStatuses: ReadonlySet<HostStatus> = new Set(["serving", "ejected", "restored", "retired"]);

/** Before the first event. */
export const emptyState: TerminalState = {
  hosts: [],
  stage: "starting",
  expectedSeconds: null,
  elapsedMs: 0,
  finished: false,
};

/** The state after one more event. */
export function reduce(before: TerminalState, event: RolloutEvent): TerminalState {
  const state = { ...before, elapsedMs: Math.max(before.elapsedMs, event.elapsedMs) };
  const names = event.name === "started" ? event.data.hosts : event.host === null ? [] : [event.host];
  const hosts = names.reduce((rows, name) => withHost(rows, name, event.elapsedMs), state.hosts);
  if (event.host !== null)
    return { ...state, hosts: hosts.map((row) => (row.name === event.host ? next(row, event) : row)) };
  return { ...state, hosts, ...stageAfter(state, event), finished: event.name === "finished" };
}

function stageAfter(state: TerminalState, event: RolloutEvent): Pick<TerminalState, "stage" | "expectedSeconds"> {
  if (event.name === "planned")
    return { stage: planWords(event.data), expectedSeconds: event.elapsedMs / 1000 + event.data.seconds };
  // A failed container's log is shown above the table, in full.
  const stage = event.name === "failedLog" ? state.stage : wordsOf(event);
  return { stage, expectedSeconds: state.expectedSeconds };
}

/** Counts, because the rows below have the names. */
function planWords(planned: EventData<"planned">): string {
  const counts = new Map<string, number>();
  for (const { action } of planned.hosts) counts.set(action, (counts.get(action) ?? 0) + 1);
  const plan = [...counts].map(([action, count]) => `${count} to ${action}`).join(", ");
  return `${plan || "nothing to do"}${atOnce(planned)}`;
}

function withHost(rows: readonly HostRow[], name: string, sinceMs: number): readonly HostRow[] {
  if (rows.some((row) => row.name === name)) return rows;
  return [...rows, { name, status: "waiting", detail: "", note: "", sinceMs }];
}

/** A status starts its own clock and has its own detail; anything else is a detail of the status. */
function next(row: HostRow, event: RolloutEvent): HostRow {
  if (event.name === "failedLog") return row;
  if (event.name !== "hostStatus") {
    const text = wordsOf(event);
    const proof = event.name === "ejected" || event.name === "readmitted";
    return { ...row, detail: text, note: proof ? text : row.note };
  }
  const { status, detail } = event.data;
  const sinceMs = status === row.status ? row.sinceMs : event.elapsedMs;
  const note = status === "failed" ? detail : row.note;
  return { ...row, status, sinceMs, note, detail: detail || (restingStatuses.has(status) ? note : "") };
}
