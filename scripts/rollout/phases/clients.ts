/** What clients see outranks what hosts say: a host goes back at once when the prober's requests fail while it is out. */
import {
  emit,
  listed,
  pause,
  pollMs,
  trafficNow,
  watched,
  type Context,
  type Landings,
  type Member,
} from "../context.js";
import { RolloutError } from "../core/errors.js";
import { reasonsInWords } from "../core/events.js";
import { blindWaitMs } from "../core/floor.js";
import {
  baselineRequests,
  canaryRequests,
  counted,
  isUnanswered,
  shareOfOne,
  type Failing,
  type Round,
} from "../core/prober.js";
import { failsByItself, isFailure, type OwnAnswers } from "../core/turn.js";
import { settled } from "../settled.js";
import { landedOn } from "./landings.js";

/** Milliseconds before a baseline with failures is taken anew. */
const ANEW_MS = 1000;

/**
 * Asks what clients see before any host leaves. Failures get the time that the balancer needs to let a host go that is lost just now; what
 * fails then as well is the fleet's own way, and is told: all rounds count since the last change, as nothing was done to the fleet meanwhile.
 */
export async function takeBaseline(context: Context): Promise<void> {
  if (!mayAsk(context)) return;
  const { clock } = context.ports;
  const until = clock.now() + blindWaitMs(context.check.unhealthyThreshold, context.check);
  for (;;) {
    const { sent, failures } = await ask(context);
    if (failures.length === 0) return;
    if (clock.now() >= until) {
      emit(context, "baselineFails", { failed: failures.length, sent, reasons: counted(failures) });
      return;
    }
    await pause(context, ANEW_MS);
  }
}

/**
 * Asks anew before more hosts leave: what failed before the first one did may be over, and against such a baseline nobody would see them fail.
 * Where nothing failed there is nothing better to learn. While requests fail, those hosts are to leave first that fail by themselves.
 */
export async function renewBaseline(context: Context): Promise<void> {
  const { baseline } = context.prober;
  if (baseline === null) return expectAnswers(context);
  if (!mayAsk(context) || baseline.failed === 0) return;
  await context.prober.renewBaseline(baselineRequests(listed(context).length));
  await askHosts(context);
}

async function askHosts(context: Context): Promise<void> {
  const fails = context.prober.baseline?.failed !== 0;
  const learn = async (member: Member): Promise<void> => {
    const own = fails ? await ownAnswers(context, member) : null;
    member.failsItself = own !== null && failsByItself(own);
  };
  await settled(listed(context).map(learn));
}

/** Null where it could not be asked. Its health path is asked only where it gives no other answer. */
async function ownAnswers({ check }: Context, { host }: Member): Promise<OwnAnswers | null> {
  try {
    const answer = await host.answer("/");
    return { answer, health: answer === null ? await host.answer(check.path) : null };
  } catch (error) {
    if (!(error instanceof RolloutError)) throw error;
    return null;
  }
}

/** It fails its host's own requests. Another host that gets requests does not, so the way of asking is not at fault. */
async function failsBesideOthers(
  context: Context,
  member: Member,
  others: readonly Member[],
  { by }: Landings,
): Promise<boolean> {
  const asked = others.filter((other) => (by.get(other) ?? 0) > 0);
  const [own, ...answers] = await settled([member, ...asked].map((one) => ownAnswers(context, one)));
  const serves = (answer: OwnAnswers | null): boolean =>
    answer !== null && answer.answer !== null && !isFailure(answer.answer);
  return own !== null && own !== undefined && failsByItself(own) && answers.some(serves);
}

/**
 * Asks what clients see now, and waits for each answer. Where nobody was served before the rollout, what fails is its own work, and never the
 * usual.
 */
export async function expectAnswers(context: Context, count = baselineRequests(listed(context).length)): Promise<void> {
  if (mayAsk(context)) await context.prober.expectAnswers(count);
}

/**
 * Waits for requests that are counted, and heeds something meanwhile: where the balancer hangs, each of them takes as long as a client would
 * wait, and the host must not stay out for all that time.
 */
