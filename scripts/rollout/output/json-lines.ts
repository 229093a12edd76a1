/** One JSON object a line, for programs. `code` and `data` are stable; `message` is for people. */
import { messageOf, type RolloutEvent } from "../core/events.js";
import { jsonText } from "./out.js";
import type { Sink, Write } from "./sink.js";

/** An event as one line of JSON, without its end. */
export function jsonLine(event: RolloutEvent): string {
  const { time, elapsedMs, code, level, name, host, data } = event;
  return jsonText({ time, elapsedMs, code, level, name, host, message: messageOf(event), data });
}

/** Writes every event, also the minor ones. */
export function jsonLinesSink(write: Write): Sink {
  return {
    emit: (event) => write(`${jsonLine(event)}\n`),
    tick() {
      // Time passing is no event.
    },
    close() {
      // Nothing is held back.
    },
  };
}
