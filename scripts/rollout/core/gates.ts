/**
 * The gates of a rollout: may the next host leave, has the balancer let this one go, has it taken the new one in? Pure decisions
 * over what was observed. They stand in one record, so that a test can leave one out and see what it is good for.
 */
import type { ProbeRun, Traffic } from "../../../contract/host.js";
import type { ObservedCheck } from "../../../contract/policy.js";
import { blindWaitMs } from "./floor.js";
import { answeredShare, type Share } from "./prober.js";

/** Probe sources unseen for this many intervals are gone: a node that the balancer no longer has. */
const SOURCE_LIFE_INTERVALS = 3;
/** Missed probes of a node after which a host counts as one that it does not ask. */
const MISSED_PROBES = 2;
/**
 * Milliseconds that evidence lasts at least: a look over a busy connection takes so long. It matters only below an interval of 1.5 s, which no
 * balancer of DigitalOcean's has.
 */
const LEAST_LIFE_MS = 3000;
/** Share of the time between a balancer's probes after which one may come: their timers are not exact. */
const EARLY = 0.9;
/**
 * Milliseconds by which the time since a request may be told too long: the kernel counts both its ends in jiffies, of 10 ms at most (CONFIG_HZ
 * of Linux is 100 to 1000).
 */
const COARSE_MS = 20;
/** Witness requests for each host of the fleet that a quiet window takes. */
export const WITNESS_PER_HOST = 10;

/** `final`: waiting does not help. */
export type Verdict =
  { readonly pass: true } | { readonly pass: false; readonly why: string; readonly final?: boolean };
/** Null where it passes. */
export const whyNot = (verdict: Verdict): string | null => (verdict.pass ? null : verdict.why);
const pass: Verdict = { pass: true };
const wait = (why: string): Verdict => ({ pass: false, why });

/** What another host shows when it is asked whether this one may leave. */
export interface Peer {
  readonly name: string;
  /** Null when the host did not tell. Its ages are those of this moment: see {@link aged}. */
  readonly traffic: Traffic | null;
}

export interface EjectionInput {
  readonly traffic: Traffic;
  /** Names of the balancer's nodes, as the fleet has seen them. */
  readonly sources: readonly string[];
  readonly check: ObservedCheck;
  readonly waitedMs: number;
  readonly witnessReachable: boolean;
}

export interface QuietInput {
  readonly after: Traffic;
  /** Milliseconds before that look in which nobody may have come. */
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
  readonly traffic: Traffic;
  readonly sources: readonly string[];
  readonly check: ObservedCheck;
  readonly waitedMs: number;
  readonly witnessReachable: boolean;
  /** A connection for a request came since. */
  readonly requestsCame: boolean;
}

export interface Gates {
  /** Each known node has asked the host lately, whatever the answer was. Without that the host is not in rotation. */
  asked(traffic: Traffic, sources: readonly string[], check: ObservedCheck): Verdict;
  /** Every other host serves right now. */
  quorum(peers: readonly Peer[], sources: readonly string[], check: ObservedCheck): Verdict;
  /** Each known node of the balancer was refused often enough, over as long as that takes at its interval. Requests may still be in flight. */
  ejected(input: EjectionInput): Verdict;
  /** Nobody came here meanwhile. */
  quiet(input: QuietInput): Verdict;
  /** Enough witness requests went elsewhere to tell: as many were answered as the fleet is used to. */
  sampled(input: SampleInput): Verdict;
  /** As many connections came to hosts that can be asked as witness requests were sent. */
  elsewhere(input: ElsewhereInput): Verdict;
  /** Nothing that was accepted before is still open. */
  idle(traffic: Traffic): Verdict;
  /** Each known node has had enough passed probes, and a request came. */
  readmitted(input: AdmissionInput): Verdict;
}

