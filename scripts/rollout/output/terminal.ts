/** A live table for a terminal, redrawn in place; what needs attention stays above it. */
import type { RolloutEvent } from "../core/events.js";
import { plainLines, widerFor } from "./plain.js";
import { summaryLines } from "./receipt-text.js";
import type { Sink, Write } from "./sink.js";
import { frame, unpainted } from "./terminal-frame.js";
import { emptyState, reduce, type TerminalState } from "./terminal-state.js";
import { cells } from "./text.js";

const REDRAW_MS = 100;

export interface TerminalOptions {
  readonly exact: Write;
  /** Milliseconds since some moment, never set back. */
  readonly now: () => number;
  /** Asked before every redraw, because people resize windows. */
  readonly size: () => { readonly columns: number; readonly rows: number };
  readonly color: boolean;
  /** Whether a summary of the receipt follows the last table; `false` where the receipt itself will. */
  readonly summary: boolean;
}

/** The live table. Between events, `tick` lets its seconds run. */
export const terminalSink = (options: TerminalOptions): Sink => new TerminalSink(options);

class TerminalSink implements Sink {
  readonly #options: TerminalOptions;
  readonly #screen: LiveArea;
  #state = emptyState;
  #hostWidth = 0;
  #heardAt = 0;

  constructor(options: TerminalOptions) {
    this.#options = options;
    this.#screen = liveArea(options);
  }

  emit(event: RolloutEvent): void {
    this.#hostWidth = widerFor(event, this.#hostWidth);
    this.#state = reduce(this.#state, event);
    this.#heardAt = this.#options.now();
    const above = event.level === "info" ? [] : plainLines(event, this.#hostWidth);
    this.#screen.draw(this.#state, above, above.length > 0 || this.#state.finished);
    if (event.name !== "finished") return;
    this.#screen.leave(this.#options.summary ? ["", ...summaryLines(event.data.receipt)] : []);
  }

  tick(): void {
    if (this.#state !== emptyState) this.#screen.draw(this.#current(), [], false);
  }

  close(): void {
    if (this.#state !== emptyState) this.#screen.draw(this.#current(), [], true);
    this.#screen.leave([]);
  }

  #current(): TerminalState {
    const silentMs = Math.max(0, this.#options.now() - this.#heardAt);
    return { ...this.#state, elapsedMs: this.#state.elapsedMs + silentMs };
  }
}

interface LiveArea {
  /** Redraws, if the last time is long enough ago or it is `urgent`; `above` scrolls away above the table. */
  draw(state: TerminalState, above: readonly string[], urgent: boolean): void;
  /** Leaves the last table where it is and writes below it, once and for all. */
  leave(below: readonly string[]): void;
}

function liveArea({ exact, now, size, color }: TerminalOptions): LiveArea {
  let drawn: readonly string[] = [];
  let drawnAt = -Infinity;
  let left = false;
  return {
    draw(state, above, urgent) {
      if (left || (!urgent && now() - drawnAt < REDRAW_MS)) return;
      const { columns, rows } = size();
      const lines = frame(state, columns, rows, color);
      exact(erase(drawn, columns) + [...above, ...lines].map((line) => `${line}\n`).join(""));
      drawn = lines;
      drawnAt = now();
    },
    leave(below) {
      if (!left && below.length > 0) exact(below.map((line) => `${line}\n`).join(""));
      left = true;
    },
  };
}

/** Goes back to the first line drawn and clears from there. A narrower window has wrapped lines since they were drawn. */
function erase(drawn: readonly string[], columns: number): string {
  const rows = drawn.reduce((sum, line) => sum + Math.max(1, Math.ceil(cells(unpainted(line)) / columns)), 0);
  return rows === 0 ? "" : `\u001b[${rows}A\r\u001b[J`;
}
