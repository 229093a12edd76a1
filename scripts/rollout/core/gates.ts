/**
 * The gates of a rollout: may the next host leave, has the balancer let this one go, has it taken the new one in? Pure decisions
 * over what was observed. They stand in one record, so that a test can leave one out and see what it is good for.
 */
import type { Lifecycle, ProbeSource } from "../../../contract/host.js";
import type { ObservedCheck } from "../../../contract/policy.js";
import { answeredShare, type Share } from "./prober.js";
import { isPass } from "./target.js";

/** Probe sources unseen for this many intervals are gone: a node that the balancer no longer has. */
const SOURCE_LIFE_INTERVALS = 3;
/** Missed probes of a node after which a host counts as one that it does not ask. */
const MISSED_PROBES = 2;
/**
 * Milliseconds that evidence lasts at least: a look over a busy connection takes so long. It matters only below an interval of 1.5 s, which no
 * balancer of DigitalOcean's has.
 */
const LEAST_LIFE_MS = 3000;
/** Witness requests for each host of the fleet that a quiet window takes. */
export const WITNESS_PER_HOST = 10;

/** `final`: waiting does not help. */
export type Verdict =
  { readonly pass: true } | { readonly pass: false; readonly why: string; readonly final?: boolean };
const pass: Verdict = { pass: true };
const wait = (why: string): Verdict => ({ pass: false, why });

/** What another host shows when it is asked whether this one may leave. */
export interface Peer {
  readonly name: string;
  /** Null when the host did not answer. Its ages are those of this moment: see {@link aged}. */
  readonly lifecycle: Lifecycle | null;
  /** Answer of the health path; only asked in fixed-wait mode. */
  readonly health: number | null;
}

export interface EjectionInput {
  readonly lifecycle: Lifecycle;
  /** Names of the balancer's nodes, as the fleet has seen them. */
  readonly sources: readonly string[];
  readonly check: ObservedCheck;
  readonly waitedMs: number;
  readonly witnessReachable: boolean;
}

export interface QuietInput {
  readonly before: Lifecycle;
  readonly after: Lifecycle;
  /** Milliseconds between the two. */
  readonly windowMs: number;
}

export interface SampleInput {
  /** Witness requests since a drained host was last seen to get one, and how many of them were answered. */
  readonly sent: number;
  readonly answered: number;
  /** Null where nothing was asked before any host left. */
  readonly baseline: Share | null;
  readonly hosts: number;
}

export interface ElsewhereInput {
  /** Witness requests sent, answered, and counted by all hosts that can be asked. */
  readonly sent: number;
  readonly answered: number;
  readonly landed: number;
}

export interface AdmissionInput {
  readonly lifecycle: Lifecycle;
  readonly sources: readonly string[];
  readonly check: ObservedCheck;
  readonly waitedMs: number;
  readonly witnessReachable: boolean;
}

export interface Gates {
  /** Each known node has asked the host lately, whatever the answer was. Without that the host is not in rotation. */
  asked(lifecycle: Lifecycle, sources: readonly string[], check: ObservedCheck): Verdict;
  /** Every other host serves right now. */
  quorum(
    peers: readonly Peer[],
    sources: readonly string[],
    check: ObservedCheck,
    mode: "evidence" | "fixed-wait",
  ): Verdict;
  /** Each known node of the balancer has had enough failed probes. Requests may still be in flight. */
  ejected(input: EjectionInput): Verdict;
  /** Nothing landed here meanwhile. */
  quiet(input: QuietInput): Verdict;
  /** Enough witness requests went elsewhere to tell: as many were answered as the fleet is used to. */
  sampled(input: SampleInput): Verdict;
  /** Every witness request was counted by a host: none went to a host that cannot be asked. */
  elsewhere(input: ElsewhereInput): Verdict;
  /** Nothing that was accepted before is still in flight. */
  idle(lifecycle: Lifecycle): Verdict;
  /** Each known node has had enough passed probes and a witness request landed here. */
  readmitted(input: AdmissionInput): Verdict;
}

/** What a look showed, as it is to be read so many milliseconds later: evidence grows old whether or not anybody looks. */
export function aged(lifecycle: Lifecycle, milliseconds: number): Lifecycle {
  if (milliseconds <= 0) return lifecycle;
  const { probes, lastRequestAgoMs: ago } = lifecycle;
  return {
    ...lifecycle,
    probes: probes.map((probe) => ({ ...probe, agoMs: probe.agoMs + milliseconds })),
    lastRequestAgoMs: ago === null ? null : ago + milliseconds,
  };
}

/**
 * Milliseconds for which a node's probe of a host is evidence: two missed probes, or as many as the balancer forgives if that is fewer,
 * and the time that a probe may take. It ends no later than the balancer lets a silent host go, save with a threshold of 1 and a slow probe,
 * or where the balancer asks more often than the rollout can look.
 */
