/** Where the seconds of a rollout went, from its own record. Pure. */
import type { EventName, RolloutEvent } from "../../scripts/rollout/core/events.js";
import type { Receipt } from "../../scripts/rollout/core/receipt.js";
import { rounded, type Phases } from "./figures.js";

/** A host's turn, in seconds since the rollout began. */
export interface Turn {
  readonly name: string;
  readonly fromSeconds: number;
  readonly toSeconds: number;
}

/**
 * The turns of the hosts that were replaced, in their order.
 * @throws Error when a host was not replaced
 */
export function turnsOf({ hosts }: Pick<Receipt, "hosts">, events: readonly RolloutEvent[]): Turn[] {
  const turns = hosts.map(({ name, action, seconds }) => {
    const end = events.findLast(
      (event) => event.host === name && event.name === "hostStatus" && event.data.status === "serving",
    );
    if (action !== "replaced" || end === undefined) throw new Error(`${name} was ${action}, not replaced`);
    const toSeconds = end.elapsedMs / 1000;
    return { name, fromSeconds: toSeconds - seconds, toSeconds };
  });
  return turns.sort((one, other) => one.fromSeconds - other.fromSeconds);
}

/**
 * @param turns of at least one host
 * @param seconds from the rollout's command to its end
 * @throws Error when the record lacks a moment
 */
export function phasesOf(events: readonly RolloutEvent[], turns: readonly Turn[], seconds: number): Phases {
  const at = (name: EventName): number => momentOf(events.find((event) => event.name === name)) ?? missing(name);
  const locked = at("locked");
  // Hosts are seen to serve before they are locked.
  const seen = events.findLast(({ name, elapsedMs }) => name === "hostStatus" && elapsedMs / 1000 <= locked);
  const looked = momentOf(seen) ?? missing("hostStatus");
  const [pulled, planned, finished] = [at("pulled"), at("planned"), at("finished")];
  const began = Math.min(...turns.map(({ fromSeconds }) => fromSeconds));
  const ended = Math.max(...turns.map(({ toSeconds }) => toSeconds));
  const hosts = secondsOfAny(turns);
  const proven = Math.max(ended, momentOf(events.findLast(({ name }) => name === "probesAnswered")) ?? ended);
  return {
    process: rounded(seconds - finished),
    look: rounded(looked),
    locks: rounded(locked - looked),
    pull: rounded(pulled - locked),
    plan: rounded(planned - pulled),
    baseline: rounded(began - planned),
    hosts: rounded(hosts),
    between: rounded(ended - began - hosts),
    proof: rounded(proven - ended),
    end: rounded(finished - proven),
  };
}

const momentOf = (event: RolloutEvent | undefined): number | undefined => event && event.elapsedMs / 1000;

function missing(name: EventName): never {
  throw new Error(`the rollout has no event "${name}"`);
}

/** Seconds in which at least one of the turns lasts; those of a batch overlap. @param turns in the order of their begin */
function secondsOfAny(turns: readonly Turn[]): number {
  let [sum, until] = [0, -Infinity];
  for (const { fromSeconds, toSeconds } of turns) {
    sum += Math.max(0, toSeconds - Math.max(fromSeconds, until));
    until = Math.max(until, toSeconds);
  }
  return sum;
}
