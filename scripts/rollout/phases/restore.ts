/** Putting a host back when its replacement fails, or finishing it when the rollout is told to stop too late to turn back. */
import {
  actionSoFar,
  emit,
  isAlone,
  knownSources,
  lastWork,
  observe,
  observeEnd,
  setStatus,
  trafficNow,
  uninterrupted,
  type Context,
  type Member,
} from "../context.js";
import { isExpected, RolloutError } from "../core/errors.js";
import { blindWaitMs } from "../core/floor.js";
import { fateOf, type Intent, type Work } from "../core/fate.js";
import { rotationOf } from "../core/gates.js";
import { isPass, mayGetRequests } from "../core/target.js";
import { longestSeconds } from "../host-steps.js";
import type { Observation } from "../ports.js";
import { perform } from "../orders.js";
import { showFailedLog } from "./failed-log.js";
import { conclude } from "./release.js";
import { awaitEjection } from "./rotation.js";

/** Between two looks at a host that comes back. */
const LOOK_MS = 200;

/**
 * Does the work on one host and concludes it. On any failure the host goes back to its old container; the failure is thrown on. What became of
 * the host follows from its journal (core/fate.ts).
 */
export async function restoring(
  context: Context,
  member: Member,
  intent: Intent,
  work: () => Promise<void>,
): Promise<void> {
  const began = context.ports.clock.now();
  const mine = begin(member, intent);
  try {
    await work();
    mine.readToEnd = true;
  } catch (error) {
    if (!(await stays(context, member, error))) await putBack(context, member, mine, error);
    else mine.readToEnd = true;
    throw error;
  } finally {
    if (mine.readToEnd && actionSoFar(member) !== "unknown") conclude(context, member, began);
  }
}

/** A host that goes back has been swapped before: that was another replacement. */
function begin(member: Member, intent: Intent): Work {
  const work: Work = { intent, from: member.journal.length, asBefore: false, readToEnd: false };
  member.deeds.push({ do: "work", work });
  member.swapped = false;
  member.outOfSight = false;
  return work;
}

/** Told to stop, a host whose new container is ready keeps it, unless going back costs nobody anything. */
const stays = async (context: Context, member: Member, error: unknown): Promise<boolean> =>
  isExpected(error, "Interrupted", "RolloutTimeout") &&
  member.swapped &&
  !isHandover(member) &&
  (await finished(context, member));

async function putBack(context: Context, member: Member, work: Work, error: unknown): Promise<void> {
  setStatus(context, member, "failed", error instanceof Error ? error.message : String(error));
  try {
    // The steward that is gone may be that of another host.
    if (isExpected(error, "StewardLost")) await observe(context, member);
    await restore(context, member, work);
  } catch (failure) {
    if (!(failure instanceof RolloutError)) throw failure;
    if (failure.code === "StewardLost") await endRun(context, member, work);
    else emit(context, "undone", { outcome: `but that is not proven: ${failure.message}` }, member);
  }
}

/** Nobody follows orders there any more: has the host end what its steward has left, and reads that. One that has left by itself has left nothing. */
async function endRun(context: Context, member: Member, work: Work): Promise<void> {
  const { check, manifest, ports } = context;
  const { clock } = ports;
  // What is drained is stopped at once, and the balancer may not have let it go.
  if (begunHere(member, work).includes("retreat")) await clock.sleep(blindWaitMs(check.unhealthyThreshold, check));
  const deadline = clock.now() + longestSeconds(manifest, check) * 1000;
  try {
    await member.host.recover();
    while (clock.now() < deadline && !hasEnded(await observeEnd(context, member))) await clock.sleep(LOOK_MS);
  } catch (error) {
    if (!(error instanceof RolloutError)) throw error;
  }
  await readToEnd(context, member);
}

/** Or given up: without Docker nothing is taken back. */
function hasEnded({ journal }: Observation): boolean {
  const { state, detail = "" } = journal.at(-1) ?? {};
  return state === "left" || (state === "undone" && detail !== "all");
}

/** Reads what the steward did last; on a host that cannot be reached, or where it is still at work, that stays unknown. */
export async function readToEnd(context: Context, member: Member): Promise<void> {
  const work = lastWork(member);
  if (!work) return;
  try {
    const { stewardAlive } = await observeEnd(context, member);
    if (stewardAlive) return;
    work.asBefore = await servesAgain(context, member);
    work.readToEnd = true;
  } catch (error) {
    if (!(error instanceof RolloutError)) throw error;
  }
}

/** A new container that is ready stays when the rollout is told to stop: clients may be on it already. */
async function finished(context: Context, member: Member): Promise<boolean> {
  try {
    await perform(context, member, "commit", { uninterruptible: true });
    return true;
  } catch (error) {
    if (!(error instanceof RolloutError)) throw error;
    return false;
  }
}

/**
 * Puts the host back, and sees whether it is as before.
 * @throws RolloutError when that is not known
 */
async function restore(context: Context, member: Member, work: Work): Promise<void> {
  // Where nothing served before, nobody is on it.
  if (member.swapped && context.expectService && !isAlone(context, member) && !isHandover(member))
    await retreat(context, member, work);
  await perform(context, member, "undo", { uninterruptible: true });
  // Before a new container was made, the one that is kept for its log is another rollout's.
  if (begunHere(member, work).includes("new-run")) await showFailedLog(context, member);
  work.asBefore = await servesAgain(context, member);
  work.readToEnd = true;
}

/** Its old container runs, and the ports are led back to it. */
const isHandover = ({ strategy, survey }: Member): boolean =>
  strategy === "handoff" && survey !== null && mayGetRequests(survey);

/** Steps of this work, as far as the journal was read. */
const begunHere = ({ journal }: Member, { from }: Work): string[] =>
  journal.slice(from).flatMap(({ state, detail }) => (state === "step" ? [detail] : []));

/**
 * The new container may be in rotation already: it leaves as the old one did. One that can no longer be drained, or is not let go, is
 * taken back all the same; a host out of sight is left to itself: it takes back when the lease ends.
 */
async function retreat(context: Context, member: Member, work: Work): Promise<void> {
  const calm = uninterrupted(context);
  try {
    await perform(calm, member, "retreat");
    await awaitEjection(calm, member, { retreats: true });
  } catch (error) {
    if (!isExpected(error, "StepFailed", "NotEjected", "DrainTimeout", "InstanceChanged")) {
      member.outOfSight = !isExpected(error, "StewardLost");
      throw error;
    }
    // The order may have found a container that was not ready yet: its steward has taken that back by itself.
    if (fateOf(member.journal.slice(work.from)) === "taken-back") return;
    emit(context, "retreatFailed", { why: (error as RolloutError).message }, member);
  }
}

/** Its own look may fail where the balancer's do not. */
function isTakenIn(context: Context, member: Member): boolean {
  const traffic = trafficNow(context, member);
  return traffic !== null && rotationOf(traffic, knownSources(context), context.check).pass;
}

/** Whether the host shows again what it showed before the rollout: a host that did not serve has nothing to go back to. */
async function servesAgain(context: Context, member: Member): Promise<boolean> {
  if (!member.survey || !mayGetRequests(member.survey)) return true;
  const deadline = context.ports.clock.now() + context.manifest.rollout.readyTimeoutSeconds * 1000;
  while (context.ports.clock.now() < deadline) {
    const { health } = await observeEnd(context, member);
    if (isPass(health) || isTakenIn(context, member)) return true;
    await context.ports.clock.sleep(LOOK_MS);
  }
  return false;
}
