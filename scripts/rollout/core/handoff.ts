/** Whether the balancer is content with a container that ports were led to. Pure decisions over what the host's kernel saw. */
import { FRONT_MEMORY_SECONDS, type FrontEvidence } from "../../../contract/host.js";
import type { ObservedCheck } from "../../../contract/policy.js";
import { probeLifeMs, type Verdict } from "./gates.js";

/** Fewer attempts are somebody's look, not a node that goes on asking. */
const LEAST_ATTEMPTS = 2;

/** Addresses that go on asking a host's health port: the balancer's nodes. Whoever imitates them can end a rollout, and never have it believed. */
export const nodesThatAsk = ({ asked }: FrontEvidence, check: ObservedCheck): string[] => {
  const goOn = asked.filter(({ count, newestMs }) => count >= LEAST_ATTEMPTS && newestMs <= probeLifeMs(check));
  return [...new Set(goOn.map(({ node }) => node))].sort();
};

/** A host as its kernel tells who asks it; null where it does not tell. */
export interface AskedHost {
  readonly name: string;
  readonly evidence: FrontEvidence | null;
}

/** Each node that asks any of these hosts asks all of them: who is not asked gets no requests, whatever it answers. */
export function allAsked(hosts: readonly AskedHost[], own: ReadonlySet<string>, check: ObservedCheck): Verdict {
  const told = hosts.map(({ name, evidence }) => ({ name, nodes: evidence && nodesThatAsk(evidence, check) }));
  const nodes = [...new Set(told.flatMap(({ nodes: some }) => some ?? []))].filter((node) => !own.has(node));
  for (const { name, nodes: asking } of told) {
    if (asking === null) return { pass: false, why: `${name}: its front does not tell who asks it` };
    if (nodes.length === 0) return { pass: false, why: `${name}: no node of the balancer has asked it lately` };
    const missing = nodes.find((node) => !asking.includes(node));
    if (missing !== undefined) return { pass: false, why: `${name}: node ${missing} has not asked it lately` };
  }
  return { pass: true };
}

/** The same, and what came of it for as long as a probe is evidence. */
export interface AnsweringHost extends AskedHost {
  readonly lately: FrontEvidence | null;
  /** As in {@link ProofInput}. */
  readonly forgiven: number;
}

/** Each node that asks any of these hosts had good answers from all of them lately, but for what is forgiven. */
export function allContent(hosts: readonly AnsweringHost[], own: ReadonlySet<string>, check: ObservedCheck): Verdict {
  const asked = allAsked(hosts, own, check);
  if (!asked.pass) return asked;
  const nodes = hosts
    .flatMap(({ evidence }) => (evidence ? nodesThatAsk(evidence, check) : []))
    .filter((node) => !own.has(node));
  for (const { name, lately, forgiven } of hosts) {
    const verdict = proven({ evidence: lately, nodes, target: null, check, forgiven });
    if (!verdict.pass) return { ...verdict, why: `${name}: ${verdict.why}` };
  }
  return { pass: true };
}

/**
 * Seconds that tell whether the balancer has had enough good answers in a row to have taken a host in, if it asks on time.
 */
export const takenInSeconds = ({ healthyThreshold, checkIntervalSeconds, responseTimeoutSeconds }: ObservedCheck) =>
  Math.min(FRONT_MEMORY_SECONDS, Math.ceil((healthyThreshold + 1) * checkIntervalSeconds + responseTimeoutSeconds));

/**
 * Whether a host has given each of these nodes nothing but good answers for {@link takenInSeconds}, whichever of its containers did, and as many as the
 * balancer takes a host in for. The balancer has counted on while the ports were led over; what the new container alone was asked is fewer.
 */
export const isTakenIn = (evidence: FrontEvidence, nodes: readonly string[], check: ObservedCheck): boolean =>
  nodes.length > 0 &&
  proven({ evidence, nodes, target: null, check, forgiven: 0 }).pass &&
  nodes.every((node) => {
    const good = evidence.answered.filter((seen) => seen.node === node);
    return good.reduce((all, { count }) => all + count, 0) >= check.healthyThreshold;
  });

/** A new connection for requests has come since: on those that a balancer keeps, requests still go to the container before. */
export const reached = (evidence: FrontEvidence | null): Verdict =>
  evidence !== null && evidence.opened.length > 0
    ? { pass: true }
    : { pass: false, why: "no new connection for requests has come to it since, although requests are sent" };

export interface ProofInput {
  /** Of the time since the ports were led over, and of no other; null where the front does not tell. */
  readonly evidence: FrontEvidence | null;
  /** That asked before. */
  readonly nodes: readonly string[];
  /** Address of the container whose answers count; null: those of any. */
  readonly target: string | null;
  readonly check: ObservedCheck;
  /** Attempts of a node that may have had no good answer, as the balancer forgives them. */
  readonly forgiven: number;
}

/** Each node has asked since, and that container has answered its probes with 200 to 399. */
export function proven(input: ProofInput): Verdict {
  const { evidence, nodes } = input;
  if (evidence === null) return { pass: false, why: "its front does not tell what the balancer's nodes were answered" };
  for (const node of nodes) {
    const verdict = isContent(evidence, node, input);
    if (!verdict.pass) return verdict;
  }
  return { pass: true };
}

function isContent({ asked, answered }: FrontEvidence, node: string, { target, check, forgiven }: ProofInput): Verdict {
  const timeoutMs = check.responseTimeoutSeconds * 1000;
  const attempts = asked.filter((seen) => seen.node === node);
  const good = answered.filter((seen) => seen.node === node && (target === null || seen.target === target));
  const sum = (seen: readonly { readonly count: number }[]): number => seen.reduce((all, { count }) => all + count, 0);
  if (attempts.length === 0) return { pass: false, why: `node ${node} has not asked it since` };
  // The last attempt may still be answered.
  const pending = attempts.filter(({ newestMs }) => newestMs <= timeoutMs).length;
  const lacking = sum(attempts) - sum(good);
  if (lacking > pending + forgiven) {
    const why = `node ${node} has asked it ${sum(attempts)} times since, and was answered 200 to 399 ${sum(good)} times`;
    return { pass: false, why, final: true };
  }
  return sum(good) > 0 ? { pass: true } : { pass: false, why: `node ${node} waits for its answer` };
}
