/** The key of the fleet's history on the machine that runs the rollout. */
import { randomBytes, randomUUID } from "node:crypto";
import { existsSync, linkSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { RECORD_KEY_VARIABLE } from "../../../contract/history.js";
import { InvalidInput } from "../../../contract/problems.js";
import type { RecordKeys } from "../core/history.js";
import { readRecordKeys, recordKeysOf, type Environment } from "../input.js";
import { openStateFolder, stateFolder } from "./files.js";

/** Name of the file, in the state folder, that a key is kept in where the environment names none. */
const KEY_FILE = "record.key";

export interface RecordKeysHere {
  readonly keys: RecordKeys;
  /** File that a key was made in just now; null where there was one. */
  readonly made: string | null;
}

/**
 * Those of the environment, else that of the state folder; null where neither has one.
 * @throws InvalidInput for one that cannot be used; no key is shown
 */
export function recordKeysHere(environment: Environment): RecordKeys | null {
  return readRecordKeys(environment) ?? keysIn(path.join(stateFolder(environment), KEY_FILE));
}

/**
 * The same; where there is none, one is made in the state folder, so that a single operator has to set nothing.
 * @throws InvalidInput
 */
export function insistOnRecordKeys(environment: Environment): RecordKeysHere {
  const keys = recordKeysHere(environment);
  if (keys) return { keys, made: null };
  const file = path.join(openStateFolder(environment), KEY_FILE);
  const made = makeKey(file);
  const read = keysIn(file);
  if (!read) throw new Error(`${file} was made a moment ago and is gone`);
  return { keys: read, made: made ? file : null };
}

function keysIn(file: string): RecordKeys | null {
  if (!existsSync(file)) return null;
  const fix = `set ${RECORD_KEY_VARIABLE}, or remove the file`;
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new InvalidInput(file, [`cannot be read (${String(error)}); ${fix}`]);
  }
  return recordKeysOf(file, text.trim(), fix);
}

/** Whole or not at all; of two rollouts that begin together, one makes it. Gives `false` where it is there already. */
function makeKey(file: string): boolean {
  const part = `${file}.${randomUUID()}`;
  writeFileSync(part, `${randomBytes(32).toString("hex")}\n`, { flag: "wx", mode: 0o600 });
  try {
    linkSync(part, file);
    return true;
  } catch (error) {
    if (existsSync(file)) return false;
    throw error;
  } finally {
    rmSync(part, { force: true });
  }
}
