/** Reads what {@link RunRecord} wrote. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import type { RolloutEvent } from "../core/events.js";
import type { Receipt } from "../core/receipt.js";
import type { Environment } from "../input.js";
import type { LastRun } from "../output/summary/summary.js";
import { stateFolder } from "./files.js";
import { EVENTS_FILE, RECEIPT_FILE, RUNS_FOLDER } from "./record.js";

/** The run on this machine that began last; null when none has left a record. */
export function lastRun(environment: Environment): LastRun | null {
  const runs = path.join(stateFolder(environment), RUNS_FOLDER);
  if (!statSync(runs, { throwIfNoEntry: false })?.isDirectory()) return null;
  const began = readdirSync(runs).flatMap((runId) => {
    const events = eventsIn(path.join(runs, runId, EVENTS_FILE));
    return events[0] ? [{ runId, events, at: Date.parse(events[0].time) }] : [];
  });
  const last = began.sort((one, other) => other.at - one.at)[0];
  if (!last) return null;
  const { runId, events } = last;
  return { runId, events, receipt: receiptIn(path.join(runs, runId, RECEIPT_FILE)) };
}

/** A line that was cut off, by a full disk or the end of the process, is left out. */
function eventsIn(file: string): RolloutEvent[] {
  const lines = (textOf(file) ?? "").split("\n").filter(Boolean);
  return lines.flatMap((line) => {
    try {
      return [JSON.parse(line) as RolloutEvent];
    } catch {
      return [];
    }
  });
}

/** It is written whole or not at all. */
function receiptIn(file: string): Receipt | null {
  const text = textOf(file);
  return text === null ? null : (JSON.parse(text) as Receipt);
}

const textOf = (file: string): string | null =>
  statSync(file, { throwIfNoEntry: false })?.isFile() ? readFileSync(file, "utf8") : null;
