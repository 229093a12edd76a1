/**
 * The gates of a rollout: may the next host leave, has the balancer let this one go, has it taken the new one in? Pure decisions
 * over what was observed. They stand in one record, so that a test can leave one out and see what it is good for.
 */
import type { Lifecycle, ProbeSource } from "../../../contract/host.js";
import type { ObservedCheck } from "../../../contract/policy.js";

/** Probe sources unseen for this many intervals are gone: a node that the balancer no longer has. */
const SOURCE_LIFE_INTERVALS = 3;
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
  /** Null when the host did not answer. */
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
  readonly answered: number;
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
  /** Every other host serves right now. */
  quorum(
    peers: readonly Peer[],
    sources: readonly string[],
    check: ObservedCheck,
    mode: "evidence" | "fixed-wait",
  ): Verdict;
  /** Each known node of the balancer has had enough failed probes. Requests may still be in flight. */
  ejected(input: EjectionInput): Verdict;
  /** Enough witness requests were answered elsewhere while nothing landed here. */
  quiet(input: QuietInput): Verdict;
  /** Every witness request was answered by a host that counted it: none went to a host that cannot be asked. */
  elsewhere(input: ElsewhereInput): Verdict;
  /** Nothing that was accepted before is still in flight. */
  idle(lifecycle: Lifecycle): Verdict;
  /** Each known node has had enough passed probes and a witness request landed here. */
  readmitted(input: AdmissionInput): Verdict;
}

/** Probe sources still alive, over all that the given hosts have seen. */
export function liveSources(seen: readonly (Lifecycle | null)[], check: ObservedCheck): string[] {
  const alive = new Set<string>();
  for (const lifecycle of seen)
    for (const probe of lifecycle?.probes ?? []) if (isLive(probe, check)) alive.add(probe.source);
  return [...alive].sort();
}

const isLive = (probe: ProbeSource, check: ObservedCheck): boolean =>
  probe.agoMs <= SOURCE_LIFE_INTERVALS * check.checkIntervalSeconds * 1000;

const probesOf = (lifecycle: Lifecycle, source: string): ProbeSource | undefined =>
  lifecycle.probes.find((probe) => probe.source === source);

function inRotation(lifecycle: Lifecycle, sources: readonly string[], check: ObservedCheck): Verdict {
  if (lifecycle.state !== "serving") return wait(`it is ${lifecycle.state}`);
  if (sources.length === 0) return wait("no node of the balancer has probed it yet");
  for (const source of sources) {
    const passed = probesOf(lifecycle, source)?.passed ?? 0;
    if (passed < check.healthyThreshold) {
      return wait(`node ${source} has seen ${passed} of ${check.healthyThreshold} passed probes`);
    }
  }
  return pass;
}

export const gates: Gates = {
  quorum(peers, sources, check, mode) {
    for (const peer of peers) {
      const verdict = mode === "evidence" ? serves(peer, sources, check) : answersHealth(peer);
      if (!verdict.pass) {
        const leaves = peer.lifecycle !== null && peer.lifecycle.state !== "serving";
        const why = `${peer.name} does not serve: ${verdict.why}`;
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

  quiet({ before, after, windowMs, answered, hosts }) {
    const enough = WITNESS_PER_HOST * hosts;
    if (answered < enough) return wait(`${answered} of ${enough} witness requests were answered`);
    const landed = after.witnessRequests - before.witnessRequests;
    if (landed > 0) return wait(`${landed} witness requests still landed here`);
    if (after.lastRequestAgoMs !== null && after.lastRequestAgoMs < windowMs) return wait("requests still arrive here");
    return pass;
  },

  elsewhere({ sent, answered, landed }) {
    if (answered < sent) return wait(`${answered} of ${sent} witness requests were answered`);
    return landed >= answered
      ? pass
      : wait(`${answered - landed} of ${answered} witness requests went to no known host`);
  },

  idle({ inFlight, upgraded }) {
    return inFlight + upgraded === 0
      ? pass
      : wait(`${inFlight} requests and ${upgraded} upgraded connections are in flight`);
  },

  readmitted({ lifecycle, sources, check, waitedMs, witnessReachable }) {
    const verdict = inRotation(lifecycle, sources, check);
    if (!verdict.pass) return verdict;
    if (witnessReachable) return lifecycle.witnessRequests > 0 ? pass : wait("no witness request has landed here yet");
    const blindMs = (check.healthyThreshold + 1) * check.checkIntervalSeconds * 1000;
    return waitedMs >= blindMs ? pass : wait(`waited ${(waitedMs / 1000).toFixed(1)} of ${blindMs / 1000} s`);
  },
};

function serves({ lifecycle }: Peer, sources: readonly string[], check: ObservedCheck): Verdict {
  return lifecycle ? inRotation(lifecycle, sources, check) : wait("it does not answer");
}

const answersHealth = ({ health }: Peer): Verdict =>
  health === 200 ? pass : wait(health === null ? "it does not answer" : `its health path answers ${health}`);

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