export async function whileHeeding<Result>(context: Context, work: Promise<Result>, heed: () => void): Promise<Result> {
  const ended = new AbortController();
  const heeding = async (): Promise<Result> => {
    while (!ended.signal.aborted) {
      heed();
      await context.ports.clock.sleep(pollMs(context.check), ended.signal);
    }
    return work;
  };
  const heeded = heeding();
  try {
    return await Promise.race([work, heeded]);
  } finally {
    ended.abort();
    for (const left of [work, heeded]) left.catch(() => undefined);
  }
}

/**
 * Whether no more requests fail than before, of so many that each host has had its share. Requests one by one may miss a host for a while: once
 * there was trouble, only as many at once show that it is over.
 */
export async function areClientsAsBefore(context: Context, sinceMs: number, hadTrouble: boolean): Promise<boolean> {
  const { prober } = context;
  const areTooFew = prober.known(sinceMs) < baselineRequests(listed(context).length);
  if (areTooFew || (hadTrouble && prober.areAsBefore(sinceMs))) await expectAnswers(context);
  return prober.areAsBefore(sinceMs);
}

/** Asks anew what clients see, and takes it as it is: from now on only what fails beyond that counts. */
export async function replaceBaseline(context: Context): Promise<void> {
  if (!mayAsk(context)) return;
  context.prober.forgetBaseline();
  await ask(context);
}

const mayAsk = ({ witnessReachable, expectService }: Context): boolean => witnessReachable === true && expectService;

/** As many as the first host that is handed over is judged by: a fault that few requests meet would else seem to be its own. */
function ask(context: Context): Promise<Round> {
  const hosts = listed(context);
  const handsOver = hosts.some(({ strategy }) => strategy === "handoff");
  return context.prober.takeBaseline((handsOver ? canaryRequests : baselineRequests)(hosts.length));
}

/**
 * For a host that is drained: it goes back.
 * @throws RolloutError ClientsFail
 */
export function heedClients(context: Context, member: Member): void {
  const failing = context.prober.failing();
  if (failing) throw clientsFail(context, member, failing);
}

/**
 * Null while clients fare as before.
 * @param sinceMs only requests that were sent later count @default - all of the window do
 */
export function whyClientsFail(context: Context, sinceMs?: number): string | null {
  const failing = context.prober.failing(sinceMs);
  return failing && inWords(context, failing);
}

/**
 * For a new container. Before it gets requests it cannot be what fails. Where nobody else gets any, going on is the shortest way to a host that serves,
 * as to go back it would have to leave rotation first. Else it goes back at once when its own answer to its host is a failure, and that of another one
 * is none. What fails in another way is held against it once it lasts longer than the balancer needs to let a host go that is lost.
 * @param others the hosts that are to serve meanwhile
 * @throws RolloutError ClientsFail
 */
export async function heedClientsOf(context: Context, member: Member, others: () => Member[]): Promise<void> {
  if (member.enteredMs === null) return;
  const failing = context.prober.failing(member.enteredMs);
  if (!failing) {
    member.troubleMs = null;
    return;
  }
  // Several hosts may enter at once: one round tells all of them.
  const landings = await context.landings.join();
  if (landedOn(landings, others()) === 0) return;
  const { check, ports } = context;
  member.troubleMs = landings.failed > 0 ? (member.troubleMs ?? failing.fromMs) : null;
  const isLong =
    member.troubleMs !== null && ports.clock.now() - member.troubleMs >= blindWaitMs(check.unhealthyThreshold, check);
  if (isLong || (await failsBesideOthers(context, member, others(), landings)))
    throw clientsFail(context, member, failing, ENTERED);
}

/**
 * For a host whose ports were led over, and whose old container still runs: it goes back at once, as that costs nobody anything.
 * @param isFirst it is judged by its own share, which is few among the requests of a large fleet. Only it was sent enough to tell that from chance
 * @throws RolloutError ClientsFail
 */
export function heedHandover(context: Context, member: Member, isFirst: boolean): void {
  const leastShare = isFirst ? shareOfOne(listed(context).length) : undefined;
  const failing = context.prober.failing(member.enteredMs ?? undefined, leastShare);
  if (failing) throw clientsFail(context, member, failing, ENTERED);
}

