/** What the phases of one rollout share: the fleet as it is known right now, the ports, and the tally for the receipt. */
import type { JournalEntry, Traffic } from "../../contract/host.js";
import type { Manifest, ManifestHost } from "../../contract/manifest.js";
import type { ObservedCheck } from "../../contract/policy.js";
import type { Release } from "../../contract/release.js";
import { isExpected, RolloutError } from "./core/errors.js";
import { eventOf, type EventData, type EventName, type HostStatus } from "./core/events.js";
import { aged, countOf, nodesOf, probesOf, type Gates } from "./core/gates.js";
import type { makePlan } from "./core/plan.js";
import { counted, type clientsFailing } from "./core/prober.js";
import { actionOf, type Deed, type Work } from "./core/fate.js";
import type { HostReceipt } from "./core/receipt.js";
import type { HistoryEntry } from "../../contract/history.js";
import type { KnownHistory, RecordKeys } from "./core/history.js";
import type { Secrets } from "./core/secrets.js";
import { serves, type MachineOf, type Served } from "./core/target.js";
import type { Chosen } from "./core/strategy.js";
import type { soonestProbed } from "./core/turn.js";
import type { hostSteps } from "./host-steps.js";
import type { Followed, Host, Observation, Ports, Survey, WitnessReport } from "./ports.js";
import type { Prober } from "./prober.js";
import type { Rounds } from "./rounds.js";
import { settled } from "./settled.js";

export interface RegistryLogin {
  readonly user: string;
  readonly password: string;
  /** Registry that it is for, by the one name of each; null: that of the image which the operator names in this run. */
  readonly registry: string | null;
}

/** What the fleet is to be brought onto. */
export type Wanted =
  /** An image with the manifest's settings; an empty one means keep the serving one. */
  | { readonly do: "deploy"; readonly image: string }
  /** The release that the whole fleet served before the one that it runs, with its own settings. */
  | { readonly do: "rollback" };

/** For people. */
export function inWords(wanted: Wanted): string {
  if (wanted.do === "rollback") return "go back to the release before";
  return wanted.image ? `deploy ${wanted.image}` : "keep the serving release";
}

export interface RolloutRequest {
  readonly manifest: Manifest;
  readonly wanted: Wanted;
  /** Started inside `terraform apply`: unlisted droplets of this stack are superseded, not a mistake. */
  readonly startedByTerraform: boolean;
  /** The pre-deploy command is left out: the image was deployed before. */
  readonly skipPreDeploy: boolean;
  /** Who runs the rollout, for people: `user@machine`. */
  readonly owner: string;
  /** Seconds to wait for another rollout to end. */
  readonly waitSeconds: number;
  /** Login for a registry that is not DigitalOcean's. */
  readonly registryLogin: RegistryLogin | null;
  /** Values of the service's secrets; null where it has none, or a rollback does not have them. */
  readonly secrets: Secrets | null;
  /** Keys of the fleet's history. */
  readonly recordKeys: RecordKeys;
  /** File that a key was made in for want of any; null where there was one. */
  readonly recordKeyMade: string | null;
  /** Aborts when the rollout is to stop: what is under way is taken back first. */
  readonly signal: AbortSignal;
}

/** Decisions that a test may exchange for its own. */
export interface Parts {
  readonly gates: Gates;
  readonly steps: typeof hostSteps;
  readonly plan: typeof makePlan;
  readonly turn: typeof soonestProbed;
  readonly clients: typeof clientsFailing;
}

