/** Words and lines of POSIX sh. */

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

/** Path of a fleet's folder on a host, for use inside double quotes. */
export const fleetFolder = (fleet: string): string => `$HOME/.evenkeel/${fleet}`;

/** A script that prints named sections, so that one command brings several answers. */
export const sections = (parts: Readonly<Record<string, string>>): string =>
  Object.entries(parts)
    .map(([name, command]) => `printf '\\n@@%s\\n' ${quote(name)}\n${command}`)
    .join("\n");

/** Splits the output of {@link sections}, each as it was printed. A section that never began is missing. */
export function parseSections(output: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const part of output.split("\n@@").slice(1)) {
    const end = part.indexOf("\n");
    found.set(part.slice(0, end), part.slice(end + 1));
  }
  return found;
}
