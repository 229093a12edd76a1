/** The whole rollout. Reads like the procedure it follows; every decision is in core/, every effect behind a port. */
import {
  actionSoFar,
  deadlineOf,
  emit,
  inWords,
  lastWork,
  listed,
  membersNamed,
  sendWitness,
  SILENCE_MS,
  surveyOf,
  tellFailures,
  uninterrupted,
  type Context,
  type Member,
  type Parts,
  type RolloutRequest,
} from "./context.js";
import { byMachine } from "../../contract/one-machine.js";
import type { Release } from "../../contract/release.js";
import { describe, exitCodes, isExpected, RolloutError } from "./core/errors.js";
import { gates, WITNESS_PER_HOST } from "./core/gates.js";
import { makePlan, type Plan } from "./core/plan.js";
import { clientsFailing } from "./core/prober.js";
import { failureCode, type Receipt } from "./core/receipt.js";
import { wayBack } from "./core/history.js";
import { asToday, mayGetRequests, serves } from "./core/target.js";
import { soonestProbed } from "./core/turn.js";
import { hostSteps } from "./host-steps.js";
import { lookAt, settleDoubt } from "./phases/doubt.js";
import { perform } from "./orders.js";
import { readToEnd } from "./phases/restore.js";
import { onceMore } from "./phases/down.js";
import { goBack } from "./phases/go-back.js";
import { beginWayBack, keepHistory, learnBefore, learnServed, releasesOnHosts } from "./phases/history.js";
import { expectAskedByNodes, expectNodesContent } from "./phases/handoff.js";
import { convergeAll, replaceAll } from "./phases/hosts.js";
import { withLocks } from "./phases/locks.js";
import { planOf } from "./phases/plan.js";
import { awaitPreDeploy, runPreDeploy } from "./phases/pre-deploy.js";
import { expectPortsLeft } from "./phases/ports-left.js";
import { preflight } from "./phases/preflight.js";
import {
  checkMemory,
  conclude,
  goalOf,
  goalUnderLocks,
  isInfrastructureOnly,
  prepare,
  pullEverywhere,
  type Goal,
} from "./phases/release.js";
import { retireAll } from "./phases/retire.js";
import { takeBaseline } from "./phases/clients.js";
import { expectAsked, expectRotation } from "./phases/in-rotation.js";
import type { KeptRelease, Ports } from "./ports.js";
import { LandingRounds } from "./phases/landings.js";
import { Prober } from "./prober.js";
import { Rounds } from "./rounds.js";
import { settled } from "./settled.js";

/** Milliseconds that looks go on after the last one that ended, while a host is out and clients fail. */
const PROMPT_MS = 2000;

/** Witness requests for each host, of which one is to land on a new one: round robin needs one. */
const KNOCKS_PER_HOST = 2;

export const standardParts: Parts = {
  gates,
  steps: hostSteps,
  plan: makePlan,
  turn: soonestProbed,
  clients: clientsFailing,
};

/** Brings the fleet onto the release and says how that went. Expected failures end in the receipt, never in an exception. */
export async function rollout(request: RolloutRequest, ports: Ports, parts: Parts = standardParts): Promise<Receipt> {
  const context = newContext(request, ports, parts);
  const { manifest } = request;
  emit(context, "started", {
    runId: context.runId,
    fleet: manifest.fleet,
    hosts: manifest.hosts.map((host) => host.name),
    wanted: inWords(request.wanted),
  });
  if (request.recordKeyMade !== null) emit(context, "recordKeyMade", { file: request.recordKeyMade });
  const failure = await attempt(() => carryOut(context));
  const receipt = await close(context, failure);
  emit(context, "finished", { receipt });
  return receipt;
}

async function carryOut(context: Context): Promise<void> {
  await preflight(context);
  if (isInfrastructureOnly(context)) {
    emit(context, "infrastructureOnly", {});
    return;
  }
  const seen = context.request.wanted.do === "rollback" ? goalOf(context) : null;
  await withLocks(context, async () => {
    const goal = await goalUnderLocks(context, seen);
    if (goal === null) emit(context, "infrastructureOnly", {});
    else await reach(context, goal);
  });
}