/** One host of the fleet, listed or superseded, with what is known of it. */
export interface Member {
  readonly info: ManifestHost;
  readonly host: Host;
  readonly superseded: boolean;
  /** Carries the fleet's tag: the balancer asks it. */
  readonly tagged: boolean;
  survey: Survey | null;
  /** What came to it as it told last, with ages as they were then: {@link trafficNow} gives them as they are now. */
  traffic: Traffic | null;
  /** When the look began that showed it. */
  heardMs: number;
  /** Milliseconds that the last look took to end, with an answer or without. */
  lookMs: number;
  /** Looks in a row, while another host leaves, that did not show it serving. */
  absences: number;
  /** Such a look that is under way. */
  look: { readonly sinceMs: number } | null;
  /** What this run's steward has written there, as it was read last. */
  journal: readonly JournalEntry[];
  /** What was begun on it: together with the journal, all that the receipt says of it. */
  readonly deeds: Deed[];
  locked: boolean;
  /** How it gets another release, as its steps were laid out last. */
  strategy: Chosen["strategy"];
  /** The container before still runs and is of the release that is wanted: the ports are led back to it. */
  isWarm: boolean;
  /** That was tried, and did not become ready: a new one is started. */
  wentCold: boolean;
  /** It answers its own requests with failures, as clients do fail. */
  failsItself: boolean;
  /** When requests were first seen on its new container; null before. */
  enteredMs: number | null;
  /** Since when clients fail, round after round, while it has a new container; null while they do not. */
  troubleMs: number | null;
  /** A new container has taken the old one's place and is ready: the balancer may send it requests. */
  swapped: boolean;
  /** Lost while it was to leave rotation: it is left to its lease, which ends later than the balancer needs. */
  outOfSight: boolean;
  status: HostStatus;
  receipt: Omit<HostReceipt, "action">;
}

/** Where requests went during one round, and how the rollout's own fared. */
export interface Landings {
  /** Connections that came to each host. Of whoever did not tell in time, none is known. */
  readonly by: ReadonlyMap<Member, number>;
  /** Own requests that were answered, and that failed. */
  readonly answered: number;
  readonly failed: number;
}

export interface Context {
  readonly request: RolloutRequest;
  readonly manifest: Manifest;
  readonly ports: Ports;
  readonly parts: Parts;
  readonly runId: string;
  readonly startedMs: number;
  /** When it must have ended; counted anew once another rollout was waited for. */
  deadlineMs: number;
  /** When all locked hosts were last asked which nodes the balancer has. */
  refreshedMs: number;
  /** The balancer's nodes when the last host was let go. A source that came later is no node that stopped asking. */
  nodes: readonly string[];
  /** Declared and live settings of the balancer, the larger of each. */
  check: ObservedCheck;
  release: Release | null;
  /** What the whole fleet served, as the copies tell that the hosts keep. */
  history: KnownHistory;
  /** What all serving hosts ran at first. */
  before: Served;
  /** What every listed host was seen to serve at first, for a fleet without a history; null when they did not. */
  first: HistoryEntry | null;
  /** The release is an earlier one: the one that hosts leave is not kept as one to go back to. */
  goesBack: boolean;
  members: Member[];
  /** Those that were brought onto the release, in that order. */
  readonly moved: Member[];
  /** Whether the balancer can be asked from here; null until it was tried. */
  witnessReachable: boolean | null;
  readonly witness: { sent: number; failed: number };
  /** Failed witness requests that no event has told of yet, and when one last did. */
  untold: { readonly failures: string[]; readonly sinceMs: number };
  /** Requests that show whether a host still gets any. */
  readonly quietWindows: Rounds<WitnessReport>;
  /** Requests of which one may land on a new host. */
  readonly knocks: Rounds<WitnessReport>;
  /** Where such requests go, for hosts that are in rotation: slow ones are waited for. */
  readonly landings: Pick<Rounds<Landings>, "join">;
  /** The same while a host is out: clients fail meanwhile, and a host that is gone answers no look. */
  readonly promptLandings: Pick<Rounds<Landings>, "join">;
  /** What clients see meanwhile. */
  readonly prober: Prober;
  /** Whether a failed witness request is a fault: not before the first host of a new fleet gets requests. */
  expectService: boolean;
}

export const listed = (context: Context): Member[] => context.members.filter((member) => !member.superseded);
export const superseded = (context: Context): Member[] => context.members.filter((member) => member.superseded);

/** Locked hosts that are looked at; one that was lost is left to its lease, which a look would lengthen. */
export const watched = ({ members }: Context): Member[] =>
  members.filter((member) => member.locked && !member.outOfSight);

/** Whether a superseded host still takes its part of the traffic: one without the fleet's tag is no longer asked. */
export const servesBeside = ({ tagged, survey }: Member): boolean => tagged && survey !== null && serves(survey);

/**
 * Whether nobody else can serve meanwhile, so that a host cannot leave rotation. A fleet of one has peers as long as superseded hosts
 * serve beside it.
 */
