/** Whether the balancer has left ports that a host is to give up. Pure decisions over what the host's kernel saw. */
import type { FrontEvidence } from "../../../contract/host.js";
import type { ObservedCheck } from "../../../contract/policy.js";
import { probeLifeMs, type Verdict } from "./gates.js";
import type { FrontPorts } from "./target.js";

/** Ports that a front has, and is to have no longer. */
export const portsToLeave = (front: FrontPorts, wanted: FrontPorts): FrontPorts => ({
  services: front.services.filter((port) => !wanted.services.includes(port)),
  checks: front.checks.filter((port) => !wanted.checks.includes(port)),
});

/** What a balancer goes by. */
interface BalancerPorts {
  /** Undefined where nobody knows. */
  readonly check: number | undefined;
  readonly targets: readonly number[];
}

/** Why a balancer does not come to the ports that its hosts are to have, in words; null where it does. */
export function portsElsewhere({ check, targets }: BalancerPorts, { services, checks }: FrontPorts): string | null {
  const asked = checks.length > 0 ? checks : services;
  if (check !== undefined && !asked.includes(check))
    return `the balancer's health check asks port ${check}, not ${asked.join(" or ")} as the manifest says`;
  const strange = targets.filter((port) => !services.includes(port));
  return strange.length > 0 && strange.length === targets.length
    ? `the balancer sends requests to port ${strange.join(" and ")}, not to ${services.join(" or ")} as the manifest says`
    : null;
}

export interface LeavingInput {
  /** Null where the host's front does not tell. */
  readonly evidence: FrontEvidence | null;
  /** Ports that the host is to give up, and those that it is to have. */
  readonly leaving: FrontPorts;
  readonly wanted: FrontPorts;
  readonly check: ObservedCheck;
  /** Milliseconds of a window in which nothing may have come to a service port. */
  readonly windowMs: number;
}

/**
 * Nobody comes to these ports any more. A health port is left once no address has asked it for as long as a probe is evidence, and one asks a port that
 * stays. From here nobody can tell a stranger that goes on from a node that is late, so both are waited for.
 */
export function portsLeft({ evidence, leaving, wanted, check, windowMs }: LeavingInput): Verdict {
  if (evidence === null) return wait("its front does not tell who comes to its ports");
  const lifeMs = probeLifeMs(check);
  const old = evidence.asked.filter(({ port }) => leaving.checks.includes(port));
  const late = old.find(({ newestMs }) => newestMs <= lifeMs);
  if (late) return wait(`${late.node} asked port ${late.port} ${seconds(late.newestMs)} s ago`);
  const hasMoved = evidence.asked.some(({ port, newestMs }) => wanted.checks.includes(port) && newestMs <= lifeMs);
  if (old.length > 0 && wanted.checks.length > 0 && !hasMoved)
    return wait(`nobody has asked port ${wanted.checks.join(" or ")} lately`);
  const used = evidence.opened.find(
    ({ port, newestMs }) => leaving.services.includes(port) && newestMs <= Math.max(windowMs, lifeMs),
  );
  return used ? wait(`a connection came to port ${used.port} ${seconds(used.newestMs)} s ago`) : { pass: true };
}

const wait = (why: string): Verdict => ({ pass: false, why });
const seconds = (milliseconds: number): string => (milliseconds / 1000).toFixed(1);
