/** What a host holds and tells: container labels, its front, the steward's journal. */
import { z } from "zod";

/** Docker labels of every container that a rollout starts. */
export const labels = {
  fleet: "evenkeel.fleet",
  release: "evenkeel.release",
  /** Id of the run that started it; of a pre-deploy container only. */
  run: "evenkeel.run",
} as const;

/** The root helper that changes which container a host's ports lead to: its own text says what it takes. */
export const FRONT_HELPER = "/usr/local/sbin/evenkeel-front";

const count = () => z.int("a whole number").min(0, "a whole number from 0");
const age = () => z.number("a number of milliseconds").min(0, "a number of milliseconds from 0");
const portNumber = () => z.int("a port").min(1, "a port").max(65_535, "a port");

/** Seconds that a host's kernel remembers who came to its front, in nftables' sets: the helper's own text says it as well. */
export const FRONT_MEMORY_SECONDS = 900;

/** What the helper shows of a front: `NAME ADDRESS SERVICES CHECKS TARGET PORT STATE`. */
export const frontLine = z.object({
  /** Ports that requests are sent to. */
  services: z.array(portNumber()).min(1).max(2),
  /** Ports that the balancer's health check asks; none where it asks one of the former. */
  checks: z.array(portNumber()).max(2),
  /** Address and port of the container. */
  target: z.ipv4("an address"),
  port: portNumber(),
  /** `dropped`: the health ports are refused. `elsewhere`: the kernel has something else than the helper was told. */
  state: z.enum(["open", "dropped", "elsewhere"], "open, dropped or elsewhere"),
});
/** Where a host's front leads: which container its service and health ports are for. */
export type Front = z.output<typeof frontLine>;

/** What came to a service port. */
const seen = z.object({
  port: portNumber(),
  /** Connections. It goes on for as long as no 15 minutes pass without one. */
  count: count(),
  /** Milliseconds since the last one came, at the moment of the look. */
  newestMs: age(),
});

/** Connections of one address to a health port: a node of the balancer, or whoever else reaches it. The count is of the seconds that were asked for. */
const nodeSeen = seen.extend({
  node: z.ipv4("an address"),
  /** Milliseconds since the first one of these seconds came. */
  oldestMs: age(),
});

/** What the kernel saw at the ports of a front: no container and no app can write it. */
export const frontEvidence = z.object({
  asked: z.array(nodeSeen),
  /** Of the former, those that were refused, as the health port was dropped. */
  refused: z.array(nodeSeen),
  /** Of the former, those that a container answered with 2xx or 3xx: its address and port. */
  answered: z.array(nodeSeen.extend({ target: z.ipv4("an address"), targetPort: portNumber() })),
  opened: z.array(seen),
});
export type FrontEvidence = z.output<typeof frontEvidence>;

/** A node's newest probes in a row that came to the same. One that may still be answered is left out. */
export const probeRun = z.object({
  port: portNumber(),
  node: z.ipv4("an address"),
  /** passed: the container that the front leads to has answered 200 to 399 · elsewhere: another one has · failed: refused, or no such answer in time */
  outcome: z.enum(["passed", "failed", "elsewhere"], "passed, failed or elsewhere"),
  count: count(),
  /** Milliseconds since the first of them began. */
  oldestMs: age(),
  /** Milliseconds since the last one began. */
  newestMs: age(),
});
export type ProbeRun = z.output<typeof probeRun>;

/** What the helper tells of who comes. */
export const trafficTold = z.object({ probes: z.array(probeRun), opened: frontEvidence.shape.opened });

/** What came to a host, and for which container: as its kernel and its Docker tell, so that no app can write it. Ages, so that no two clocks are compared. */
export interface Traffic {
  /** The container and its process: changes with every start. */
  readonly instance: string;
  /** Its address in the containers' network, which the front leads to. */
  readonly target: string;
  /** draining: the health ports are refused, and requests are served. */
  readonly state: "serving" | "draining";
  /** Sockets on which the container may still owe an answer; null where nobody could count. */
  readonly open: number | null;
  /** Of each node and health port one. */
  readonly probes: readonly ProbeRun[];
  /** Connections for requests, since nothing came for 15 minutes. */
  readonly requests: number;
  /** Milliseconds since the last one came; null where none has. */
  readonly lastRequestAgoMs: number | null;
}

/** Docker network that the containers of all fleets on a machine have their addresses in. */
export const CONTAINER_NETWORK = "evenkeel";

/** Environment variables that every container gets: it has to heed the first two. */
export const appEnvironment = {
  port: "PORT",
  healthPath: "HEALTH_PATH",
  /** Second path that is answered like the first; not set unless the path is about to change. */
  nextHealthPath: "NEXT_HEALTH_PATH",
  /** Where it takes `POST /drain`; not set without `service.drainPort`. */
  drainPort: "DRAIN_PORT",
  /** Release id. */
  release: "RELEASE",
} as const;

/**
 * Where a container stands on its host. `older` is the one before `previous`, kept until it is certain that nothing is taken back.
 * `pre-deploy` ran the pre-deploy command, and says by its release and exit code for which release that has been done.
 */
export const slots = ["current", "previous", "older", "failed", "pre-deploy"] as const;
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
