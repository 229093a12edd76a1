/** Folders on this machine for the sockets of ssh connections, and the removal of those that a killed controller left. */
import { lstatSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { connect } from "node:net";
import path from "node:path";
import { InvalidInput } from "../../../contract/problems.js";
import { whyNot } from "./files.js";

/** Unix socket paths are limited to about 100 bytes, so the folder is a short one. */
const SOCKET_PARENT = "/tmp";
const DAY_MS = 86_400_000;
/** As {@link makeSocketFolder} names them. */
const NAME = /^ek-(\d+)-\w+$/;

/** Folder for the sockets of one rollout's connections; its name holds this process's number. @throws InvalidInput where none can be made */
export function makeSocketFolder(): string {
  // Nobody waits for it: leavings harm nobody.
  void removeLeftFolders(SOCKET_PARENT, Date.now());
  try {
    return mkdtempSync(path.join(SOCKET_PARENT, `ek-${process.pid}-`));
  } catch (error) {
    throw new InvalidInput("environment", [
      `${SOCKET_PARENT}: got a folder that nothing can be made in (${whyNot(error)}); needs one that can be written to, for the sockets of ssh`,
    ]);
  }
}
export const removeSocketFolder = (folder: string): void => rmSync(folder, { recursive: true, force: true });

/**
 * Removes this user's folders in `parent` that nobody uses: nothing has happened in it for a day, its process is gone, and nobody listens on its sockets.
 * The day is for a `parent` that containers share: the process may live where this one cannot see its number, and may have opened no socket yet.
 * A number of the process's namespace would not do instead, as virtual machines that share a folder give the same one.
 * @param nowMs milliseconds since 1970
 */
export async function removeLeftFolders(parent: string, nowMs: number): Promise<void> {
  try {
    for (const name of readdirSync(parent)) {
      const folder = path.join(parent, name);
      if (isLeft(folder, nowMs) && !(await isListening(folder))) removeSocketFolder(folder);
    }
  } catch {
    // Another rollout may be at it at the same time: the next one tries again.
  }
}

function isLeft(folder: string, nowMs: number): boolean {
  const pid = NAME.exec(path.basename(folder))?.[1];
  if (pid === undefined) return false;
  const found = lstatSync(folder, { throwIfNoEntry: false });
  if (!found?.isDirectory() || found.uid !== process.getuid?.()) return false;
  return nowMs - found.mtimeMs > DAY_MS && isGone(Number(pid));
}

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}

/** An ssh may outlive the controller that started it, until its command ends. */
async function isListening(folder: string): Promise<boolean> {
  for (const file of readdirSync(folder)) {
    const socket = path.join(folder, file);
    if (lstatSync(socket).isSocket() && !(await refuses(socket))) return true;
  }
  return false;
}

const refuses = (socket: string): Promise<boolean> =>
  new Promise((resolve) => {
    const connection = connect(socket);
    const answer = (refused: boolean) => {
      connection.destroy();
      resolve(refused);
    };
    connection.once("connect", () => answer(false));
    connection.once("error", (error: NodeJS.ErrnoException) => answer(error.code === "ECONNREFUSED"));
  });
