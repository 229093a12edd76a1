/** The form in which scripts and answers travel (scripts/rollout/commands/frame.ts), from the host's side. */
import { framed } from "../../scripts/rollout/commands/frame.js";

/** A command over SSH, with all of its standard input. */
export interface Command {
  readonly text: string;
  readonly input: string;
}

/** What a command brings besides the words for the login shell. */
export interface Brought {
  /** The word between the parts of the answer. */
  readonly frame: string;
  readonly script: string;
  /** The script's own input. */
  readonly input: string;
}

const WRAPPED = /^unset frame\nframe=([0-9a-f]{32})\n[^\n]*\n\(\n([^]*)\n\)\n[^\n]*$/;

/** Null for an input that no rollout sends. */
export function brought({ input }: Command): Brought | null {
  const end = input.indexOf("\n");
  const text = input.slice(0, end).replaceAll(/\\(.)/g, (_, letter: string) => (letter === "n" ? "\n" : letter));
  const [, frame = "", script = ""] = WRAPPED.exec(text) ?? [];
  return framed(script, frame) === input.slice(0, end + 1) ? { frame, script, input: input.slice(end + 1) } : null;
}

/** Parts of an answer, as a script prints them. */
export const printed = (frame: string, parts: Readonly<Record<string, string>>): string =>
  Object.entries(parts)
    .map(([name, text]) => `\n${frame} part ${name}\n${text}`)
    .join("");

/** All that arrives on the other side. */
export const answered = (frame: string, code: number, text: string): string =>
  `\n${frame} begin\n${text}\n${frame} end ${code}\n`;
