/** Bringing hosts onto the release. */
import {
  emit,
  heedStop,
  isAlone,
  knownSources,
  trafficNow,
  membersNamed,
  secondsSince,
  setStatus,
  type Context,
  type Member,
} from "../context.js";
import { isExpected } from "../core/errors.js";
import { entryFloorSeconds, floorSeconds } from "../core/floor.js";
import type { Plan } from "../core/plan.js";
import { isDraining } from "../core/target.js";
import { failingFirst } from "../core/turn.js";
import { perform, type OrderOptions } from "../orders.js";
import { goingBack, renewBaseline } from "./clients.js";
import { batchSettled, performStop, planAnew } from "./down.js";
import { handOverAll, isHandedOver } from "./handoff.js";
import { awaitMinReady, awaitReadmission, expectClientsServed } from "./readmission.js";
import { restoring } from "./restore.js";
import { awaitEjection, awaitIdleMoment, quorum } from "./rotation.js";
import { thoseLeftCold } from "./warmth.js";

/** What becomes of hosts that are brought onto the release, in their receipts. */
type Outcome<Usual extends string> = Usual | "rolled-back";

/** Which of the hosts that are left come first, as they were seen last. */
type Turn = (context: Context, waiting: readonly Member[]) => readonly Member[];

/** Replaces hosts that serve: those that are handed over first, the others batch after batch, those of a batch at once. */
export async function replaceAll(
  context: Context,
  members: readonly Member[],
  { maxUnavailable, maxParallel }: Pick<Plan, "maxUnavailable" | "maxParallel">,
  outcome: Outcome<"replaced"> = "replaced",
  turn: Turn = probedNext,
): Promise<void> {
  await handOverAll(context, turn(context, members.filter(isHandedOver)), maxParallel, outcome);
  let waiting = members.filter((member) => !isHandedOver(member));
  while (waiting.length > 0) {
    heedStop(context);
    const batch = await quorum(context, () => failingFirst(turn(context, waiting)).slice(0, maxUnavailable));
    await batchSettled(batch.map((member) => restoring(context, member, outcome, () => replace(context, member))));
    waiting = waiting.filter((member) => !batch.includes(member));
  }
}

/** A drain waits for the host's next probe. */
function probedNext(context: Context, waiting: readonly Member[]): Member[] {
  const hosts = waiting.map((member) => ({ name: member.info.name, traffic: trafficNow(context, member) }));
  const names = context.parts.turn(hosts, knownSources(context), context.check).map(({ name }) => name);
  return membersNamed(context, names);
}

/** Brings hosts that do not serve onto the release, those of a batch at once. A failure ends it: the next batch may fail likewise. */
export async function convergeAll(
  context: Context,
  batches: readonly (readonly string[])[],
  outcome: Outcome<"deployed"> = "deployed",
): Promise<void> {
  for (const names of batches) {
    heedStop(context);
    await renewBaseline(context);
    const batch = membersNamed(context, names);
    const one = (member: Member): Promise<void> => restoring(context, member, outcome, () => converge(context, member));
    const [cold] = await thoseLeftCold(context, batch, one);
    // It may serve by now, as what was taken back there was started again.
    if (cold) throw planAnew(`${cold.info.name} cannot go back to its container before`);
  }
}

async function replace(context: Context, member: Member): Promise<void> {
  if (isAlone(context, member)) return replaceOnly(context, member);
  await drain(context, member);
  const { firstProbeSeconds, instance } = await awaitEjection(context, member, { mayStay: true });
  const swapSeconds = await swap(context, member, instance, goingBack(context, member));
  await admit(context, member);
  const floor = floorSeconds({ check: context.check, firstProbeSeconds, swapSeconds });
  member.receipt = { ...member.receipt, floorSeconds: floor };
}

/** A fleet of one: no ejection is possible, so the gap is kept short and said. */
async function replaceOnly(context: Context, member: Member): Promise<void> {
  await awaitIdleMoment(context, member);
  const outageSeconds = await swap(context, member, "");
  member.receipt = { ...member.receipt, outageSeconds };
  emit(context, "outage", { seconds: outageSeconds }, member);
  await admit(context, member);
}

async function converge(context: Context, member: Member): Promise<void> {
  const draining = member.survey !== null && isDraining(member.survey) && !isAlone(context, member);
  if (draining) await drain(context, member);
  const instance = draining ? (await awaitEjection(context, member, { heedsClients: true })).instance : "";
  await swap(context, member, instance, draining ? goingBack(context, member) : undefined);
  const firstProbeSeconds = await admit(context, member);
  member.receipt = { ...member.receipt, floorSeconds: entryFloorSeconds(context.check, firstProbeSeconds) };
}

async function drain(context: Context, member: Member): Promise<void> {
  setStatus(context, member, "draining");
  await perform(context, member, "drain");
}

/**
 * Seconds from stopping the old container to the new one being ready.
 * @param giveUp why the old one is wanted back before that
 */
async function swap(
  context: Context,
  member: Member,
  instance: string,
  giveUp?: OrderOptions["giveUp"],
): Promise<number> {
  setStatus(context, member, "starting");
  const began = context.ports.clock.now();
  heedStop(context);
  // Seen to its end even when told to stop meanwhile: only then is it known whether there is a new container that clients may be on.
  member.swapped = true;
  try {
    await performStop(context, member, "replace", { argument: instance, giveUp });
  } catch (error) {
    // The host itself has taken it back. After any other failure it may be done, or be done yet.
    if (isExpected(error, "StepFailed", "DownContradicted")) member.swapped = false;
    throw error;
  }
  setStatus(context, member, "ready");
  return secondsSince(context, began);
}

async function admit(context: Context, member: Member): Promise<number> {
  const { firstProbeSeconds, instance } = await awaitReadmission(context, member);
  context.expectService = true;
  await expectClientsServed(context, member);
  await awaitMinReady(context, member, instance);
  await perform(context, member, "commit");
  return firstProbeSeconds;
}
