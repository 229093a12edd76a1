/** Reads what {@link RunRecord} wrote. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { environmentNames } from "../../../contract/manifest.js";
import { InvalidInput } from "../../../contract/problems.js";
import { messageOf, registry, type RolloutEvent } from "../core/events.js";
import type { Receipt } from "../core/receipt.js";
import type { Environment } from "../input.js";
import { showable, shownEvent } from "../output/shown.js";
import { statusStyles } from "../output/timeline/palette.js";
import type { LastRun } from "../output/summary/summary.js";
import { stateFolder, whyNot } from "./files.js";
import { EVENTS_FILE, RECEIPT_FILE, RUNS_FOLDER } from "./record.js";

/** An older version of the rollout may have recorded texts as they came. */
const shown = showable([]);

/**
 * The run on this machine that began last; null when none has left a record. What is no record is passed over.
 * @throws InvalidInput for a folder that cannot be read
 */
export function lastRun(environment: Environment): LastRun | null {
  const runs = path.join(stateFolder(environment), RUNS_FOLDER);
  const began = namesIn(runs).flatMap((runId) => {
    const events = eventsIn(path.join(runs, runId, EVENTS_FILE));
    return events[0] ? [{ runId, events, at: Date.parse(events[0].time) }] : [];
  });
  const last = began.sort((one, other) => other.at - one.at)[0];
  if (!last) return null;
  const { runId, events } = last;
  const receipt = shown(receiptIn(path.join(runs, runId, RECEIPT_FILE)));
  return { runId: shown(runId), events: events.map((event) => shownEvent(event, shown)), receipt };
}

/** @throws InvalidInput */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    const why = whyNot(error);
    if (why.includes("ENOENT")) return [];
    throw new InvalidInput("environment", [
      `${environmentNames.stateFolder}: got a state folder whose records, ${folder}, cannot be read (${why}); needs one that whoever asks may read`,
    ]);
  }
}

/** A line that was cut off, by a full disk or the end of the process, is left out. */
const eventsIn = (file: string): RolloutEvent[] => textOf(file).split("\n").map(parsed).filter(isEvent);

/** It is written whole or not at all; what is there instead is none. */
function receiptIn(file: string): Receipt | null {
  const receipt = parsed(textOf(file));
  return isReceipt(receipt) ? receipt : null;
}

/** Undefined for a text that is no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Empty where there is no such file, or none that can be read. */
function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

function isEvent(value: unknown): value is RolloutEvent {
  if (!isObject(value) || !isObject(value["data"])) return false;
  const { name, time, elapsedMs, host } = value;
  if (typeof name !== "string" || !Object.hasOwn(registry, name) || typeof elapsedMs !== "number") return false;
  if (typeof time !== "string" || Number.isNaN(Date.parse(time))) return false;
  return (host === null || typeof host === "string") && hasItsData(value as unknown as RolloutEvent);
}

/** Whether the data are those of its name: what has a message can be shown. */
function hasItsData(event: RolloutEvent): boolean {
  if (event.name === "hostStatus") return Object.hasOwn(statusStyles, event.data.status);
  try {
    messageOf(event);
    return true;
  } catch {
    return false;
  }
}

const isReceipt = (value: unknown): value is Receipt =>
  isObject(value) &&
  Array.isArray(value["hosts"]) &&
  isObject(value["witness"]) &&
  typeof value["exitCode"] === "number";

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;
