/**
 * What a rollout's command asks of a host. A text is guessed at, written anew by the rollout's own builder and compared: one that
 * the builder does not write is not known.
 */
import { containerName, type Slot } from "../../contract/host.js";
import type { Release } from "../../contract/release.js";
import * as commands from "../../scripts/rollout/commands/host.js";
import * as look from "../../scripts/rollout/commands/look.js";
import { engine, type Place } from "../../scripts/rollout/commands/steward.js";
import type { LockRequest } from "../../scripts/rollout/ports.js";
import { LabFault } from "../fault.js";

export type Asked =
  | { readonly kind: "survey"; readonly booted: boolean }
  | { readonly kind: "steward"; readonly request: LockRequest }
  | { readonly kind: "observe"; readonly runId: string; readonly beat: number }
  /** `path` is relative to the fleet's folder; the content is on stdin. */
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "pull"; readonly image: string }
  | { readonly kind: "logs"; readonly slot: Slot; readonly lines: number }
  | { readonly kind: "prune"; readonly keep: readonly Release[] };
export type Kind = Asked["kind"];

export const noCommands = (): Record<Kind, number> => ({
  survey: 0,
  steward: 0,
  observe: 0,
  file: 0,
  pull: 0,
  logs: 0,
  prune: 0,
});

/** A command over SSH, with all of its standard input. */
export interface Command {
  readonly text: string;
  readonly input: string;
}

/** How the rollout wraps every script, to see its exit code (scripts/rollout/adapters/ssh.ts). */
const WRAPPED = /^\(\n([^]*)\n\)\nprintf '\\n@@exit %s' "\$\?"$/;
/** The owner's words are quoted where the shell would part them. */
const STEWARD = /\/steward\.sh" (\S+) (?:'([^']+)'|(\S+)) (\d+) <\/dev\/null >steward\.log/;
const OBSERVE = /\/runs\/([^/"]+)" \|\| exit 1\n\{ printf %s (\d+) >beat\.new/;
const FILE = /&& cat >(\S+)\.new && /;
const PULL = /pull --quiet (\S+) <\/dev\/null/;
const LOGS = /^docker logs --tail (\d+) (\S+) 2>&1$/;
const SLOTS: readonly Slot[] = ["current", "previous", "smoke", "failed"];
const KEPT = /([0-9a-f]{16})\.json/g;

/**
 * @param releases kept on the host, by id: a command may only name those
 * @throws LabFault for a command of another kind, or for another host
 */
export function asked(place: Place, releases: ReadonlyMap<string, Release>, command: Command): Asked {
  const script = WRAPPED.exec(command.text)?.[1] ?? "";
  const found = guesses(place, releases, script).find((guess) => {
    const given = written(place, guess, command.input);
    return given.script === script && given.input === command.input;
  });
  if (found) return found;
  throw new LabFault(`the simulated host ${place.privateAddress} does not know the command: ${command.text}`);
}

function guesses(place: Place, releases: ReadonlyMap<string, Release>, script: string): Asked[] {
  const [, runId = "", words, word = "", lease] = STEWARD.exec(script) ?? [];
  const [, observed = "", beat] = OBSERVE.exec(script) ?? [];
  const [, lines, container] = LOGS.exec(script) ?? [];
  const ids = [...script.matchAll(KEPT)].map(([, id]) => id ?? "");
  return [
    { kind: "survey", booted: false },
    { kind: "survey", booted: true },
    { kind: "observe", runId: observed, beat: Number(beat) },
    { kind: "file", path: FILE.exec(script)?.[1] ?? "" },
    { kind: "steward", request: { runId, owner: words ?? word, leaseSeconds: Number(lease) } },
    { kind: "pull", image: PULL.exec(script)?.[1] ?? "" },
    ...SLOTS.filter((slot) => containerName(place.fleet, slot) === container).map(
      (slot) => ({ kind: "logs", slot, lines: Number(lines) }) as const,
    ),
    { kind: "prune", keep: ids.flatMap((id) => releases.get(id) ?? []) },
  ];
}

/** @param text content of a file, if one is brought */
function written(place: Place, what: Asked, text: string): commands.Given {
  switch (what.kind) {
    case "survey":
      return { script: look.survey(place, what.booted), input: "" };
    case "steward":
      return commands.startSteward(place.fleet, what.request, engine(place.fleet));
    case "observe":
      return { script: look.observe(place, what.runId, what.beat), input: "" };
    case "file":
      return commands.writeFile(place.fleet, what.path, text);
    case "pull":
      return { script: commands.pull(what.image), input: "" };
    case "logs":
      return { script: commands.logs(place.fleet, what.slot, what.lines), input: "" };
    case "prune":
      return { script: commands.prune(place.fleet, what.keep), input: "" };
  }
}