export function isAlone(context: Context, member: Member): boolean {
  const others = context.members.filter((other) => other !== member);
  return !others.some((other) => !other.superseded || servesBeside(other));
}

/** What its last look showed. @throws Error for a host that was not looked at, which is a bug */
export function surveyOf({ info, survey }: Member): Survey {
  if (!survey) throw new Error(`${info.name} was not surveyed`);
  return survey;
}

/** What the last looks at those that were looked at showed, by name. */
export const surveysOf = (members: readonly Member[]): Map<string, Survey> =>
  new Map(members.flatMap(({ info, survey }): [string, Survey][] => (survey ? [[info.name, survey]] : [])));

/** By the name of a host: the address for SSH of the machine that it is on. */
export const machinesOf =
  ({ members }: Context): MachineOf =>
  (host) =>
    members.find(({ info }) => info.name === host)?.info.address ?? host;

/** In the order of the names. @throws Error for a name that nobody has, which is a bug */
export const membersNamed = (context: Context, names: readonly string[]): Member[] =>
  names.map((name) => {
    const member = context.members.find((candidate) => candidate.info.name === name);
    if (!member) throw new Error(`no member is named ${name}`);
    return member;
  });

export function newMember(context: Context, info: ManifestHost, isSuperseded: boolean): Member {
  return {
    info,
    host: context.ports.hosts.open(info),
    superseded: isSuperseded,
    tagged: true,
    survey: null,
    traffic: null,
    heardMs: context.ports.clock.now(),
    lookMs: 0,
    journal: [],
    deeds: [],
    absences: 0,
    look: null,
    locked: false,
    strategy: context.manifest.rollout.strategy === "handoff" ? "handoff" : "drain",
    isWarm: false,
    wentCold: false,
    failsItself: false,
    enteredMs: null,
    troubleMs: null,
    swapped: false,
    outOfSight: false,
    status: "waiting",
    receipt: {
      name: info.name,
      id: info.id,
      seconds: 0,
      floorSeconds: null,
      drain: null,
      readmission: null,
      cut: 0,
      outageSeconds: null,
    },
  };
}

export function emit<Name extends EventName>(
  context: Context,
  name: Name,
  data: EventData<Name>,
  member?: Member,
): void {
  const { clock, events } = context.ports;
  const at = { time: clock.date(), elapsedMs: clock.now() - context.startedMs };
  events.emit(eventOf(name, data, { ...at, host: member?.info.name ?? null }));
}

export function setStatus(context: Context, member: Member, status: HostStatus, detail = ""): void {
  member.status = status;
  emit(context, "hostStatus", { status, detail }, member);
}

export const secondsSince = (context: Context, startMs: number): number => (context.ports.clock.now() - startMs) / 1000;

/** Milliseconds of a processor that one look costs here, ssh included; measured over 30 to 300 hosts. */
export const LOOK_COST_MS = 20;
/** Milliseconds that a host is left alone at most, however long a look takes. */
const MOST_REST_MS = 1000;
/** Milliseconds without any answer to a look: longer than a connection takes to be made anew. */
export const SILENCE_MS = 12_000;
/** Milliseconds between two events that tell of failed witness requests, at least. */
const TELL_EVERY_MS = 1000;

/** Time between two looks at a host while nobody else is looked at: a twentieth of the balancer's interval, from 0.1 to 0.25 s. */
export const pollMs = (check: ObservedCheck): number => Math.min(250, Math.max(100, check.checkIntervalSeconds * 50));

/** Statuses in which a host is looked at again and again. */
const atWork: readonly HostStatus[] = ["draining", "ejected", "starting", "ready"];
export const isAtWork = ({ status }: Member): boolean => atWork.includes(status);

/**
 * Milliseconds between two looks at a host: as wished, or longer when so many are looked at that this machine could not keep up, or when the looks
 * themselves take so long that a host would do nothing else.
 */
export function betweenLooks({ members }: Context, wishedMs: number): number {
  const atWork = members.filter(isAtWork);
  const slowestMs = Math.max(0, ...atWork.map(({ lookMs }) => lookMs));
  return Math.max(wishedMs, atWork.length * LOOK_COST_MS, Math.min(slowestMs, MOST_REST_MS));
}