export const probeLifeMs = (check: ObservedCheck): number =>
  Math.max(
    LEAST_LIFE_MS,
    (Math.min(MISSED_PROBES, check.unhealthyThreshold) * check.checkIntervalSeconds + check.responseTimeoutSeconds) *
      1000,
  );

/** Why what a host said so long ago tells nothing of the balancer: no probe is evidence for longer. Null where it does. */
export function tellsNothing(agoMs: number, check: ObservedCheck): string | null {
  const lifeMs = probeLifeMs(check);
  if (agoMs <= lifeMs) return null;
  const seconds = (milliseconds: number): string => (milliseconds / 1000).toFixed(1);
  return `what it said is ${seconds(agoMs)} s old by now, and a probe is evidence for ${seconds(lifeMs)} s: the way to it, or the machine that runs this, is too slow`;
}

/** Probe sources still alive, over all that the given hosts have seen. */
export function liveSources(seen: readonly (Lifecycle | null)[], check: ObservedCheck): string[] {
  const alive = new Set<string>();
  for (const lifecycle of seen)
    for (const probe of lifecycle?.probes ?? []) if (isLive(probe, check)) alive.add(probe.source);
  return [...alive].sort();
}

/** Addresses of a host. */
interface Addresses {
  readonly address: string;
  readonly privateAddress: string;
}

/** Addresses of the fleet's own hosts: a droplet that asks itself is no node of the balancer. */
export const ownAddresses = (hosts: readonly Addresses[]): ReadonlySet<string> =>
  new Set(hosts.flatMap(({ address, privateAddress }) => [address, privateAddress]));

/**
 * The balancer's nodes: what any host of the fleet has been probed by lately. A droplet that asks its own private address shows up as that
 * address, so the fleet's own are no nodes.
 */
export function nodesOf(
  seen: readonly (Lifecycle | null)[],
  hosts: readonly Addresses[],
  check: ObservedCheck,
): string[] {
  const own = ownAddresses(hosts);
  return liveSources(seen, check).filter((source) => !own.has(source));
}

/** A host as it was looked at. */
interface Teller extends Addresses {
  readonly name: string;
  readonly lifecycle: Lifecycle | null;
}

/**
 * Nodes that one host alone tells of, although others answer. A node that lost the others looks like that, and so does a host that makes one up:
 * from outside nobody can tell, so such a node counts, and it is said whose word that is.
 */
export function toldByOne(hosts: readonly Teller[], check: ObservedCheck): { node: string; host: string }[] {
  const answered = hosts.filter(({ lifecycle }) => lifecycle !== null);
  const told = answered.map((host) => ({ host: host.name, nodes: nodesOf([host.lifecycle], hosts, check) }));
  return nodesOf(
    answered.map(({ lifecycle }) => lifecycle),
    hosts,
    check,
  ).flatMap((node) => {
    const [one, another] = told.filter(({ nodes }) => nodes.includes(node));
    return one && !another && answered.length > 1 ? [{ node, host: one.host }] : [];
  });
}

const isLive = (probe: ProbeSource, check: ObservedCheck): boolean =>
  probe.agoMs <= Math.max(LEAST_LIFE_MS, SOURCE_LIFE_INTERVALS * check.checkIntervalSeconds * 1000);

const probesOf = (lifecycle: Lifecycle, source: string): ProbeSource | undefined =>
  lifecycle.probes.find((probe) => probe.source === source);

/** How long a probe is evidence, in milliseconds. */
type ProbeLife = (check: ObservedCheck) => number;

/** Whether a node asks a host. */
function asks(lifecycle: Lifecycle, source: string, lifeMs: number): Verdict {
  const agoMs = probesOf(lifecycle, source)?.agoMs;
  if (agoMs === undefined) return wait(`node ${source} has not asked it yet`);
  return agoMs <= lifeMs ? pass : wait(`node ${source} has not asked it for ${Math.round(agoMs / 1000)} s`);
}

function asked(lifecycle: Lifecycle, sources: readonly string[], lifeMs: number): Verdict {
  if (sources.length === 0) return wait("no node of the balancer has asked it lately");
  return sources.map((source) => asks(lifecycle, source, lifeMs)).find((verdict) => !verdict.pass) ?? pass;
}

/** Whether the balancer sends requests to a host: it serves, and each node has passed it often enough and asks it still. */
function inRotation(lifecycle: Lifecycle, sources: readonly string[], check: ObservedCheck, lifeMs: number): Verdict {
  if (lifecycle.state !== "serving") return wait(`it is ${lifecycle.state}`);
  const heard = asked(lifecycle, sources, lifeMs);
  if (!heard.pass) return heard;
  for (const source of sources) {
    const passed = probesOf(lifecycle, source)?.passed ?? 0;
    if (passed < check.healthyThreshold) {
      return wait(`node ${source} has seen ${passed} of ${check.healthyThreshold} passed probes`);
    }
  }
  return pass;
}