/** What a look showed, as it is to be read so many milliseconds later: evidence grows old whether or not anybody looks. */
export function aged(traffic: Traffic, milliseconds: number): Traffic {
  if (milliseconds <= 0) return traffic;
  const { probes, lastRequestAgoMs: ago } = traffic;
  return {
    ...traffic,
    probes: probes.map((run) => ({
      ...run,
      oldestMs: run.oldestMs + milliseconds,
      newestMs: run.newestMs + milliseconds,
    })),
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

/** Who asked a host for its health, and when last. */
interface Asked {
  readonly probes: readonly Pick<ProbeRun, "node" | "newestMs">[];
}

/** Probe sources still alive, over all that the given hosts have seen. */
export function liveSources(seen: readonly (Asked | null)[], check: ObservedCheck): string[] {
  const alive = new Set<string>();
  for (const asked of seen) for (const run of asked?.probes ?? []) if (isLive(run, check)) alive.add(run.node);
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
export function nodesOf(seen: readonly (Asked | null)[], hosts: readonly Addresses[], check: ObservedCheck): string[] {
  const own = ownAddresses(hosts);
  return liveSources(seen, check).filter((source) => !own.has(source));
}

/** A host as it was looked at. */
interface Teller extends Addresses {
  readonly name: string;
  readonly traffic: Traffic | null;
}

/**
 * Nodes that one host alone tells of, although others answer. A node that lost the others looks like that, and so does a host that makes one up:
 * from outside nobody can tell, so such a node counts, and it is said whose word that is.
 */
export function toldByOne(hosts: readonly Teller[], check: ObservedCheck): { node: string; host: string }[] {
  const answered = hosts.filter(({ traffic }) => traffic !== null);
  const told = answered.map((host) => ({ host: host.name, nodes: nodesOf([host.traffic], hosts, check) }));
  return nodesOf(
    answered.map(({ traffic }) => traffic),
    hosts,
    check,
  ).flatMap((node) => {
    const [one, another] = told.filter(({ nodes }) => nodes.includes(node));
    return one && !another && answered.length > 1 ? [{ node, host: one.host }] : [];
  });
}

const isLive = ({ newestMs }: Pick<ProbeRun, "newestMs">, check: ObservedCheck): boolean =>
  newestMs <= Math.max(LEAST_LIFE_MS, SOURCE_LIFE_INTERVALS * check.checkIntervalSeconds * 1000);

/** Of a node that moves to another health port, those that it asks now. */
export const probesOf = ({ probes }: Pick<Traffic, "probes">, node: string): ProbeRun | undefined =>
  probes.filter((run) => run.node === node).sort((a, b) => a.newestMs - b.newestMs)[0];

/** Probes of a node in a row, up to the last one, that came to this. */
export function countOf(traffic: Pick<Traffic, "probes">, node: string, outcome: ProbeRun["outcome"]): number {
  const run = probesOf(traffic, node);
  return run?.outcome === outcome ? run.count : 0;
}

/** How long a probe is evidence, in milliseconds. */
type ProbeLife = (check: ObservedCheck) => number;

/** Whether a node asks a host. */
function asks(traffic: Traffic, source: string, lifeMs: number): Verdict {
  const agoMs = probesOf(traffic, source)?.newestMs;
  if (agoMs === undefined) return wait(`node ${source} has not asked it yet`);
  return agoMs <= lifeMs ? pass : wait(`node ${source} has not asked it for ${Math.round(agoMs / 1000)} s`);
}

function asked(traffic: Traffic, sources: readonly string[], lifeMs: number): Verdict {
  if (sources.length === 0) return wait("no node of the balancer has asked it lately");
  return sources.map((source) => asks(traffic, source, lifeMs)).find((verdict) => !verdict.pass) ?? pass;
}

/** Whether the balancer sends requests to a host: it serves, and each node has passed it often enough and asks it still. */
function inRotation(traffic: Traffic, sources: readonly string[], check: ObservedCheck, lifeMs: number): Verdict {
  if (traffic.state !== "serving") return wait("it is draining");
  const heard = asked(traffic, sources, lifeMs);
  if (!heard.pass) return heard;
  for (const source of sources) {
    const passed = countOf(traffic, source, "passed");
    if (passed < check.healthyThreshold) {
      return wait(`node ${source} has seen ${passed} of ${check.healthyThreshold} passed probes`);
    }
  }
  return pass;
}

/** Whether the balancer sends requests to a host, as far as one look at it can tell. */
export const rotationOf = (traffic: Traffic, sources: readonly string[], check: ObservedCheck): Verdict =>
  inRotation(traffic, sources, check, probeLifeMs(check));

/** @param life for a test that leaves it out: everything else is as it is */
export const gatesWith = (life: ProbeLife): Gates => ({
  asked: (traffic, sources, check) => asked(traffic, sources, life(check)),

  quorum(peers, sources, check) {
    for (const peer of peers) {
      const verdict = serves(peer, sources, check, life(check));
      if (!verdict.pass) {
        const leaves = peer.traffic !== null && peer.traffic.state !== "serving";
        const why = `${peer.name} is not in rotation: ${verdict.why}`;
        return leaves ? { pass: false, why, final: true } : wait(why);
      }
    }
    return pass;
  },

  ejected({ traffic, sources, check, waitedMs, witnessReachable }) {
    const intervalMs = check.checkIntervalSeconds * 1000;
    const blindMs = blindWaitMs(check.unhealthyThreshold, check);
    // With nobody to ask, or with no probe ever seen, only time is left: never less than the article waits.
    if ((!witnessReachable || sources.length === 0) && waitedMs < blindMs) {
      return wait(`waited ${(waitedMs / 1000).toFixed(1)} of ${blindMs / 1000} s`);
    }
    for (const source of sources) {
      const failed = countOf(traffic, source, "failed");
      if (failed < check.unhealthyThreshold)
        return wait(`node ${source} has seen ${failed} of ${check.unhealthyThreshold} failed probes`);
      const { oldestMs = 0, newestMs = 0 } = probesOf(traffic, source) ?? {};
      // Faster ones are not the balancer's, whoever sends them in its name.
      if (oldestMs - newestMs < EARLY * (check.unhealthyThreshold - 1) * intervalMs)
        return wait(`node ${source} has seen ${failed} failed probes, and faster ones than the balancer's`);
    }
    return pass;
  },

  quiet({ after, windowMs }) {
    const agoMs = after.lastRequestAgoMs;
    if (agoMs !== null && agoMs < windowMs + COARSE_MS) return wait("requests still arrive here");
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

  idle({ open }) {
    return open === 0
      ? pass
      : wait(open === null ? "nobody can count its connections" : `${open} connections are open`);
  },

  readmitted({ traffic, sources, check, waitedMs, witnessReachable, requestsCame }) {
    const verdict = inRotation(traffic, sources, check, life(check));
    if (!verdict.pass) return verdict;
    if (witnessReachable) return requestsCame ? pass : wait("no request has come here yet");
    const blindMs = blindWaitMs(check.healthyThreshold, check);
    return waitedMs >= blindMs ? pass : wait(`waited ${(waitedMs / 1000).toFixed(1)} of ${blindMs / 1000} s`);
  },
});

export const gates: Gates = gatesWith(probeLifeMs);

function serves({ traffic }: Peer, sources: readonly string[], check: ObservedCheck, lifeMs: number): Verdict {
  return traffic
    ? inRotation(traffic, sources, check, lifeMs)
    : wait("it does not answer, or its front does not tell who comes");
}

/** The larger of what was declared and what the balancer really does, number by number; path and ports as declared. */
export function larger(declared: ObservedCheck, live: ObservedCheck): ObservedCheck {
  const most = (field: CheckNumber): number => Math.max(declared[field], live[field]);
  return {
    ...declared,
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
