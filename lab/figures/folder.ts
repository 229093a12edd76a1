/** The folder that figures go to: looked at before anything starts, written whole or not at all. */
import { accessSync, constants, existsSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { isDeepStrictEqual } from "node:util";
import { InvalidInput } from "../../contract/problems.js";

/** @throws InvalidInput when figures cannot be written there */
export function checkFolder(folder: string): void {
  try {
    if (!statSync(folder).isDirectory()) throw new Error("it is not a folder");
    accessSync(folder, constants.W_OK);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new InvalidInput("options", [`out: got "${folder}"; needs a folder that can be written to: ${why}`]);
  }
}

/** The text of a file in it; null without the file. */
export function readText(folder: string, name: string): string | null {
  const file = path.join(folder, name);
  return existsSync(file) ? readFileSync(file, "utf8") : null;
}

/** What was measured is gone on with only where and as it was begun. @throws InvalidInput */
export function insistSame(name: string, theirs: Readonly<Record<string, unknown>>, ours: typeof theirs): void {
  for (const [field, wanted] of Object.entries(ours)) {
    if (isDeepStrictEqual(theirs[field], wanted)) continue;
    const [got, need] = [JSON.stringify(theirs[field]), JSON.stringify(wanted)];
    throw new InvalidInput(name, [`${field}: got ${got}; needs ${need}, or a run without --resume`]);
  }
}

/** Puts files in place, each whole or not at all. */
export function writeTexts(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(folder, name);
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
  }
}