async function reach(context: Context, goal: Goal): Promise<void> {
  await pullEverywhere(context, goal);
  await prepare(context);
  learnBefore(context);
  const plan = planOf(context);
  checkMemory(context, membersNamed(context, plan.replace));
  const [foremost] = membersNamed(context, [...plan.converge.flat(), ...plan.replace]);
  await expectBalancer(context, membersNamed(context, [...plan.keep, ...plan.replace]));
  await expectPortsLeft(context);
  await awaitPreDeploy(context);
  if (foremost) await runPreDeploy(context, foremost);
  const { hosts, seconds, maxUnavailable, maxParallel } = plan;
  emit(context, "planned", { hosts, seconds, maxUnavailable, maxParallel });
  if (goal.back) {
    const { release: left, servedFrom: fromServedFrom } = goal.back.from;
    const from = { from: left.id, fromImage: left.image, fromServedFrom };
    emit(context, "wentBack", { ...from, image: goal.image });
    await beginWayBack(context, { from: left.id, to: goal.back.entry.release.id });
  }
  await roll(context, plan, goal);
}

/** The balancer asks those that serve. @throws RolloutError NotInRotation */
async function expectBalancer(context: Context, members: readonly Member[]): Promise<void> {
  await expectAskedByNodes(context, handedOver(members));
  await expectAsked(
    context,
    members.filter(({ strategy }) => strategy === "drain"),
  );
}

const handedOver = (members: readonly Member[]): Member[] => members.filter(({ strategy }) => strategy === "handoff");

async function roll(context: Context, plan: Plan, goal: Goal): Promise<void> {
  const end = new AbortController();
  const watching = context.witnessReachable ? context.prober.watch(end.signal) : Promise.resolve();
  try {
    context.expectService = mayServe(context);
    keep(context, plan);
    if (plan.converge.length + plan.replace.length + plan.retire.length > 0) await takeBaseline(context);
    try {
      await onceMore(
        context,
        () => follow(context, plan),
        () => followAnew(context),
      );
    } catch (error) {
      await goBack(context, error);
      throw error;
    }
    // A steward that died before its commit left a container that no reboot brings back.
    await settled(keptOnes(context).map((member) => perform(context, member, "commit")));
    await retire(context, plan);
    await prove(context);
    await keepHistory(context, goal.back?.entry.release.id ?? null);
    await prune(context);
  } finally {
    end.abort();
    await watching;
  }
}

async function follow(context: Context, plan: Plan): Promise<void> {
  await convergeAll(context, plan.converge);
  await replaceAll(context, membersNamed(context, plan.replace), plan);
}

/** That a superseded host cannot leave says nothing against the release; that those on it fail does, as when the next of them were to leave. */
async function retire(context: Context, plan: Plan): Promise<void> {
  try {
    await retireAll(context, membersNamed(context, plan.retire));
  } catch (error) {
    if (isExpected(error, "ClientsFail", "QuorumLost")) await goBack(context, error);
    throw error;
  }
}

/** From what the hosts are by now: one that was taken for down may serve the release itself. */
async function followAnew(context: Context): Promise<void> {
  await prepare(context);
  const plan = planOf(context);
  keep(context, plan);
  if (!context.expectService && mayServe(context)) await beginToExpectService(context, plan);
  await follow(context, plan);
}

const mayServe = ({ members }: Context): boolean =>
  members.some(({ survey }) => survey !== null && mayGetRequests(survey));

/** No host served at first, and none was changed: from here on the fleet is like any other that serves. */
async function beginToExpectService(context: Context, plan: Plan): Promise<void> {
  context.expectService = true;
  learnServed(context);
  await expectBalancer(context, membersNamed(context, [...plan.keep, ...plan.replace]));
  await takeBaseline(context);
}

/** Decides so of those that the plan keeps, but of none that this rollout brought onto the release. */
function keep(context: Context, plan: Plan): void {
  const now = context.ports.clock.now();
  for (const member of membersNamed(context, plan.keep)) {
    if (context.moved.includes(member)) continue;
    member.deeds.push({ do: "keep" });
    conclude(context, member, now);
  }
}

const keptOnes = (context: Context): Member[] => listed(context).filter((member) => actionSoFar(member) === "kept");

/** @throws RolloutError NotConverged */
async function prove(context: Context): Promise<void> {
  const { release } = context;
  if (!release) throw new Error("nothing was rolled out");
  const members = listed(context);
  await settled(members.map((member) => lookAt(context, member)));
  await settleDoubt(context, members);
  for (const member of members) {
    const survey = surveyOf(member);
    const { current } = survey.containers;
    if (current?.release !== release.id || !serves(survey)) {
      const runs = current ? `${current.image} (release ${current.release ?? "unknown"})` : "nothing";
      throw new RolloutError(
        "NotConverged",
        `${member.info.name} does not serve ${release.image} (release ${release.id}) at the end (it runs ${runs}); run the rollout again`,
      );
    }
  }
  await expectRotation(context);
  await expectNodesContent(context, handedOver(members));
}

