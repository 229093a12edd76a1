/** Files on the machine that runs the rollout. */
import { mkdirSync, readFileSync, statSync } from "node:fs";
import { homedir, hostname, userInfo } from "node:os";
import path from "node:path";
import { environmentNames } from "../../../contract/manifest.js";
import { InvalidInput } from "../../../contract/problems.js";
import type { Environment, Source } from "../input.js";
import { isUsablePath } from "./ssh-options.js";

/**
 * Folder of known hosts and run records: EVENKEEL_STATE_DIR, or the user's state folder.
 * @throws InvalidInput for a relative one: Terraform runs the rollout in another folder than a person does
 */
export function stateFolder(environment: Environment): string {
  const chosen = environment[environmentNames.stateFolder];
  if (chosen) return absolute(environmentNames.stateFolder, chosen);
  const base = environment["XDG_STATE_HOME"] ?? "";
  // A relative one is to be ignored. @see https://specifications.freedesktop.org/basedir-spec/latest/
  return path.join(path.isAbsolute(base) ? base : path.join(homeFolder(), ".local", "state"), "evenkeel");
}

/** Folder of whoever runs this. @throws InvalidInput where there is none, as for a user without an entry in passwd */
export function homeFolder(): string {
  const folder = homeOrNone();
  if (path.isAbsolute(folder)) return folder;
  throw new InvalidInput("environment", [
    `HOME: got ${folder === "" ? "nothing" : JSON.stringify(folder)}; needs the home folder of whoever runs this, as a path from /`,
  ]);
}

function homeOrNone(): string {
  try {
    return homedir();
  } catch {
    return "";
  }
}

/** Why something could not be done, in the system's words. */
export const whyNot = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Makes the state folder. @throws InvalidInput when that cannot be done */
export function openStateFolder(environment: Environment): string {
  const folder = stateFolder(environment);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return folder;
  } catch (error) {
    throw new InvalidInput("environment", [
      `${environmentNames.stateFolder}: got ${JSON.stringify(folder)}, which is no folder and cannot be made one (${whyNot(error)}); needs a folder that can be written to`,
    ]);
  }
}

/** File of pinned host keys, in the state folder, which is made. @throws InvalidInput for a path that OpenSSH cannot be told */
export function knownHostsFile(environment: Environment): string {
  const file = path.join(stateFolder(environment), "known_hosts");
  if (!isUsablePath(file)) {
    throw new InvalidInput("environment", [
      `${environmentNames.stateFolder}: got ${JSON.stringify(path.dirname(file))}; needs a folder whose path has no ", no \\, no \${ and no control characters, as OpenSSH reads those in its own way and would pin no host key there`,
    ]);
  }
  openStateFolder(environment);
  return file;
}

function absolute(name: string, value: string): string {
  if (path.isAbsolute(value)) return value;
  throw new InvalidInput("environment", [
    `${name}: got ${JSON.stringify(value)}, which is another place in each folder that a rollout is run in; needs a path from /`,
  ]);
}

/** OpenSSH configuration named in the environment, or null. @throws InvalidInput when it is relative or not there */
export function sshConfigFile(environment: Environment): string | null {
  const chosen = environment[environmentNames.sshConfig];
  if (!chosen) return null;
  const file = absolute(environmentNames.sshConfig, chosen);
  if (statSync(file, { throwIfNoEntry: false })?.isFile()) return file;
  throw new InvalidInput("environment", [
    `${environmentNames.sshConfig}: got ${JSON.stringify(file)}, which is no file; needs the path of an OpenSSH configuration`,
  ]);
}

/** @param writtenWith a command that writes it, for messages @throws InvalidInput when the file cannot be read */
export function readSource(file: string, writtenWith = `npx cdktf output --outputs-file ${file}`): Source {
  try {
    return { name: file, text: readFileSync(file, "utf8") };
  } catch (error) {
    const why = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new InvalidInput(file, [`cannot be read (${why}); write it with: ${writtenWith}`]);
  }
}

/** Who runs the rollout, for people; one word, as it becomes part of a lock's name. */
export const whoRuns = (): string => `${userName()}@${hostname()}`.replaceAll(/[^A-Za-z0-9@._-]/g, "-");

/** In a container the user may be a mere number, which has no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid-${process.getuid?.() ?? "unknown"}`;
  }
}
