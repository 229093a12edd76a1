/**
 * The one way out to stdout and stderr. Nothing else writes there (eslint.config.js): whatever a text is made of, no control character
 * and no order to a workflow runner gets out.
 */
import type { Write } from "./sink.js";
import { bounded, cleanLines } from "./text.js";

/** What is needed of `process.stdout` and `process.stderr`. */
export interface OutputStream {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  readonly destroyed?: boolean | undefined;
  write(text: string): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
}

/** Most characters of one line for people. The plan of a fleet of 300 hosts fits. */
export const LONGEST_LINE = 20_000;

/** GitHub takes a line for an order that begins so, blanks before it or not. */
const RUNNER_ORDER = /^\s*::/;

export interface Out {
  /** Lines for people. */
  readonly text: Write;
  /**
   * What is written as it is: lines of {@link jsonText}, of any length, and frames of the live display, which move the cursor. Each text
   * within was cleaned by itself.
   */
  readonly exact: Write;
}

/** A stream that somebody has closed takes nothing, and says nothing. */
export function outTo(stream: OutputStream): Out {
  const write: Write = (text) => {
    if (stream.destroyed !== true) stream.write(text);
  };
  return {
    text: (text) => write(cleanLines(text).map(harmless).join("\n")),
    exact: write,
  };
}

/** JSON with escapes for all that a terminal or a reader of lines could act on. @param indent @default - all on one line */
export const jsonText = (value: unknown, indent?: number): string =>
  JSON.stringify(value, null, indent).replace(UNSAFE_IN_JSON, escapes);

const UNSAFE_IN_JSON = /[\u007f-\u009f\p{Cf}\u2028\u2029]|##(?=[A-Za-z]*\[)/gu;

const escapes = (text: string): string =>
  Array.from({ length: text.length }, (_, at) => `\\u${text.charCodeAt(at).toString(16).padStart(4, "0")}`).join("");

function harmless(line: string): string {
  const short = bounded(line, LONGEST_LINE);
  return RUNNER_ORDER.test(short) ? `| ${short}` : short;
}
