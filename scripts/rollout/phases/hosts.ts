/** Bringing one host onto the release, or out of the fleet, and putting it back when that fails. */
import { emit, listed, observe, secondsSince, setStatus, type Context, type Member } from "../context.js";
import { RolloutError } from "../core/errors.js";
import { entryFloorSeconds, floorSeconds } from "../core/floor.js";
import { serves } from "../core/target.js";
import { perform } from "../orders.js";
import { settled } from "../settled.js";
import { conclude, showFailedLog } from "./release.js";
import { awaitEjection, awaitIdleMoment, awaitMinReady, awaitReadmission, quorum } from "./rotation.js";

/** Replaces hosts that serve, all of a batch at once. */
export async function replaceBatch(context: Context, batch: readonly Member[]): Promise<void> {
  await quorum(context, batch);
  await settled(batch.map((member) => restoring(context, member, () => replace(context, member))));
}

/** Brings hosts that do not serve onto the release: nothing is lost by doing so at once. */
export async function convergeAll(context: Context, members: readonly Member[]): Promise<void> {
  await settled(members.map((member) => restoring(context, member, () => converge(context, member))));
}

async function replace(context: Context, member: Member): Promise<void> {
  const began = context.ports.clock.now();
  if (listed(context).length === 1) return replaceOnly(context, member, began);
  setStatus(context, member, "draining");
  await perform(context, member, "drain");
  const { firstProbeSeconds, instance } = await awaitEjection(context, member);
  const swapSeconds = await swap(context, member, instance);
  await admit(context, member);
  const floor = floorSeconds({ check: context.check, firstProbeSeconds, swapSeconds });
  member.receipt = { ...member.receipt, floorSeconds: floor };
  conclude(context, member, "replaced", began);
}

/** A fleet of one: no ejection is possible, so the gap is kept short and said. */
async function replaceOnly(context: Context, member: Member, began: number): Promise<void> {
  await awaitIdleMoment(context, member);
  const outageSeconds = await swap(context, member, "");
  member.receipt = { ...member.receipt, outageSeconds };
  emit(context, "outage", { seconds: outageSeconds }, member);
  await admit(context, member);
  conclude(context, member, "replaced", began);
}

async function converge(context: Context, member: Member): Promise<void> {
  const began = context.ports.clock.now();
  const draining = member.survey?.lifecycle?.state === "draining" && listed(context).length > 1;
  if (draining) {
    setStatus(context, member, "draining");
    await perform(context, member, "drain");
  }
  const instance = draining ? (await awaitEjection(context, member)).instance : "";
  await swap(context, member, instance);
  const firstProbeSeconds = await admit(context, member);
  member.receipt = { ...member.receipt, floorSeconds: entryFloorSeconds(context.check, firstProbeSeconds) };
  conclude(context, member, "deployed", began);
}

/** Seconds from stopping the old container to the new one being ready. */
async function swap(context: Context, member: Member, instance: string): Promise<number> {
  setStatus(context, member, "starting");
  const began = context.ports.clock.now();
  await perform(context, member, "replace", instance ? { argument: instance } : {});
  setStatus(context, member, "ready");
  return secondsSince(context, began);
}

async function admit(context: Context, member: Member): Promise<number> {
  const firstProbeSeconds = await awaitReadmission(context, member);
  context.expectService = true;
  await awaitMinReady(context, member);
  await perform(context, member, "commit");
  return firstProbeSeconds;
}

/** On any failure the host goes back to its old container; the failure is then thrown on. */
async function restoring(context: Context, member: Member, work: () => Promise<void>): Promise<void> {
  const began = context.ports.clock.now();
  try {
    await work();
  } catch (error) {
    setStatus(context, member, "failed", error instanceof Error ? error.message : String(error));
    if (!(error instanceof RolloutError && error.code === "StewardLost")) await restore(context, member, began);
    throw error;
  }
}

async function restore(context: Context, member: Member, began: number): Promise<void> {
  try {
    await perform(context, member, "undo", { uninterruptible: true });
    await showFailedLog(context, member);
    if (await servesAgain(context, member)) conclude(context, member, "restored", began);
  } catch (error) {
    if (!(error instanceof RolloutError)) throw error;
    emit(context, "undone", { outcome: `not proven: ${error.message}` }, member);
  }
}

/** Whether the host shows again what it showed before the rollout: a host that did not serve has nothing to go back to. */
async function servesAgain(context: Context, member: Member): Promise<boolean> {
  if (!member.survey || !serves(member.survey)) return true;
  const deadline = context.ports.clock.now() + context.manifest.rollout.readyTimeoutSeconds * 1000;
  while (context.ports.clock.now() < deadline) {
    const { health } = await observe(context, member);
    if (member.lifecycle?.state === "serving" || health === 200) return true;
    await context.ports.clock.sleep(200);
  }
  return false;
}

/** Takes superseded hosts out one after the other; Terraform deletes them afterwards. */
export async function retire(context: Context, member: Member): Promise<void> {
  const began = context.ports.clock.now();
  if (!member.locked) return retireUnreachable(context, member, began);
  await quorum(context, [member]);
  if (member.survey?.containers.current?.running) {
    setStatus(context, member, "draining");
    await restoring(context, member, async () => {
      await perform(context, member, "drain");
      await awaitEjection(context, member);
      await perform(context, member, "stop");
    });
  } else {
    await perform(context, member, "stop");
  }
  conclude(context, member, "retired", began);
}

/** Off: nothing is lost. On but out of reach: only the balancer can let it go, so it loses its tag. */
async function retireUnreachable(context: Context, member: Member, began: number): Promise<void> {
  const { cloud, clock } = context.ports;
  const { fleetTag } = context.manifest;
  emit(
    context,
    "skipped",
    { why: `${member.info.name} cannot be reached over SSH: it loses the tag ${fleetTag} instead` },
    member,
  );
  await cloud?.untag(member.info.id, fleetTag);
  await clock.sleep((context.check.unhealthyThreshold + 1) * context.check.checkIntervalSeconds * 1000);
  conclude(context, member, "skipped", began);
}
