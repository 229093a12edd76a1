/** Taking superseded hosts out of the fleet for good; Terraform deletes them afterwards. */
import { emit, pause, setStatus, type Context, type Member } from "../context.js";
import type { Deed } from "../core/fate.js";
import { mayGetRequests } from "../core/target.js";
import { perform } from "../orders.js";
import { expectNotBack, onceMore, performStop } from "./down.js";
import { awaitTrafficElsewhere } from "./elsewhere.js";
import { conclude, prepare } from "./release.js";
import { restoring } from "./restore.js";
import { awaitEjection, quorum } from "./rotation.js";

/** Those that cannot be reached first, all at once; then the others one by one. All listed hosts serve by now. */
export async function retireAll(context: Context, members: readonly Member[]): Promise<void> {
  const unreachable = members.filter((member) => !member.locked);
  if (unreachable.length > 0) await retireUnreachable(context, unreachable);
  for (const member of members.filter(({ locked }) => locked)) {
    await quorum(context, () => [member]);
    await onceMore(context, () => restoring(context, member, "retired", () => retire(context, member)));
  }
}

/** It may have come to itself, or stopped serving, while the others were replaced. */
async function retire(context: Context, member: Member): Promise<void> {
  await prepare(context, [member]);
  if (member.tagged && member.survey && mayGetRequests(member.survey)) {
    setStatus(context, member, "draining");
    await perform(context, member, "drain");
    await awaitEjection(context, member, { mayStay: true });
  } else {
    await awaitTrafficElsewhere(context, [member], () => expectNotBack(context, member));
    if (!member.tagged) await pause(context, context.manifest.rollout.drainTimeoutSeconds * 1000);
  }
  await performStop(context, member, "stop");
}

/**
 * Off, out of reach, or without a Docker that answers: only the balancer can let them go, so they lose their tag, and requests must be
 * seen to go elsewhere.
 * @throws RolloutError NotEjected, CloudFailed, CloudRefused
 */
async function retireUnreachable(context: Context, members: readonly Member[]): Promise<void> {
  const { cloud, clock } = context.ports;
  const { fleetTag } = context.manifest;
  const began = clock.now();
  await quorum(context, () => members);
  for (const member of members) {
    const why = `${member.info.name} cannot be asked what it runs, as SSH or its Docker does not answer, or it lacks what a rollout needs: it loses the tag ${fleetTag} instead`;
    emit(context, "skipped", { why }, member);
    const untag: Deed = { do: "untag", isDone: false };
    member.deeds.push(untag);
    // Only the cloud's API knows of superseded droplets: there is one.
    await cloud?.untag(member.info.id, fleetTag);
    untag.isDone = true;
  }
  await awaitTrafficElsewhere(context, members);
  // Requests that are still on them cannot be counted: they get the time that any other host would give them.
  await pause(context, context.manifest.rollout.drainTimeoutSeconds * 1000);
  for (const member of members) conclude(context, member, began);
}