/** The release goes on even if old images stay: a full disk is a warning here, and refused by the next preflight. */
async function prune(context: Context): Promise<void> {
  const machines = byMachine(listed(context), ({ info }) => info.address);
  await Promise.all([...machines.values()].map((members) => pruneMachine(context, members)));
}

/** Hosts on one machine have their images in common: one after the other, none removes what another one needs. */
async function pruneMachine(context: Context, members: readonly Member[]): Promise<void> {
  const kept = [...members.flatMap(releasesInUse), ...neededToGoBack(context)];
  for (const member of members) {
    try {
      await member.host.prune(kept, keepingSecrets(context));
    } catch (error) {
      emit(context, "pruneFailed", { why: error instanceof Error ? error.message : String(error) }, member);
    }
  }
}

/** Docker keeps the image of any container, also of one that is kept for its log. */
function releasesInUse(member: Member): KeptRelease[] {
  const { current, previous, failed } = surveyOf(member).containers;
  return [current, previous, failed].flatMap((container) =>
    container?.release ? [{ id: container.release, image: container.image }] : [],
  );
}

/** What a rollback would lead to now, so that it needs no registry. */
function neededToGoBack(context: Context): KeptRelease[] {
  try {
    const running = {
      releases: releasesOnHosts(context),
      today: (release: Release) => asToday(context.manifest, release),
    };
    return [wayBack(context.history, running).entry.release];
  } catch (error) {
    if (!isExpected(error, "NothingBefore")) throw error;
    return [];
  }
}

/** Releases of the history that had secrets: a rollback can still lead to each, and nobody else may have the values by then. */
const keepingSecrets = ({ history: { history } }: Context): string[] =>
  history?.entries.flatMap(({ release }) => (release.secretsFingerprint === null ? [] : [release.id])) ?? [];

async function attempt(work: () => Promise<void>): Promise<unknown> {
  try {
    await work();
    return null;
  } catch (error) {
    return error ?? new Error("thrown without a reason");
  }
}

async function close(context: Context, failure: unknown): Promise<Receipt> {
  const { ports, runId, manifest, release } = context;
  await lookAtTheEnd(context);
  tellFailures(context);
  const hosts = context.members.map((member) => ({ ...member.receipt, action: actionSoFar(member) }));
  await Promise.allSettled(context.members.map((member) => member.host.close()));
  const error = failure === null ? null : describe(failure);
  if (error) emit(context, "failed", error);
  return {
    runId,
    fleet: manifest.fleet,
    startedAt: new Date(ports.clock.date().getTime() - (ports.clock.now() - context.startedMs)).toISOString(),
    seconds: (ports.clock.now() - context.startedMs) / 1000,
    release: release ? { id: release.id, image: release.image } : null,
    hosts,
    witness: { ...context.witness, reachable: context.witnessReachable },
    error,
    exitCode: failure === null ? exitCodes.onTarget : failureCode(failure, hosts),
  };
}

/** Looks once more at those whose end nobody has seen: their stewards have left by now, or do so when the lease ends. */
async function lookAtTheEnd(context: Context): Promise<void> {
  const unseen = context.members.filter((member) => lastWork(member)?.readToEnd === false);
  await Promise.all(unseen.map((member) => readToEnd(uninterrupted(context), member)));
}

function newContext(request: RolloutRequest, ports: Ports, parts: Parts): Context {
  const toEach = (requests: number) => () => sendWitness(context, requests * listed(context).length);
  const context: Context = {
    request,
    manifest: request.manifest,
    ports,
    parts,
    runId: ports.random.id(),
    startedMs: ports.clock.now(),
    deadlineMs: deadlineOf({ ports, request }),
    refreshedMs: ports.clock.now(),
    nodes: [],
    check: request.manifest.healthCheck,
    release: null,
    history: { history: null, ignored: [] },
    before: { why: "no host was looked at" },
    first: null,
    goesBack: request.wanted.do === "rollback",
    members: [],
    moved: [],
    witnessReachable: null,
    witness: { sent: 0, failed: 0 },
    untold: { failures: [], sinceMs: -Infinity },
    quietWindows: new Rounds(toEach(WITNESS_PER_HOST)),
    knocks: new Rounds(toEach(KNOCKS_PER_HOST)),
    landings: new LandingRounds(() => context, SILENCE_MS),
    promptLandings: new LandingRounds(() => context, PROMPT_MS),
    prober: new Prober(ports.clock, (count) => sendWitness(context, count), parts.clients),
    expectService: false,
  };
  return context;
}
