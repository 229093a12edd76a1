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

/** Where a balancer's health check asks, and the ports that it sends requests to. */
export type Asking = Pick<ListedBalancer, "check" | "targetPorts">;

/** Another path or other ports than the balancer has now. */
export interface ChangeOver {
  readonly from: Asking;
  readonly to: Asking;
  /** Where hosts must answer before it: the health path on every port that is asked otherwise than now, or that is sent other requests. */
  readonly anew: readonly HealthTarget[];
}

/** Null when the balancer goes on to ask and to send where it does. */
export function changeOver(
  { check, targetPorts }: ListedBalancer,
  { healthPath, healthPort, servicePort }: Pick<GuardInput, "healthPath" | "healthPort" | "servicePort">,
): ChangeOver | null {
  const from = { check, targetPorts };
  const to = { check: { path: healthPath, port: healthPort }, targetPorts: [servicePort] };
  const anew = [
    ...(asksElsewhere({ from, to }) ? [to.check] : []),
    ...(sendsElsewhere({ from, to }) ? [{ path: healthPath, port: servicePort }] : []),
  ];
  return anew.length === 0 ? null : { from, to, anew };
}

type Ends = Pick<ChangeOver, "from" | "to">;

const asksElsewhere = ({ from, to }: Ends): boolean =>
  from.check.path !== to.check.path || from.check.port !== to.check.port;

const sendsElsewhere = ({ from, to }: Ends): boolean => from.targetPorts.join() !== to.targetPorts.join();

export const inWords = ({ path, port }: HealthTarget): string => `${path} on port ${port}`;

const portsInWords = ({ targetPorts }: Asking): string => `port ${targetPorts.join(" and ")}`;

/** What a balancer does, for whoever is told that it changes. */
export const askingInWords = (asking: Asking): string =>
  `${inWords(asking.check)} and requests on ${portsInWords(asking)}`;

/** What the balancer is to do otherwise. */
export function changeInWords({ from, to }: ChangeOver): string {
  const asks = `ask ${inWords(to.check)} instead of ${inWords(from.check)}`;
  const sends = `send requests to ${portsInWords(to)} instead of ${portsInWords(from)}`;
  return [...(asksElsewhere({ from, to }) ? [asks] : []), ...(sendsElsewhere({ from, to }) ? [sends] : [])].join(
    " and to ",
  );
}

/** What a user has to deploy first. */
export function wayThere({ from, to }: ChangeOver): string {
  const settings = [
    ...(from.check.path === to.check.path ? [] : [`healthCheck.nextPath: "${to.check.path}"`]),
    ...(from.check.port === to.check.port ? [] : [`healthCheck.nextPort: ${to.check.port}`]),
    ...(sendsElsewhere({ from, to }) ? [`service.nextPort: ${to.targetPorts.join()}`] : []),
  ];
  return settings.join(" and ");
}

/** Whether the balancer is to leave a port that it sends requests to as well: that of an edition without `healthCheck.port` asks there. */
export const leavesServicePort = ({ from, to }: ChangeOver): boolean =>
  from.check.port !== to.check.port && from.targetPorts.includes(from.check.port);

/** Looks at one host before it counts as one that does not answer, or does not serve: one proves nothing. */
const LOOKS = 3;

/** What a host answers in a place where it is to answer 200. */
export interface Silence {
  readonly target: HealthTarget;
  /** Null without an answer. */
  readonly status: number | null;
}

export type Verdict =
  | { readonly type: "undecided" | "answers" | "idle" }
  | { readonly type: "held"; readonly by: string }
  /** It serves, and not everywhere that the balancer is about to ask or to send requests to. */
  | { readonly type: "silent"; readonly at: readonly Silence[] };

/** @param looks so far; each has the answers where the balancer asks now and then, in their order, where it asks or sends anew */
export function verdictOf(looks: readonly HealthAnswers[], anew: readonly HealthTarget[]): Verdict {
  const last = looks.at(-1);
  if (!last) return { type: "undecided" };
  // It may be about to get a container that answers elsewhere.
  if (last.heldBy !== null) return { type: "held", by: last.heldBy };
  const at = anew.flatMap((target, index): Silence[] => {
    const seen = looks.map(({ statuses: [, ...statuses] }) => statuses[index] ?? null);
    return seen.includes(200) ? [] : [{ target, status: seen.at(-1) ?? null }];
  });
  if (at.length === 0) return { type: "answers" };
  if (looks.length < LOOKS) return { type: "undecided" };
  const serves = looks.some(({ statuses: [now] }) => now === 200);
  return serves ? { type: "silent", at } : { type: "idle" };
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
