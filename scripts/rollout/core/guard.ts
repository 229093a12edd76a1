/** What stands in the way of a change of droplets and balancer. */
import type { GuardInput } from "../../../contract/guard.js";
import type { HealthAnswers, HealthTarget, ListedBalancer } from "../ports.js";

/** The fleet's balancer among those that match its tag: by its name where several do. Null before there is one. */
export function balancerOf(
  matching: readonly ListedBalancer[],
  { balancerName }: Pick<GuardInput, "balancerName">,
): ListedBalancer | null {
  return matching.find(({ name }) => name === balancerName) ?? matching[0] ?? null;
}

/** Another path or port than the balancer has now. */
export interface ChangeOver {
  readonly from: HealthTarget;
  readonly to: HealthTarget;
}

/** Null when the balancer goes on to ask and to send where it does. */
export function changeOver(
  { check, targetPorts }: ListedBalancer,
  { healthPath, servicePort }: Pick<GuardInput, "healthPath" | "servicePort">,
): ChangeOver | null {
  const stays =
    check.path === healthPath && check.port === servicePort && targetPorts.every((port) => port === servicePort);
  return stays ? null : { from: check, to: { path: healthPath, port: servicePort } };
}

export const inWords = ({ path, port }: HealthTarget): string => `${path} on port ${port}`;

/** What a user has to deploy first. */
export function wayThere({ from, to }: ChangeOver): string {
  const settings = [
    ...(from.path === to.path ? [] : [`healthCheck.nextPath: "${to.path}"`]),
    ...(from.port === to.port ? [] : [`service.nextPort: ${to.port}`]),
  ];
  return settings.join(" and ") || `service.nextPort: ${to.port}`;
}

/** Looks at one host before it counts as one that does not answer, or does not serve: one proves nothing. */
const LOOKS = 3;

export type Verdict =
  | { readonly type: "undecided" | "answers" | "idle" }
  | { readonly type: "held"; readonly by: string }
  /** It serves, and not where the balancer is about to ask. */
  | { readonly type: "silent"; readonly status: number | null };

/** @param looks so far; each has the answers where the balancer asks now and where it is to ask */
export function verdictOf(looks: readonly HealthAnswers[]): Verdict {
  const last = looks.at(-1);
  if (!last) return { type: "undecided" };
  // It may be about to get a container that answers elsewhere.
  if (last.heldBy !== null) return { type: "held", by: last.heldBy };
  if (looks.some(({ statuses: [, next] }) => next === 200)) return { type: "answers" };
  if (looks.length < LOOKS) return { type: "undecided" };
  const serves = looks.some(({ statuses: [now] }) => now === 200);
  return serves ? { type: "silent", status: last.statuses[1] ?? null } : { type: "idle" };
}

/** Droplets of the account. */
export interface Count {
  readonly limit: number;
  /** Of the whole account. */
  readonly total: number;
  /** Of this stack, superseded ones among them. */
  readonly own: number;
  readonly declared: number;
}

/**
 * Whether there is room: none for what is declared · not for a rebuild, which has every declared droplet twice for a while · enough. An account that
 * is over its limit already is not refused what adds no droplet.
 */
export function roomFor({ limit, total, own, declared }: Count): "none" | "tight" | "enough" {
  const others = total - own;
  if (declared > own && others + declared > limit) return "none";
  return others + 2 * declared > limit ? "tight" : "enough";
}
