/** Finds the command that a `docker` command line names, runs it and turns what it throws into output. */
import path from "node:path";
import { DockerError } from "../../model/docker-error.js";
import { LabFault } from "../../fault.js";
import * as commands from "./commands.js";
import type { Command, Invocation, Output } from "./commands.js";

const COMMANDS: Readonly<Record<string, Command>> = {
  run: commands.run,
  stop: commands.stop,
  start: commands.start,
  restart: commands.restart,
  rename: commands.rename,
  rm: commands.remove,
  update: commands.update,
  kill: commands.kill,
  inspect: commands.inspect,
  ps: commands.ps,
  logs: commands.logs,
  pull: commands.pull,
  images: commands.images,
  rmi: commands.removeImage,
  version: commands.version,
  info: commands.info,
  "network inspect": commands.inspectNetwork,
  "network create": commands.createNetwork,
  "image inspect": commands.inspectImage,
  "image ls": commands.images,
  "image rm": commands.removeImage,
};

/** Exit code of a command line that Docker, or the lab, does not understand. */
const NOT_UNDERSTOOD = 125;

/**
 * Runs one command line.
 *
 * @param words everything after `docker`
 * @param onFault told of whatever the lab does not stand for
 */
export async function docker(
  words: readonly string[],
  context: Omit<Invocation, "words" | "configFolder">,
  onFault: (fault: string) => void,
): Promise<Output> {
  try {
    const { configFolder, rest } = globalFlags(words);
    const [command, operands] = find(rest);
    return await command({ ...context, configFolder, words: operands });
  } catch (error) {
    if (error instanceof DockerError) {
      return { exitCode: 1, stdout: "", stderr: `Error response from daemon: ${error.message}\n` };
    }
    const message = error instanceof Error ? error.message : String(error);
    onFault(`docker ${words.join(" ")}: ${message}`);
    return { exitCode: NOT_UNDERSTOOD, stdout: "", stderr: `lab: ${message}\n` };
  }
}

function globalFlags(words: readonly string[]): { configFolder: string | null; rest: readonly string[] } {
  if (words[0] !== "--config") return { configFolder: null, rest: words };
  const [, configFolder = ""] = words;
  // Docker counts a relative folder from where its client runs, which the lab's engine does not know.
  if (!path.isAbsolute(configFolder))
    throw new LabFault(`--config takes an absolute folder here, not "${configFolder}"`);
  return { configFolder, rest: words.slice(2) };
}

function find(words: readonly string[]): [command: Command, operands: readonly string[]] {
  const [first = "", second = ""] = words;
  const long = COMMANDS[`${first} ${second}`];
  if (long) return [long, words.slice(2)];
  const short = COMMANDS[first];
  if (short) return [short, words.slice(1)];
  throw new LabFault(`the lab's docker does not know the command "${first} ${second}"`);
}
