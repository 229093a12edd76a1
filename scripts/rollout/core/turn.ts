/** Whose turn it is to leave rotation. */
import type { Traffic } from "../../../contract/host.js";
import type { ObservedCheck } from "../../../contract/policy.js";
import { probesOf } from "./gates.js";

/** Milliseconds from a look until an order to drain is in effect: a probe that comes sooner still finds the host serving. */
export const DRAIN_LEAD_MS = 1000;

/** Status from which an answer is a failure, as the witness counts them. */
const LEAST_FAILURE = 500;

/** A host whose turn has not come yet. */
export interface Waiting {
  readonly name: string;
  /** What its kernel tells at this moment; null when it told nothing. */
  readonly traffic: Traffic | null;
}

/**
 * Those whose next probe comes soonest first; of equals, and where nothing is known, in the given order. A drained host has to wait for
 * that probe, and it is admitted at one of its own: taken in this order, all hosts together wait about one interval, not half a one each.
 * @param sources the balancer's nodes: of several, the last to ask is the one that a drain waits for
 */
export function soonestProbed(
  hosts: readonly Waiting[],
  sources: readonly string[],
  { checkIntervalSeconds }: ObservedCheck,
): Waiting[] {
  const intervalMs = checkIntervalSeconds * 1000;
  const waits = new Map(hosts.map((host) => [host, waitMs(host, sources, intervalMs)]));
  return [...hosts].sort((a, b) => (waits.get(a) ?? 0) - (waits.get(b) ?? 0));
}

/**
 * Those first that fail by themselves, else in the given order: while they are out, the others answer more than before. So the last one that
 * answers leaves when others do by then.
 */
export const failingFirst = <Candidate extends { readonly failsItself: boolean }>(
  hosts: readonly Candidate[],
): Candidate[] => [...hosts].sort((a, b) => Number(b.failsItself) - Number(a.failsItself));

/** Whether a status fails a client; none tells nothing. */
export const isFailure = (status: number | null): boolean => status !== null && status >= LEAST_FAILURE;

/** What a host that could be asked gets from itself; null without an answer. */
export interface OwnAnswers {
  /** Status at "/". */
  readonly answer: number | null;
  /** Status of its health path; asked only without the other answer. */
  readonly health: number | null;
}

/**
 * An app may hang with everything but its health path, and the balancer goes on sending to it. Where neither is answered, it may lie in the way
 * that the host is asked.
 */
export const failsByItself = ({ answer, health }: OwnAnswers): boolean =>
  answer === null ? health !== null : isFailure(answer);

/** Milliseconds until every node has asked a host whose drain begins now. */
function waitMs({ traffic }: Waiting, sources: readonly string[], intervalMs: number): number {
  const waits = sources.map((source) => {
    const probe = traffic && probesOf(traffic, source);
    return probe ? nextMs(probe.newestMs, intervalMs) : intervalMs + DRAIN_LEAD_MS;
  });
  return Math.max(0, ...waits);
}

/** Probes come every interval; the first one that a drained host can fail is the first one after the lead. */
function nextMs(agoMs: number, intervalMs: number): number {
  const passedMs = (agoMs + DRAIN_LEAD_MS) % intervalMs;
  return DRAIN_LEAD_MS + intervalMs - passedMs;
}
