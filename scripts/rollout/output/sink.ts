/** Where events end up: a terminal, a file of lines, a picture. */
import type { Events } from "../ports.js";

/** Takes every event of one rollout. */
export interface Sink extends Events {
  /** Called about ten times a second by whoever owns the timers; only a live display does something with it. */
  tick(): void;
  /** Writes what is still held back. Nothing is written afterwards. */
  close(): void;
}

/** Writes text somewhere; lines end in `\n`. */
export type Write = (text: string) => void;
