/** Chooses how a rollout is shown: progress goes to stderr, the result to stdout. */
import type { Receipt } from "../core/receipt.js";
import { jsonLinesSink } from "./json-lines.js";
import { plainSink } from "./plain.js";
import { receiptText } from "./receipt-text.js";
import { jsonText, outTo, type OutputStream } from "./out.js";
import { showable, showing } from "./shown.js";
import type { Sink } from "./sink.js";
import { terminalSink } from "./terminal.js";

/** Values of `--output`. */
export const outputKinds = ["auto", "terminal", "plain", "jsonl"] as const;
export type OutputKind = (typeof outputKinds)[number];

export interface Streams {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
}

export interface OutputOptions {
  readonly kind: OutputKind;
  readonly streams: Streams;
  /** Environment variables; `CI`, `NO_COLOR` and `TERM` count. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Values that must never be shown. */
  readonly secrets: readonly string[];
  /** Milliseconds since some moment, never set back. */
  readonly now: () => number;
}

export interface Output {
  /** Takes the events; its owner calls `tick` about ten times a second. */
  readonly sink: Sink;
  /** Writes the result to stdout: text, or one line of JSON for `jsonl`. */
  readonly result: (receipt: Receipt) => void;
}

/** The output that fits the options and the streams. */
export function createOutput(options: OutputOptions): Output {
  const show = showable(options.secrets);
  const kind = resolveKind(options);
  const out = outTo(options.streams.stdout);
  return {
    sink: showing(rendererOf(kind, options), options.secrets),
    result(receipt) {
      const shown = show(receipt);
      if (kind === "jsonl") out.exact(`${jsonText(shown)}\n`);
      else out.text(receiptText(shown));
    },
  };
}

/** The renderer behind `auto`, and `plain` where a live table cannot be drawn. */
export function resolveKind({ kind, streams, environment }: OutputOptions): Exclude<OutputKind, "auto"> {
  if (kind === "plain" || kind === "jsonl") return kind;
  const drawable = streams.stderr.isTTY === true && environment["TERM"] !== "dumb";
  return drawable && (kind === "terminal" || !isCi(environment)) ? "terminal" : "plain";
}

/**
 * Keeps a broken stdout or stderr from ending the rollout: Terraform and `| head` close the pipe while hosts are still
 * being replaced, and a disk may fill up. Call once, before the first write.
 */
export function guardStreams({ stdout, stderr }: Streams): void {
  for (const stream of [stdout, stderr]) {
    stream.on("error", () => {
      // Nobody is left to tell, and the hosts count for more than the log.
    });
  }
}

function rendererOf(kind: Exclude<OutputKind, "auto">, { streams, environment, now }: OutputOptions): Sink {
  const out = outTo(streams.stderr);
  if (kind === "jsonl") return jsonLinesSink(out.exact);
  if (kind === "plain") return plainSink(out.text);
  return terminalSink({
    exact: out.exact,
    now,
    size: () => ({ columns: streams.stderr.columns || 80, rows: streams.stderr.rows || 24 }),
    color: !environment["NO_COLOR"],
    summary: streams.stdout.isTTY !== true,
  });
}

/** Whether what is printed goes into the log of a CI. */
export const isCi = ({ CI }: OutputOptions["environment"]): boolean =>
  CI !== undefined && !["", "0", "false"].includes(CI);
