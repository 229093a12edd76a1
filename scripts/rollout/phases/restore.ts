/** Putting a host back when its replacement fails, or finishing it when the rollout is told to stop too late to turn back. */
import { emit, isAlone, observe, setStatus, uninterrupted, type Context, type Member } from "../context.js";
import { isExpected, RolloutError } from "../core/errors.js";
import { showsLife } from "../core/target.js";
import { perform } from "../orders.js";
import { showFailedLog } from "./failed-log.js";
import { conclude } from "./release.js";
import { awaitEjection } from "./rotation.js";

/** Does the work on one host and concludes it. On any failure the host goes back to its old container; the failure is thrown on. */
export async function restoring(
  context: Context,
  member: Member,
  action: "replaced" | "deployed" | "retired" | "rolled-back",
  work: () => Promise<void>,
): Promise<void> {
  const began = context.ports.clock.now();
  // A host that was to go back and could not is as it was before that.
  const unsuccessful = action === "rolled-back" ? member.receipt.action : "restored";
  begin(context, member);
  try {
    await work();
    conclude(context, member, action, began);
  } catch (error) {
    if (isExpected(error, "Interrupted", "RolloutTimeout") && member.swapped && (await finished(context, member))) {
      conclude(context, member, action, began);
      throw error;
    }
    const swapping = member.status === "starting" || member.status === "ready";
    setStatus(context, member, "failed", error instanceof Error ? error.message : String(error));
    if (!isExpected(error, "StewardLost") && (await restored(context, member, swapping)))
      conclude(context, member, unsuccessful, began);
    throw error;
  }
}

/** A host that goes back has been swapped before: that was another replacement. */
function begin(context: Context, member: Member): void {
  context.rolling = true;
  member.swapped = false;
  member.outOfSight = false;
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

/** Puts the host back; `true` once it was seen to be as before. */
async function restored(context: Context, member: Member, swapping: boolean): Promise<boolean> {
  try {
    // Where nothing served before, nobody is on it.
    if (member.swapped && context.expectService && !isAlone(context, member)) await retreat(context, member);
    await perform(context, member, "undo", { uninterruptible: true });
    // Before its swap the container that is kept for its log is another rollout's.
    if (swapping) await showFailedLog(context, member);
    return (await servesAgain(context, member)) && (await isOnOldRelease(member));
  } catch (error) {
    if (!(error instanceof RolloutError)) throw error;
    emit(context, "undone", { outcome: `not proven: ${error.message}` }, member);
    return false;
  }
}

/**
 * The new container may be in rotation already: it leaves as the old one did. One that can no longer be drained, or is not let go, is
 * taken back all the same; a host out of sight is left to itself: it takes back when the lease ends.
 */
async function retreat(context: Context, member: Member): Promise<void> {
  const calm = uninterrupted(context);
  try {
    await perform(calm, member, "retreat");
    await awaitEjection(calm, member);
  } catch (error) {
    if (!isExpected(error, "StepFailed", "NotEjected", "DrainTimeout", "InstanceChanged")) {
      member.outOfSight = true;
      throw error;
    }
    emit(context, "retreatFailed", { why: (error as RolloutError).message }, member);
  }
}

/** Not where the answer to a commit was lost: what is committed is no longer taken back. */
async function isOnOldRelease(member: Member): Promise<boolean> {
  const { containers } = await member.host.survey(true);
  return containers.current?.release === member.survey?.containers.current?.release;
}

/** Whether the host shows again what it showed before the rollout: a host that did not serve has nothing to go back to. */
async function servesAgain(context: Context, member: Member): Promise<boolean> {
  if (!member.survey || !showsLife(member.survey)) return true;
  const deadline = context.ports.clock.now() + context.manifest.rollout.readyTimeoutSeconds * 1000;
  while (context.ports.clock.now() < deadline) {
    const { health } = await observe(context, member);
    if (member.lifecycle?.state === "serving" || health === 200) return true;
    await context.ports.clock.sleep(200);
  }
  return false;
}
