/**
 * What may be shown of the words of hosts, containers and APIs. Events, receipts and rows pass here before any renderer sees them, so
 * that no renderer has to know what a text could do to a terminal, to a workflow's log or to a page. Pure.
 */
import type { RolloutEvent } from "../core/events.js";
import { redactor } from "./redact.js";
import type { Sink } from "./sink.js";
import { bounded, cleanLines, grouped } from "./text.js";

/** Most characters of one text. */
export const LONGEST_TEXT = 8000;
/** Most characters of one entry of a list, such as a line of a container's log. */
export const LONGEST_ENTRY = 1000;
/** Most entries of a list. A fleet has 300 hosts at most. */
export const MOST_ENTRIES = 500;

/** Most characters that are looked at: whatever is beyond cannot be shown anyway, unless most of it is cleaned away. */
const LONGEST_LOOKED_AT = 200_000;

/** Fields with a closed vocabulary: a secret that happens to be the word "failed" must not break the stream. */
const VOCABULARY: ReadonlySet<string> = new Set(["status", "action", "code"]);

/** Makes a function that cleans every text of a value, takes out the secrets, and bounds what is left. */
export function showable(secrets: readonly string[]): <Value>(value: Value) => Value {
  const redact = redactor(secrets);
  // Once more when it is clean: an escape within a secret hides it the first time, and a tab of its own the second.
  const clean = (text: string): string => redact(cleanLines(redact(text.slice(0, LONGEST_LOOKED_AT))).join("\n"));
  return <Value>(value: Value) => shownValue(value, clean, LONGEST_TEXT) as Value;
}

/** A sink that hands on every event as it may be shown. */
export function showing(sink: Sink, secrets: readonly string[]): Sink {
  const shown = showable(secrets);
  return {
    emit: (event) => sink.emit(shownEvent(event, shown)),
    tick: () => sink.tick(),
    close: () => sink.close(),
  };
}

/** An event as it may be shown. */
export const shownEvent = (event: RolloutEvent, shown: <Value>(value: Value) => Value): RolloutEvent =>
  ({ ...event, host: shown(event.host), data: shown(event.data) }) as RolloutEvent;

function shownValue(value: unknown, clean: (text: string) => string, longest: number): unknown {
  if (typeof value === "string") return bounded(clean(value), longest);
  if (Array.isArray(value)) return shownList(value, clean);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, entry]): [string, unknown] => [
    bounded(clean(key), LONGEST_ENTRY),
    VOCABULARY.has(key) ? entry : shownValue(entry, clean, LONGEST_TEXT),
  ]);
  return Object.fromEntries(entries);
}

/** The end of a list stays: a log says there what went wrong. */
function shownList(list: readonly unknown[], clean: (text: string) => string): unknown[] {
  const left = list.length - MOST_ENTRIES;
  const shown = (left > 0 ? list.slice(left) : list).map((entry) => shownValue(entry, clean, LONGEST_ENTRY));
  return left > 0 && typeof shown[0] === "string" ? [`… (${grouped(left)} more before)`, ...shown] : shown;
}