/** Whether the balancer sends requests to a host, as far as one look at it can tell. */
export const rotationOf = (lifecycle: Lifecycle, sources: readonly string[], check: ObservedCheck): Verdict =>
  inRotation(lifecycle, sources, check, probeLifeMs(check));

/** @param life for a test that leaves it out: everything else is as it is */
export const gatesWith = (life: ProbeLife): Gates => ({
  asked: (lifecycle, sources, check) => asked(lifecycle, sources, life(check)),

  quorum(peers, sources, check, mode) {
    for (const peer of peers) {
      const verdict = mode === "evidence" ? serves(peer, sources, check, life(check)) : answersHealth(peer);
      if (!verdict.pass) {
        const leaves = peer.lifecycle !== null && peer.lifecycle.state !== "serving";
        const why = `${peer.name} is not in rotation: ${verdict.why}`;
        return leaves ? { pass: false, why, final: true } : wait(why);
      }
    }
    return pass;
  },

  ejected({ lifecycle, sources, check, waitedMs, witnessReachable }) {
    const blindMs = (check.unhealthyThreshold + 1) * check.checkIntervalSeconds * 1000;
    // With nobody to ask, or with no probe ever seen, only time is left: never less than the article waits.
    if ((!witnessReachable || sources.length === 0) && waitedMs < blindMs) {
      return wait(`waited ${(waitedMs / 1000).toFixed(1)} of ${blindMs / 1000} s`);
    }
    for (const source of sources) {
      const failed = probesOf(lifecycle, source)?.failed ?? 0;
      if (failed < check.unhealthyThreshold) {
        return wait(`node ${source} has seen ${failed} of ${check.unhealthyThreshold} failed probes`);
      }
    }
    return pass;
  },

  quiet({ before, after, windowMs }) {
    const landed = after.witnessRequests - before.witnessRequests;
    if (landed > 0) return wait(`${landed} witness requests still landed here`);
    if (after.lastRequestAgoMs !== null && after.lastRequestAgoMs < windowMs) return wait("requests still arrive here");
    return pass;
  },

  sampled({ sent, answered, baseline, hosts }) {
    const enough = WITNESS_PER_HOST * hosts;
    const usual = Math.floor(enough * answeredShare(baseline));
    return sent >= enough && answered >= usual
      ? pass
      : wait(`${answered} of ${sent} witness requests were, and ${usual} of ${enough} are to be, as before`);
  },

  elsewhere({ sent, answered, landed }) {
    if (landed >= sent) return pass;
    return answered < sent
      ? wait(`${answered} of ${sent} witness requests were answered`)
      : wait(`${sent - landed} of ${sent} witness requests went to no known host`);
  },

  idle({ inFlight, upgraded }) {
    return inFlight + upgraded === 0
      ? pass
      : wait(`${inFlight} requests and ${upgraded} upgraded connections are in flight`);
  },

  readmitted({ lifecycle, sources, check, waitedMs, witnessReachable }) {
    const verdict = inRotation(lifecycle, sources, check, life(check));
    if (!verdict.pass) return verdict;
    if (witnessReachable) return lifecycle.witnessRequests > 0 ? pass : wait("no witness request has landed here yet");
    const blindMs = (check.healthyThreshold + 1) * check.checkIntervalSeconds * 1000;
    return waitedMs >= blindMs ? pass : wait(`waited ${(waitedMs / 1000).toFixed(1)} of ${blindMs / 1000} s`);
  },
});

export const gates: Gates = gatesWith(probeLifeMs);

function serves({ lifecycle }: Peer, sources: readonly string[], check: ObservedCheck, lifeMs: number): Verdict {
  return lifecycle ? inRotation(lifecycle, sources, check, lifeMs) : wait("it does not answer");
}

const answersHealth = ({ health }: Peer): Verdict =>
  isPass(health) ? pass : wait(health === null ? "it does not answer" : `its health path answers ${health}`);

/** The larger of what was declared and what the balancer really does, field by field. */
export function larger(declared: ObservedCheck, live: ObservedCheck): ObservedCheck {
  const most = (field: CheckNumber): number => Math.max(declared[field], live[field]);
  return {
    path: declared.path,
    checkIntervalSeconds: most("checkIntervalSeconds"),
    responseTimeoutSeconds: most("responseTimeoutSeconds"),
    unhealthyThreshold: most("unhealthyThreshold"),
    healthyThreshold: most("healthyThreshold"),
  };
}

export const checkNumbers = [
  "checkIntervalSeconds",
  "responseTimeoutSeconds",
  "unhealthyThreshold",
  "healthyThreshold",
] as const;
type CheckNumber = (typeof checkNumbers)[number];
