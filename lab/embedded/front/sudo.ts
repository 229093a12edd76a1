/** The `sudo` of a droplet: the user data lets its user do one thing as root, and nothing else is known here. */
import { FRONT_HELPER } from "../../../contract/host.js";
import { NO_MODULE, type FrontTrouble } from "../../trouble.js";
import type { Output } from "../docker/commands.js";
import type { Front } from "./front.js";
import { Refusal } from "./words.js";

/** What sudo says to a user who has no rule, as on a droplet whose cloud-init is still at work. */
export const NO_RULE = "sudo: a password is required";

/** Exit code of the helper for a word that it does not take. */
const REFUSED = 64;

/**
 * Runs one command line.
 * @param words everything after `sudo`
 * @param onFault told of whatever the lab does not stand for
 */
export function sudo(words: readonly string[], front: Front, onFault: (fault: string) => void): Output {
  const [option, program, verb = "", ...rest] = words;
  if (option !== "-n" || program !== FRONT_HELPER) return unknown(words, onFault);
  try {
    const lines = front.call(verb, rest);
    if (lines === undefined) return unknown(words, onFault);
    return { exitCode: 0, stdout: lines.map((line) => `${line}\n`).join(""), stderr: "" };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { exitCode: REFUSED, stdout: "", stderr: `evenkeel-front: ${error.message}\n` };
  }
}

/** What the helper does without asking nft. */
const WITHOUT_NFT = "network | fits | keep | open";
/** It says the same whenever nft does not list the table. */
const NO_TABLE = "evenkeel-front: the front's table is missing";

const says = (words: string, exitCode: number): string => `echo "${words}" >&2\nexit ${exitCode}`;

const TROUBLED: Readonly<Record<FrontTrouble, string>> = {
  refused: says(NO_RULE, 1),
  missing: says(`sudo: ${FRONT_HELPER}: command not found`, 1),
  "no-module": `case \${3-} in
  ${WITHOUT_NFT}) PATH=\${PATH#*:} && exec sudo "$@" ;;
  show | evidence | traffic) ${says(NO_TABLE, REFUSED)} ;;
  *) ${says(NO_MODULE.stderr, NO_MODULE.exitCode)} ;;
esac`,
};

/** A `sudo` that goes before the droplet's own, in a folder that the search path begins with. */
export const troubledSudo = (trouble: FrontTrouble): string => `#!/bin/sh\n${TROUBLED[trouble]}\n`;

function unknown(words: readonly string[], onFault: (fault: string) => void): Output {
  const message = `the lab's sudo knows only -n ${FRONT_HELPER} and what that does, got ${words.join(" ")}`;
  onFault(message);
  return { exitCode: 1, stdout: "", stderr: `lab: ${message}\n` };
}
