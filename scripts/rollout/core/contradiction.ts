/** Whether a host whose container runs may be taken for down: not while anything shows that clients are served there. */
import type { ProbeSource } from "../../../contract/host.js";
import type { ObservedCheck } from "../../../contract/policy.js";
import type { Survey } from "../ports.js";
import { liveSources } from "./gates.js";
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
  const nodes = nodesOf(survey, check).filter(({ source }) => !own.has(source));
  return [
    ...nodes.filter((node) => maySend(node, survey, check)).map((node) => sendingNode(node, check)),
    ...(saysServing(survey) && nodes.length === 0 ? ['its control port says "serving"'] : []),
    ...(answeredByNobody > 0
      ? [`${answeredByNobody} requests through the balancer were answered, and no host was seen to serve`]
      : []),
    ...connected(survey),
  ];
}

/** The balancer's nodes that have probed it within their life, as the app counts them. */
function nodesOf({ lifecycle }: Survey, check: ObservedCheck): ProbeSource[] {
  const live = new Set(liveSources([lifecycle], check));
  return lifecycle?.probes.filter(({ source }) => live.has(source)) ?? [];
}

/**
 * Whether a node may still send requests: it lets a host go after so many failed probes in a row. A process counts those from its own start. So
 * where Docker restarts the container again and again, the node has failed more of them than are counted.
 */
const maySend = ({ passed, failed }: ProbeSource, { containers: { current } }: Survey, check: ObservedCheck): boolean =>
  passed > 0 || (failed < check.unhealthyThreshold && current?.restartCount === 0);

function sendingNode({ source, passed, failed, agoMs }: ProbeSource, { unhealthyThreshold }: ObservedCheck): string {
  const seen =
    passed > 0
      ? `has passed ${passed} of its health checks in a row there`
      : `has failed ${failed} of ${unhealthyThreshold} health checks there after which it lets go`;
  return `node ${source} of the balancer ${seen}, the last ${(agoMs / 1000).toFixed(1)} s ago`;
}

/** Its word counts where no node of the balancer says otherwise: what clients meet outranks what a host says. */
const saysServing = ({ lifecycle }: Survey): boolean => lifecycle?.state === "serving";

/**
 * Connections tell something where the host's own look could not connect. Where no app tells more, they do so after any look but one that waited
 * in vain, or was answered with a server error. Something else may have given any other answer. An app that hangs takes connections and serves
 * nobody, and so does one that is sick: what is connected is the balancer's own probe.
 */
function connected({ connections, health, healthError, lifecycle }: Survey): string[] {
  const isItsOwn = hasTimedOut(healthError) || isServerError(health);
  const tell = isUnconnected(healthError) || (lifecycle === null && !isItsOwn);
  if (!connections || !tell) return [];
  return [`${connections} ${connections === 1 ? "connection is" : "connections are"} established on its service port`];
}

/** By the contract of a health path: 503 says that the app does not serve. Others say 500 where the app fails, or 502 in a container where it is gone. */
const isServerError = (health: number | null): boolean => health !== null && health >= 500;

/** @see https://curl.se/libcurl/c/libcurl-errors.html */
const hasTimedOut = (healthError: string | null): boolean => healthError?.startsWith("curl: (28)") === true;
