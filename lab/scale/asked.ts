/**
 * What a rollout's command asks of a host. A text is guessed at, written anew by the rollout's own builder and compared: one that
 * the builder does not write is not known.
 */
import { containerName, type Slot } from "../../contract/host.js";
import type { Release } from "../../contract/release.js";
import * as commands from "../../scripts/rollout/commands/host.js";
import * as look from "../../scripts/rollout/commands/look.js";
import { LOGIN_COMMAND } from "../../scripts/rollout/commands/frame.js";
import { engine, type Place } from "../../scripts/rollout/commands/steward.js";
import type { KeptRelease, LockRequest } from "../../scripts/rollout/ports.js";
import { LabFault } from "../fault.js";
import { brought, type Command } from "./framed.js";

export type Asked =
  | { readonly kind: "survey"; readonly booted: boolean }
  | { readonly kind: "steward"; readonly request: LockRequest }
  | { readonly kind: "observe"; readonly runId: string; readonly beat: number }
  /** Order 0 is the lock. */
  | {
      readonly kind: "follow";
      readonly runId: string;
      readonly beat: number;
      readonly sequence: number;
      readonly seconds: number;
    }
  /** `path` is relative to the fleet's folder; the content is on stdin. `runId` has to hold the lock; null for an order, which only its steward reads. */
  | { readonly kind: "file"; readonly runId: string | null; readonly path: string }
  | { readonly kind: "pull"; readonly runId: string; readonly image: string }
  | { readonly kind: "logs"; readonly slot: Slot; readonly lines: number }
  | {
      readonly kind: "prune";
      readonly runId: string;
      readonly keep: readonly KeptRelease[];
      readonly filesOnly: readonly string[];
    };
export type Kind = Asked["kind"];

export const noCommands = (): Record<Kind, number> => ({
  survey: 0,
  steward: 0,
  observe: 0,
  follow: 0,
  file: 0,
  pull: 0,
  logs: 0,
  prune: 0,
});

/** The owner's words are quoted where the shell would part them. */
const STEWARD = /\/steward\.sh" (\S+) (?:'([^']+)'|(\S+)) (\d+) <\/dev\/null >steward\.log/;
const OBSERVE = /\/runs\/([^/"]+)" \|\| exit 1\n\{ printf %s (\d+) >beat\.new/;
const FOLLOWED = /case \$number:\$state in (\d+):/;
const LOOKS = /-ge (\d+) \] \|\| is_over/;
const LOCKED = /\/runs\/([^/"]+)\/pid" 2>/;
const FILE = /&& cat >(\S+)\.new && /;
const PULL = /pull --quiet (\S+) <\/dev\/null/;
const LOGS = /docker logs --tail (\d+) (\S+) 2>&1/;
const SLOTS: readonly Slot[] = ["current", "previous", "failed"];
/** Releases of which more than the files is kept are named beside the pre-deploy container. */
const KEPT = /^case \$\(docker inspect .* in '' \| ([^)]*)\) ;;/m;
const KEPT_FILE = /([0-9a-f]{16})\.json/g;

/**
 * @param releases kept on the host, by id: a command may only name those
 * @throws LabFault for a command of another kind, or for another host
 */
export function asked(place: Place, releases: ReadonlyMap<string, Release>, command: Command): Asked {
  const { script, input } = (command.text === LOGIN_COMMAND && brought(command)) || { script: "", input: "" };
  const found = guesses(place, releases, script).find((guess) => {
    const given = written(place, guess, input);
    return given.script === script && given.input === input;
  });
  if (found) return found;
  throw new LabFault(`the simulated host ${place.privateAddress} does not know the command: ${script || command.text}`);
}

function guesses(place: Place, releases: ReadonlyMap<string, Release>, script: string): Asked[] {
  const [, runId = "", words, word = "", lease] = STEWARD.exec(script) ?? [];
  const [, observed = "", beat] = OBSERVE.exec(script) ?? [];
  const [, sequence] = FOLLOWED.exec(script) ?? [];
  const [, looks] = LOOKS.exec(script) ?? [];
  const [, locked = ""] = LOCKED.exec(script) ?? [];
  const [, lines, container] = LOGS.exec(script) ?? [];
  const ids = KEPT.exec(script)?.[1]?.split(" | ") ?? [];
  const files = [...script.matchAll(KEPT_FILE)].map(([, id]) => id ?? "");
  return [
    { kind: "survey", booted: false },
    { kind: "survey", booted: true },
    { kind: "observe", runId: observed, beat: Number(beat) },
    {
      ...{ kind: "follow", runId: observed, beat: Number(beat) },
      ...{ sequence: Number(sequence), seconds: Number(looks) * look.FOLLOW_TICK_SECONDS },
    },
    { kind: "file", runId: locked || null, path: FILE.exec(script)?.[1] ?? "" },
    { kind: "steward", request: { runId, owner: words ?? word, leaseSeconds: Number(lease) } },
    { kind: "pull", runId: locked, image: PULL.exec(script)?.[1] ?? "" },
    ...SLOTS.filter((slot) => containerName(place.fleet, slot) === container).map(
      (slot) => ({ kind: "logs", slot, lines: Number(lines) }) as const,
    ),
    {
      kind: "prune",
      runId: locked,
      keep: ids.flatMap((id) => releases.get(id) ?? []),
      filesOnly: files.slice(ids.length),
    },
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
    case "follow":
      return { script: look.follow(place.fleet, what.runId, what.beat, what.sequence, what.seconds), input: "" };
    case "file":
      return locked(place, what.runId, commands.writeFile(place.fleet, what.path, text));
    case "pull":
      return locked(place, what.runId, { script: commands.pull(what.image), input: "" });
    case "logs":
      return { script: commands.logs(place.fleet, what.slot, what.lines), input: "" };
    case "prune":
      return locked(place, what.runId, { script: commands.prune(place.fleet, what.keep, what.filesOnly), input: "" });
  }
}

const locked = ({ fleet }: Place, runId: string | null, { script, input }: commands.Given): commands.Given => ({
  script: runId === null ? script : commands.whileLocked(fleet, runId, script),
  input,
});
