/** Words and lines of POSIX sh. */
import { beginPart } from "./frame.js";

const PLAIN_WORD = /^[A-Za-z0-9_./:=@%+,-]+$/;

/** A word that holds the path of a file in the working folder, for a program that takes only absolute ones. */
export interface PathWord {
  readonly before: string;
  /** Relative to the working folder. */
  readonly path: string;
  readonly after: string;
}
export type Word = string | PathWord;

/** One word as sh reads it back. */
export const quote = (word: string): string => (PLAIN_WORD.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);

const quoteWord = (word: Word): string =>
  typeof word === "string" ? quote(word) : `${quote(word.before)}"$PWD"/${quote(word.path)}${quote(word.after)}`;

/** One command line. */
export const line = (argv: readonly Word[]): string => argv.map(quoteWord).join(" ");

/**
 * curl as every command of ours begins. It must show what the address itself answers: `-q` ignores the user's ~/.curlrc, and `--noproxy '*'`
 * passes by any proxy of the user's environment. `-g` and `--path-as-is` ask a path as the balancer does, whatever brackets, braces or dots
 * are in it.
 */
export const CURL = "curl -q -g --path-as-is --noproxy '*' -sS";

/** Path of a fleet's folder on a host, for use inside double quotes. */
export const fleetFolder = (fleet: string): string => `$HOME/.evenkeel/${fleet}`;

/**
 * A script that prints named parts, so that one command brings several answers. It runs in a frame (frame.ts), and its answer is read as
 * {@link Parts}.
 */
export const parts = (commands: Readonly<Record<string, string>>): string =>
  Object.entries(commands)
    .map(([name, command]) => `${beginPart(quote(name))}\n${command}`)
    .join("\n");

/**
 * What a command prints, up to `bytes` and one more, by which the reader knows that there was more. The command's exit code is lost. One that
 * prints without end is ended by that.
 */
export const capped = (command: string, bytes: number): string => `{\n${command}\n} | head -c ${bytes + 1}`;

/** A JSON text, or undefined where it is none. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