/**
 * For a host with a new container that is not ready yet: nobody knows when it will be, so the host goes back when clients fail and nobody else
 * gets requests. While others do, this one's coming back is what they wait for; but not when they have failed for as long as the balancer
 * needs to let a host go: one of its nodes may have nobody else.
 * @returns asks why it is to go back now; null while it need not
 */
export function goingBack(context: Context, member: Member): () => Promise<RolloutError | null> {
  const { prober, ports, check } = context;
  const others = (): Member[] => watched(context).filter((other) => other !== member);
  let troubleMs: number | null = null;
  return async () => {
    const failing = prober.failing();
    // One window that is not worse beyond chance does not end the trouble.
    if (!failing && prober.areAsBefore(-Infinity)) troubleMs = null;
    if (!failing) return null;
    troubleMs ??= failing.fromMs;
    const isLong = ports.clock.now() - troubleMs >= blindWaitMs(check.unhealthyThreshold, check);
    const stays = !isLong && landedOn(await context.promptLandings.join(), others()) > 0;
    return stays ? null : clientsFail(context, member, failing);
  };
}

/**
 * For a new container that leaves rotation to be taken back: waiting helps nobody when nobody else gets the requests. Where nothing answers here,
 * and others do get ordinary requests, only the way from here to the balancer may be lost. Then the balancer gets its time to let go.
 * @param sinceMs when it began to leave
 * @param others the hosts that are to serve meanwhile
 * @throws RolloutError NotEjected
 */
export async function heedOutage(
  context: Context,
  member: Member,
  others: () => Member[],
  sinceMs: number,
): Promise<void> {
  const { check, ports } = context;
  const failing = context.prober.failing();
  if (!failing) return;
  const landings = await context.promptLandings.join();
  // What comes to a host that hangs is answered by nobody.
  if (landings.answered > 0 && landedOn(landings, others()) > 0) return;
  const isOwnWay = isUnanswered(failing) && others().some((other) => isAskedSince(context, other, failing.fromMs));
  const isLong = ports.clock.now() - sinceMs >= blindWaitMs(check.unhealthyThreshold, check);
  if (isOwnWay && !isLong) return;
  const why = isOwnWay
    ? "the balancer cannot be reached from here, and has had its time to let this host go"
    : "no other host gets requests, and clients fail";
  throw new RolloutError("NotEjected", `${member.info.name}: ${why}: ${inWords(context, failing)}`);
}

function isAskedSince(context: Context, member: Member, sinceMs: number): boolean {
  const agoMs = trafficNow(context, member)?.lastRequestAgoMs ?? null;
  return agoMs !== null && context.ports.clock.now() - agoMs > sinceMs;
}

/** Since when clients fail, and where to look. */
interface Blame {
  readonly since: string;
  readonly lookAt: string;
}

const OUT: Blame = {
  since: "while it is out",
  lookAt: "what the other hosts answer and whether the balancer reaches them",
};
/** Requests that fail do reach a host: it may be the release, and it may be another host. */
const ENTERED: Blame = {
  since: "since its new container gets requests",
  lookAt: "the log of the release, then at what the other hosts answer",
};

function clientsFail(context: Context, member: Member, failing: Failing, { since, lookAt }: Blame = OUT): RolloutError {
  const { failed, sent, reasons } = failing;
  emit(context, "clientsFail", { failed, sent, reasons }, member);
  return new RolloutError(
    "ClientsFail",
    `${member.info.name} goes back, as clients fail ${since}: ${inWords(context, failing)}; look at ${lookAt}, then run the rollout again`,
  );
}

function inWords({ startedMs }: Context, { failed, sent, reasons, fromMs, toMs }: Failing): string {
  const second = (atMs: number): string => ((atMs - startedMs) / 1000).toFixed(1);
  return `${failed} of ${sent} requests through the balancer failed from second ${second(fromMs)} to ${second(toMs)} of the rollout (${reasonsInWords(reasons)})`;
}