/** When a rollout that begins now must have ended. */
export const deadlineOf = ({ ports, request }: Pick<Context, "ports" | "request">): number =>
  ports.clock.now() + request.manifest.rollout.timeoutSeconds * 1000;

/**
 * Waits for work that is done elsewhere; told to stop, or out of time, it waits no longer, and the work goes on without it.
 * @throws RolloutError Interrupted, RolloutTimeout
 */
export async function heedingStop<Result>(context: Context, begin: () => Promise<Result>): Promise<Result> {
  heedStop(context);
  const work = begin();
  const { clock } = context.ports;
  const ended = new AbortController();
  const either = AbortSignal.any([ended.signal, context.request.signal]);
  const untilStopped = async (): Promise<Result> => {
    // A timer may end a moment before its time.
    for (;;) {
      await clock.sleep(Math.min(LONGEST_TIMER_MS, context.deadlineMs - clock.now()), either);
      if (ended.signal.aborted) return work;
      heedStop(context);
    }
  };
  const stopped = untilStopped();
  try {
    return await Promise.race([work, stopped]);
  } finally {
    ended.abort();
    stopped.catch(() => undefined);
  }
}

/** Longest that a timer of Node counts. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** @throws RolloutError Interrupted when the rollout was told to stop, RolloutTimeout when its time is up */
export function heedStop({ request, ports, deadlineMs, manifest }: Context): void {
  if (request.signal.aborted) throw new RolloutError("Interrupted", "the rollout was told to stop");
  if (ports.clock.now() < deadlineMs) return;
  const { timeoutSeconds } = manifest.rollout;
  throw new RolloutError(
    "RolloutTimeout",
    `the rollout has not come to its end within ${timeoutSeconds} s (timeoutSeconds); run it again, and raise that if it never had the time`,
  );
}

/**
 * Waits, by default until the next look.
 * @throws RolloutError Interrupted, RolloutTimeout
 */
export async function pause(
  context: Context,
  milliseconds = betweenLooks(context, pollMs(context.check)),
): Promise<void> {
  const { signal } = context.request;
  const { clock } = context.ports;
  const leftMs = Math.max(0, context.deadlineMs - clock.now());
  if (!signal.aborted) await clock.sleep(Math.min(milliseconds, leftMs), signal);
  heedStop(context);
}

/** The same rollout for work that has to come to its end although the rollout was told to stop, or its time is up. */
export function uninterrupted(context: Context): Context {
  const request = { ...context.request, signal: new AbortController().signal };
  return Object.create(context, { request: { value: request }, deadlineMs: { value: Infinity } }) as Context;
}

/** What has become of a host so far. */
export const actionSoFar = ({ deeds, journal }: Member): HostReceipt["action"] => actionOf(deeds, journal);

/** Work on it that has begun last; null before the first. */
export const lastWork = ({ deeds }: Member): Work | null =>
  deeds.flatMap((deed) => (deed.do === "work" ? [deed.work] : [])).at(-1) ?? null;

/**
 * Looks at a locked host, and tells what its steward has done since the last look.
 * @throws RolloutError StewardLost as soon as the steward is gone: its lock is free, and nobody follows orders there
 */
export async function observe(context: Context, member: Member): Promise<Observation> {
  const observation = await observeEnd(context, member);
  if (!observation.stewardAlive) throw stewardLost(context, member);
  return observation;
}

/** The same for a steward that may have come to its end. */
export async function observeEnd(context: Context, member: Member): Promise<Observation> {
  const beganMs = context.ports.clock.now();
  const observation = await member.host.observe().finally(() => {
    member.lookMs = context.ports.clock.now() - beganMs;
  });
  // One that took long shows less than one that began after it.
  if (beganMs >= member.heardMs) Object.assign(member, { traffic: observation.traffic, heardMs: beganMs });
  readOn(context, member, observation);
  return observation;
}

/** Has a host wait for the end of an order, and tells what its steward has done since the last look. */
export async function follow(context: Context, member: Member, sequence: number, seconds: number): Promise<Followed> {
  const followed = await member.host.follow(sequence, seconds);
  readOn(context, member, followed);
  return followed;
}

