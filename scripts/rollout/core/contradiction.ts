/** Whether a host whose container runs may be taken for down: not while anything shows that clients are served there. */
import type { ProbeRun } from "../../../contract/host.js";
import type { ObservedCheck } from "../../../contract/policy.js";
import type { Survey } from "../ports.js";
import { liveSources, probesOf } from "./gates.js";
import { isUnconnected, mayGetRequests } from "./target.js";

/** What is known of a host besides its own look at its private address. */
export interface DownEvidence {
  readonly survey: Survey;
  readonly check: ObservedCheck;
  /** Addresses of the fleet's own hosts: a droplet may ask itself, and is no node of the balancer. */
  readonly own: ReadonlySet<string>;
  /** Requests of the prober that the balancer answered while no host was seen to serve; 0 when one was, or nobody asked. */
  readonly answeredByNobody: number;
}

/** Whether the rollout would stop its container without a drain. */
export const isTakenForDown = (survey: Survey): boolean =>
  survey.containers.current?.running === true && !survey.retired && !mayGetRequests(survey);

/** Everything that contradicts it, in words; empty when the host is down. Only for a host that {@link isTakenForDown}. */
export function contradictions({ survey, check, own, answeredByNobody }: DownEvidence): string[] {
  const nodes = nodesOf(survey, check).filter(({ node }) => !own.has(node));
  return [
    ...nodes.filter((node) => maySend(node, check)).map((node) => sendingNode(node, check)),
    ...(answeredByNobody > 0
      ? [`${answeredByNobody} requests through the balancer were answered, and no host was seen to serve`]
      : []),
    ...connected(survey, nodes.length > 0),
  ];
}

/** What the balancer's nodes that have asked it within their life came to there. */
const nodesOf = ({ traffic }: Survey, check: ObservedCheck): ProbeRun[] =>
  liveSources([traffic], check).flatMap((node) => (traffic && probesOf(traffic, node)) ?? []);

/** Whether a node may still send requests: it lets a host go after so many failed probes in a row. */
const maySend = ({ outcome, count }: ProbeRun, { unhealthyThreshold }: ObservedCheck): boolean =>
  outcome !== "failed" || count < unhealthyThreshold;

function sendingNode({ node, outcome, count, newestMs }: ProbeRun, { unhealthyThreshold }: ObservedCheck): string {
  const seen = {
    failed: `has failed ${count} of ${unhealthyThreshold} health checks there after which it lets go`,
    passed: `has passed ${count} of its health checks in a row there`,
    elsewhere: `was answered well ${count} times in a row by another container there`,
  }[outcome];
  return `node ${node} of the balancer ${seen}, the last ${(newestMs / 1000).toFixed(1)} s ago`;
}

/**
 * Connections tell something where the host's own look could not connect. Where no node tells more, they do so after any look but one that waited
 * in vain, or was answered with a server error. Something else may have given any other answer. An app that hangs takes connections and serves
 * nobody, and so does one that is sick: what is connected is the balancer's own probe.
 */
function connected({ connections, health, healthError }: Survey, nodesTell: boolean): string[] {
  const isItsOwn = hasTimedOut(healthError) || isServerError(health);
  const tell = isUnconnected(healthError) || (!nodesTell && !isItsOwn);
  if (!connections || !tell) return [];
  return [`${connections} ${connections === 1 ? "connection is" : "connections are"} established on its service port`];
}

/** By the contract of a health path: 503 says that the app does not serve. Others say 500 where the app fails, or 502 in a container where it is gone. */
const isServerError = (health: number | null): boolean => health !== null && health >= 500;

/** @see https://curl.se/libcurl/c/libcurl-errors.html */
const hasTimedOut = (healthError: string | null): boolean => healthError?.startsWith("curl: (28)") === true;
