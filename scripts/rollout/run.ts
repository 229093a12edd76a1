/** The whole rollout. Reads like the procedure it follows; every decision is in core/, every effect behind a port. */
import {
  deadlineOf,
  emit,
  inWords,
  listed,
  membersNamed,
  sendWitness,
  superseded,
  surveyOf,
  surveysOf,
  type Context,
  type Member,
  type Parts,
  type RolloutRequest,
} from "./context.js";
import { byMachine } from "../../contract/one-machine.js";
import type { Release } from "../../contract/release.js";
import { describe, exitCodes, refusalCode, RolloutError, type ExitCode } from "./core/errors.js";
import { gates, WITNESS_PER_HOST } from "./core/gates.js";
import type { Plan } from "./core/plan.js";
import type { Receipt } from "./core/receipt.js";
import { releaseServed, serves } from "./core/target.js";
import { soonestProbed } from "./core/turn.js";
import { hostSteps } from "./host-steps.js";
import { learn, settleDoubt } from "./phases/doubt.js";
import { perform } from "./orders.js";
import { goBack } from "./phases/go-back.js";
import { convergeAll, replaceAll } from "./phases/hosts.js";
import { withLocks } from "./phases/locks.js";
import { planOf } from "./phases/plan.js";
import { awaitPreDeploy, runPreDeploy } from "./phases/pre-deploy.js";
import { preflight } from "./phases/preflight.js";
import {
  conclude,
  goalOf,
  goalUnderLocks,
  isInfrastructureOnly,
  prepare,
  pullEverywhere,
  smokeBoot,
  type Goal,
} from "./phases/release.js";
import { retireAll } from "./phases/retire.js";
import { expectRotation } from "./phases/rotation.js";
import type { Ports } from "./ports.js";
import { Rounds } from "./rounds.js";
import { settled } from "./settled.js";

/** Time between two witness requests while nothing else is asked of it. */
const WITNESS_EVERY_MS = 500;
/** Witness requests for each host, of which one is to land on a new one: round robin needs one. */
const KNOCKS_PER_HOST = 2;

export const standardParts: Parts = { gates, steps: hostSteps, turn: soonestProbed };

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
  context.before = releaseServed(surveysOf(listed(context)));
  const plan = planOf(context);
  const [foremost] = membersNamed(context, [...plan.converge, ...plan.replace]);
  await awaitPreDeploy(context);
  if (foremost) await runPreDeploy(context, foremost);
  await smokeBoot(context, foremost);
  emit(context, "planned", { hosts: plan.hosts, seconds: plan.seconds, maxUnavailable: plan.maxUnavailable });
  if (goal.back) emit(context, "wentBack", { from: goal.back.from, image: goal.image });
  await roll(context, plan);
}

async function roll(context: Context, plan: Plan): Promise<void> {
  const end = new AbortController();
  const watching = watch(context, end.signal);
  const now = context.ports.clock.now();
  const named = (names: readonly string[]) => membersNamed(context, names);
  try {
    context.expectService =
      plan.keep.length > 0 ||
      plan.replace.length > 0 ||
      superseded(context).some((member) => member.survey && serves(member.survey));
    for (const member of named(plan.keep)) conclude(context, member, "kept", now);
    try {
      await convergeAll(context, named(plan.converge));
      await replaceAll(context, named(plan.replace), plan.maxUnavailable);
    } catch (error) {
      await goBack(context, error);
      throw error;
    }
    // A steward that died before its commit left a container that no reboot brings back. And after going back, those that were there already
    // do not keep the release before it either: going back again would lead further back on them.
    await settled(named(plan.keep).map((member) => perform(context, member, "commit")));
    await retireAll(context, named(plan.retire));
    await prove(context);
    await prune(context);
  } finally {
    end.abort();
    await watching;
  }
}

/** A request through the balancer now and then, so that the receipt says what a client would have seen. */
async function watch(context: Context, end: AbortSignal): Promise<void> {
  while (!end.aborted) {
    if (context.witnessReachable && !context.watchHeld) await (context.watching = sendWitness(context, 1));
    await context.ports.clock.sleep(WITNESS_EVERY_MS, end);
  }
}

/** @throws RolloutError NotConverged */
async function prove(context: Context): Promise<void> {
  const members = listed(context);
  await settled(members.map(async (member) => learn(member, await member.host.survey(true))));
  await settleDoubt(context, members);
  for (const member of members) {
    const survey = surveyOf(member);
    const { current } = survey.containers;
    const told = survey.lifecycle?.release;
    if (
      current?.release !== context.release?.id ||
      !serves(survey) ||
      (told !== undefined && told !== context.release?.id)
    ) {
      throw new RolloutError(
        "NotConverged",
        `${member.info.name} does not serve release ${context.release?.id ?? ""} at the end (it runs ${current?.release ?? "none"}); run the rollout again`,
      );
    }
  }
  await expectRotation(context);
}

/** The release goes on even if old images stay: a full disk is a warning here, and refused by the next preflight. */
async function prune(context: Context): Promise<void> {
  const machines = byMachine(listed(context), ({ info }) => info.address);
  await Promise.all([...machines.values()].map((members) => pruneMachine(context, members)));
}

/** Hosts on one machine have their images in common: one after the other, none removes what another one needs. */
async function pruneMachine(context: Context, members: readonly Member[]): Promise<void> {
  const kept = members.flatMap(releasesInUse);
  for (const member of members) {
    try {
      await member.host.prune(kept);
    } catch (error) {
      emit(context, "pruneFailed", { why: error instanceof Error ? error.message : String(error) }, member);
    }
  }
}

/** Docker keeps the image of any container, also of one that is kept for its log. */
function releasesInUse(member: Member): Release[] {
  const { containers, releases } = surveyOf(member);
  const inUse = [containers.current?.release, containers.previous?.release, containers.failed?.release];
  return releases.filter((release) => inUse.includes(release.id));
}

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
  await Promise.allSettled(context.members.map((member) => member.host.close()));
  const error = failure === null ? null : describe(failure);
  if (error) emit(context, "failed", error);
  return {
    runId,
    fleet: manifest.fleet,
    startedAt: new Date(ports.clock.date().getTime() - (ports.clock.now() - context.startedMs)).toISOString(),
    seconds: (ports.clock.now() - context.startedMs) / 1000,
    release: release ? { id: release.id, image: release.image } : null,
    hosts: context.members.map((member) => member.receipt),
    witness: { ...context.witness, reachable: context.witnessReachable },
    error,
    exitCode: exitCodeOf(context, failure),
  };
}

function exitCodeOf(context: Context, failure: unknown): ExitCode {
  if (failure === null) return exitCodes.onTarget;
  const refused = refusalCode(failure);
  if (refused !== exitCodes.preflightRefused || !context.rolling) return refused;
  const changed = listed(context).some(({ receipt }) => receipt.action === "replaced" || receipt.action === "deployed");
  const lost = context.members.some(({ status }) => status === "failed");
  return changed || lost ? exitCodes.failedMixed : exitCodes.failedRestored;
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
    surveyedMs: ports.clock.now(),
    refreshedMs: ports.clock.now(),
    check: request.manifest.healthCheck,
    release: null,
    before: null,
    goesBack: request.wanted.do === "rollback",
    members: [],
    moved: [],
    witnessReachable: null,
    witness: { sent: 0, failed: 0 },
    quietWindows: new Rounds(toEach(WITNESS_PER_HOST)),
    knocks: new Rounds(toEach(KNOCKS_PER_HOST)),
    watchHeld: false,
    watching: Promise.resolve(),
    expectService: false,
    rolling: false,
  };
  return context;
}