function readOn(context: Context, member: Member, { journal }: Followed): void {
  const told = member.journal.length;
  for (const entry of journal.slice(told)) tell(context, member, entry);
  if (journal.length > told) member.journal = journal;
}

/** Told as soon as it is seen, with what the journal says last. */
export function stewardLost({ manifest }: Context, { info, journal }: Member): RolloutError {
  const last = journal.at(-1);
  const words = last ? `its journal ends with "${`${last.state} ${last.detail}`.trim()}"` : "its journal is empty";
  return new RolloutError(
    "StewardLost",
    `${info.name}: the steward is gone, and with it the lock (${words}); it ends when nobody looks for leaseSeconds (${manifest.rollout.leaseSeconds} s), with the host, or when somebody kills it; run the rollout again`,
  );
}

function tell(context: Context, member: Member, { state, detail }: JournalEntry): void {
  if (state === "step") emit(context, "step", { step: detail }, member);
  if (state === "undone") emit(context, "undone", { outcome: detail }, member);
}

/**
 * Looks at several locked hosts at once; one that does not answer counts as silent.
 * @throws RolloutError StewardLost
 */
export async function observeAll(context: Context, members: readonly Member[]): Promise<(Observation | null)[]> {
  return settled(members.map((member) => observeOne(context, member)));
}

async function observeOne(context: Context, member: Member): Promise<Observation | null> {
  const beganMs = context.ports.clock.now();
  try {
    return await observe(context, member);
  } catch (error) {
    if (beganMs >= member.heardMs) member.traffic = null;
    if (isExpected(error, "StewardLost")) throw error;
    return null;
  }
}

/**
 * The same for what several hosts count together: one whose steward is gone is silent too. Whoever works on that host learns of it by a look of
 * its own, and nobody takes it for the loss of another host.
 */
export async function observeSilent(context: Context, members: readonly Member[]): Promise<(Observation | null)[]> {
  const silentIfLost = (error: unknown): null => {
    if (!isExpected(error, "StewardLost")) throw error;
    return null;
  };
  return settled(members.map((member) => observeOne(context, member).catch(silentIfLost)));
}

/** What it told last, as it is to be read now: a look that is old itself is no evidence. */
export const trafficNow = ({ ports }: Pick<Context, "ports">, { traffic, heardMs }: Member): Traffic | null =>
  traffic && aged(traffic, ports.clock.now() - heardMs);

/**
 * Nodes of the balancer that any host of the fleet has been probed by lately. A droplet that asks its own private address shows up
 * as that address, so the fleet's own are no nodes.
 */
export function knownSources(context: Pick<Context, "ports" | "members" | "check">): string[] {
  const { members, check } = context;
  return nodesOf(
    members.map((member) => trafficNow(context, member)),
    members.map(({ info }) => info),
    check,
  );
}

/** Most probes in a row, failed or passed, that any one node has sent to a host. @param sinceMs nodes count whose last one came since @default - all do */
export function mostProbes(
  context: Context,
  member: Member,
  outcome: "failed" | "passed",
  sinceMs = -Infinity,
): number {
  const traffic = trafficNow(context, member);
  if (!traffic) return 0;
  const isSince = (node: string): boolean =>
    context.ports.clock.now() - (probesOf(traffic, node)?.newestMs ?? Infinity) >= sinceMs;
  const nodes = knownSources(context).filter(isSince);
  return Math.max(0, ...nodes.map((node) => countOf(traffic, node, outcome)));
}

/** Sends witness requests and counts them for the receipt. */
export async function sendWitness(context: Context, count: number): Promise<WitnessReport> {
  const report = await context.ports.witness.send(count);
  context.witness.sent += report.sent;
  if (context.expectService && report.failures.length > 0) {
    context.witness.failed += report.failures.length;
    context.untold.failures.push(...report.failures);
    if (context.ports.clock.now() - context.untold.sinceMs >= TELL_EVERY_MS) tellFailures(context);
  }
  return report;
}

/** Tells of the failed requests that no event has told of yet. An outage would fill the log with one event a request. */
export function tellFailures(context: Context): void {
  const { failures } = context.untold;
  if (failures.length === 0) return;
  context.untold = { failures: [], sinceMs: context.ports.clock.now() };
  emit(context, "witnessFailed", { failed: failures.length, reasons: counted(failures) });
}
