/** One line an event, for logs, CI and Terraform: no colour, no carriage return, nothing is ever overwritten. */
import type { RolloutEvent } from "../core/events.js";
import { summaryLines } from "./receipt-text.js";
import type { Sink, Write } from "./sink.js";
import { cells, cleanLines, fit, oneLine } from "./text.js";
import { isMinor, mark, wordsOf } from "./wording.js";

const SECONDS_WIDTH = 7;
/** Fits every name that a fleet of this project gives its hosts. */
const LONGEST_NAME = 40;

/**
 * Lines of one event: seconds since the start, host, message. Further lines of a message stand below its first, each behind a bar: a log
 * of a container has no line of its own here that a reader could take for the rollout's.
 * @param hostWidth - width of the column with the hosts' names
 */
export function plainLines(event: RolloutEvent, hostWidth: number): string[] {
  const time = `${(event.elapsedMs / 1000).toFixed(1).padStart(SECONDS_WIDTH)} s`;
  const head = `${time}  ${fit(oneLine(event.host ?? ""), hostWidth)}  `;
  const indent = `${" ".repeat(cells(head))}| `;
  return cleanLines(mark(event.level) + wordsOf(event)).map((line, index) =>
    ((index === 0 ? head : indent) + line).trimEnd(),
  );
}

/** Width of the host column that fits all names seen so far. */
export function widerFor(event: RolloutEvent, hostWidth: number): number {
  const names = event.name === "started" ? event.data.hosts : [event.host ?? ""];
  return Math.min(LONGEST_NAME, Math.max(hostWidth, ...names.map(cells)));
}

/** Writes events as plain lines and ends with a short summary, because Terraform repeats only the last 8 KB of a failed command. */
export function plainSink(write: Write): Sink {
  let hostWidth = 0;
  return {
    emit(event) {
      hostWidth = widerFor(event, hostWidth);
      if (isMinor(event)) return;
      const lines = plainLines(event, hostWidth);
      if (event.name === "finished") lines.push("", ...summaryLines(event.data.receipt));
      write(`${lines.join("\n")}\n`);
    },
    tick() {
      // Time passing changes no line.
    },
    close() {
      // Nothing is held back.
    },
  };
}
