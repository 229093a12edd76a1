/** Hosts that go back to a container which still runs, and those that cannot. */
import { actionSoFar, emit, type Context, type Member } from "../context.js";
import { isExpected, type RolloutError } from "../core/errors.js";
import { batchSettled } from "./down.js";

/**
 * Does the work on these hosts at once. Gives back those whose container before did not become ready, and which are as they were: a new container is to be
 * started there, by steps that are laid out anew.
 * @throws whatever else the work throws
 */
export async function thoseLeftCold(
  context: Context,
  members: readonly Member[],
  work: (member: Member) => Promise<void>,
): Promise<Member[]> {
  const cold: Member[] = [];
  const unlessCold = async (member: Member): Promise<void> => {
    try {
      await work(member);
    } catch (error) {
      const isAsBefore = !member.swapped && actionSoFar(member) !== "unknown";
      if (!isExpected(error, "StepFailed") || !member.isWarm || !isAsBefore) throw error;
      member.wentCold = true;
      emit(context, "wentCold", { why: (error as RolloutError).message }, member);
      cold.push(member);
    }
  };
  await batchSettled(members.map(unlessCold));
  return cold;
}
