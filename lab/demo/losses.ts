/** Lost requests in words: when, which, and what balancer and rollout were doing. Pure. */
import { messageOf, type RolloutEvent } from "../../scripts/rollout/core/events.js";
import { many, seconds } from "../../scripts/rollout/output/text.js";
import type { FailureKind } from "../load/accounting.js";
import type { Failure, LoadReport } from "../load/load.js";
import type { Change } from "../site.js";

/** What is known of the moments at which requests were lost. */
export interface Surroundings {
  /** Nodes of the balancer. */
  readonly nodes: number;
  /** What the balancer's nodes saw since it began, oldest first. */
  readonly changes: readonly Change[];
  /** Of the rollout, in order. */
  readonly events: readonly RolloutEvent[];
}

export type Losses = Pick<LoadReport, "startedAtMs" | "failed" | "failures" | "failedByKind">;

/** Each kind shows where to look; more of one kind show nothing new. */
const SHOWN_OF_EACH_KIND = 2;

/** One line for all of them, then when and which for the first of each kind; none without a loss. */
export function lossLines(losses: Losses, surroundings: Surroundings): string[] {
  if (losses.failed === 0) return [];
  const kinds = Object.entries(losses.failedByKind) as [FailureKind, number][];
  const shown = kinds.flatMap(([kind]) =>
    losses.failures.filter((failure) => failure.kind === kind).slice(0, SHOWN_OF_EACH_KIND),
  );
  const inOrder = shown.sort((a, b) => a.atMs + a.ms - (b.atMs + b.ms));
  return [
    `${many(losses.failed, "request")} sent and lost: ${kinds.map(([kind, count]) => `${count} ${kindWords[kind]}`).join(", ")}`,
    ...inOrder.flatMap((failure) => oneLoss(failure, losses.startedAtMs, surroundings)),
  ];
}

const kindWords: Readonly<Record<FailureKind, string>> = {
  status: "answered with an error",
  reset: "cut off",
  timeout: "not answered in time",
  refused: "refused",
  error: "failed otherwise",
};

function oneLoss(failure: Failure, startedAtMs: number, surroundings: Surroundings): string[] {
  const dueMs = startedAtMs + failure.atMs;
  const { path, ms } = failure;
  const end = failure.status === null ? kindWords[failure.kind] : `ended with status ${failure.status}`;
  return [
    `  ${whenOf(dueMs, surroundings.events)}: GET ${path} ${end} after ${Math.round(ms)} ms`,
    `    ${balancerAt(dueMs + ms, surroundings)}`,
    `    ${rolloutAt(dueMs + ms, surroundings.events)}`,
  ];
}

function whenOf(atMs: number, events: readonly RolloutEvent[]): string {
  const began = beganAt(events);
  if (began === null) return new Date(atMs).toISOString();
  return atMs < began
    ? `${seconds((began - atMs) / 1000)} before the rollout began`
    : `${seconds((atMs - began) / 1000)} into the rollout`;
}

/** `Date.now()` of the rollout's begin. */
function beganAt([first]: readonly RolloutEvent[]): number | null {
  return first ? Date.parse(first.time) - first.elapsedMs : null;
}

/** To whom each node of the balancer sent requests at a moment. */
export function hostsUpAt(atMs: number, { nodes, changes }: Pick<Surroundings, "nodes" | "changes">): string[][] {
  return Array.from({ length: nodes }, (_, node) => {
    const up = new Set<string>();
    for (const change of changes) {
      if (change.node !== node || change.atMs > atMs) continue;
      if (change.up) up.add(change.droplet);
      else up.delete(change.droplet);
    }
    return [...up].sort();
  });
}

function balancerAt(atMs: number, surroundings: Surroundings): string {
  const words = hostsUpAt(atMs, surroundings).map((hosts) =>
    hosts.length === 0 ? "to nobody, as no host passed its check" : `to ${hosts.join(" and ")}`,
  );
  if (new Set(words).size === 1) return `the balancer sent requests ${words[0]}`;
  return words.map((to, node) => `node ${node + 1} of the balancer sent requests ${to}`).join("; ");
}

/** State of each host as the rollout told it, and its last word. */
function rolloutAt(atMs: number, events: readonly RolloutEvent[]): string {
  const before = events.filter(({ time }) => Date.parse(time) <= atMs);
  const last = before.at(-1);
  if (!last) return "the rollout had not begun";
  const states = new Map<string, string>();
  for (const event of before)
    if (event.name === "hostStatus" && event.host !== null) states.set(event.host, event.data.status);
  const hosts = [...states].map(([host, status]) => `${host} ${status}`).join(", ");
  const word = `${last.host === null ? "" : `${last.host}: `}${messageOf(last)}`;
  return `the rollout had ${hosts || "no host yet"}; its last event: ${word}`;
}
