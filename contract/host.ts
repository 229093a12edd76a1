/** What a host holds and answers: container labels, the app's control port, the steward's journal. */
import { z } from "zod";
import { record } from "./fields.js";

/** Docker labels of every container that a rollout starts. */
export const labels = {
  fleet: "evenkeel.fleet",
  release: "evenkeel.release",
  /** Id of the run that started it; of a pre-deploy container only. */
  run: "evenkeel.run",
} as const;

/** Request header of the rollout's own requests through the balancer. */
export const WITNESS_HEADER = "x-evenkeel-witness";

/** Environment variables that the app reads. */
export const appEnvironment = {
  port: "PORT",
  controlPort: "CONTROL_PORT",
  /** Address that the control port listens on; inside a container the published loopback port leads to it. */
  controlHost: "CONTROL_HOST",
  healthPath: "HEALTH_PATH",
  /** Second path that is answered like the first; not set unless the path is about to change. */
  nextHealthPath: "NEXT_HEALTH_PATH",
  /** Release id, given back by `GET /lifecycle`. */
  release: "RELEASE",
} as const;

const count = () => z.int("a whole number").min(0, "a whole number from 0");
const age = () => z.number("a number of milliseconds").min(0, "a number of milliseconds from 0");

/** Probes of one source: a node of the balancer. A probe is a health request without X-Forwarded-For from outside the droplet. */
export const probeSource = record({
  source: z.string("an address"),
  /** Consecutive passed probes, 0 after a failed one. */
  passed: count(),
  /** Consecutive failed probes, 0 after a passed one. */
  failed: count(),
  /** Milliseconds since the last probe was answered. An age, so that no two clocks are compared. */
  agoMs: age(),
});
export type ProbeSource = z.output<typeof probeSource>;

/** Answer of `GET /lifecycle` on the control port. */
export const lifecycle = record({
  /** Changes with every start of the process. */
  instance: z.string("a text").min(1, "a text"),
  release: z.string("a text"),
  state: z.enum(["serving", "draining", "stopping"], 'one of "serving", "draining", "stopping"'),
  /** Ordinary requests accepted and not finished, upgraded connections left out. */
  inFlight: count(),
  /** Upgraded connections (WebSocket and the like) still open. */
  upgraded: count(),
  probes: z.array(probeSource, "a list of probe sources"),
  /** Milliseconds since the last ordinary request arrived, witness requests left out; null before the first. */
  lastRequestAgoMs: age().nullable(),
  /** Witness requests that arrived since the process started. */
  witnessRequests: count(),
});
export type Lifecycle = z.output<typeof lifecycle>;

/**
 * Where a container stands on its host. `older` is the one before `previous`, kept until it is certain that nothing is taken back.
 * `pre-deploy` ran the pre-deploy command, and says by its release and exit code for which release that has been done.
 */
export const slots = ["current", "previous", "older", "smoke", "failed", "pre-deploy"] as const;
export type Slot = (typeof slots)[number];

/** Docker name of a slot's container. The current one carries the fleet's plain name, as in the article. */
export const containerName = (fleet: string, slot: Slot): string => (slot === "current" ? fleet : `${fleet}-${slot}`);

/** A container as commands/docker.ts asks Docker for it: name to time of its end. The release is null where it has no labels at all. */
export const shownContainer = z.tuple([
  z.string(),
  z.string(),
  z.string(),
  z.string().nullable(),
  z.boolean(),
  z.boolean(),
  z.int(),
  z.int(),
  z.string(),
  z.string(),
]);
export type ShownContainer = z.output<typeof shownContainer>;

/** An image as commands/docker.ts asks Docker for it: digests and architecture. */
export const shownImage = z.tuple([z.array(z.string()).nullable(), z.string()]);

/** One line of the steward's journal: `<sequence>\t<state>\t<detail>`. */
export interface JournalEntry {
  /** Number of the order that the line belongs to; 0 for the steward's own life. */
  readonly sequence: number;
  readonly state: JournalState;
  /** Name of the step, or why it failed. */
  readonly detail: string;
}

/**
 * held: the lock is taken · refused: somebody else holds it (detail: who) · step: a step begins · done and failed: an order
 * ended · back: a step was taken back · undone: so were all that could be · lapsed: no heartbeat within the lease, or the host went
 * down · left: the lock is free
 */
export const journalStates = ["held", "refused", "step", "done", "failed", "back", "undone", "lapsed", "left"] as const;
export type JournalState = (typeof journalStates)[number];

/** A journal that somebody else has written in, or that a full disk has cut. */
export class UnreadableJournal extends Error {
  override readonly name = "UnreadableJournal";
}

/**
 * Reads a journal. A last line without its end is still being written and is left out.
 * @throws UnreadableJournal for a line of another form
 */
export function parseJournal(text: string): JournalEntry[] {
  const lines = text.split("\n").slice(0, -1);
  return lines.map((line) => {
    const [sequence, state, ...detail] = line.split("\t");
    if (!/^\d+$/.test(sequence ?? "") || !journalStates.includes(state as JournalState)) {
      throw new UnreadableJournal(
        `journal line is not of the form <sequence> <state> <detail>: ${JSON.stringify(line.slice(0, 120))}`,
      );
    }
    return { sequence: Number(sequence), state: state as JournalState, detail: detail.join(" ") };
  });
}
