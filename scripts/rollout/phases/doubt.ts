/** Telling a host that is down from one that was slow to answer once. */
import { pause, setStatus, type Context, type Member } from "../context.js";
import { RolloutError } from "../core/errors.js";
import { blindWaitMs } from "../core/floor.js";
import { isDoubtful, serves } from "../core/target.js";
import { settled } from "../settled.js";
import type { Survey } from "../ports.js";

/** Looks at a host; one that cannot be reached is told apart from other failures. */
export async function trySurvey(member: Member): Promise<Survey | RolloutError> {
  try {
    return await member.host.survey();
  } catch (error) {
    if (error instanceof RolloutError && (error.code === "HostUnreachable" || error.code === "HostTimeout"))
      return error;
    throw error;
  }
}

export function learn(member: Member, survey: Survey): void {
  member.survey = survey;
  member.lifecycle = survey.lifecycle;
}

/**
 * Looks again at hosts whose last look leaves it open whether they serve. Afterwards one counts as down only when it served at no
 * look for longer than the balancer needs to let it go: nothing is lost by replacing it at once. A superseded one whose Docker does
 * not answer by then may run anything: it counts as out of reach.
 */
export async function settleDoubt(context: Context, members: readonly Member[]): Promise<void> {
  await settled(members.map((member) => settle(context, member)));
  for (const member of members) if (mayBeLost(member) && member.survey?.docker === null) member.survey = null;
}

/** Whether the rollout can do without asking it. */
const mayBeLost = ({ superseded, locked }: Member): boolean => superseded && !locked;

async function settle(context: Context, member: Member): Promise<void> {
  const { clock } = context.ports;
  if (!member.survey || !isDoubtful(member.survey)) return;
  const until = clock.now() + blindWaitMs(context.check.unhealthyThreshold, context.check);
  while (member.survey && isDoubtful(member.survey) && clock.now() < until) {
    await pause(context);
    const outcome = await trySurvey(member);
    if (!(outcome instanceof RolloutError)) learn(member, outcome);
    else if (mayBeLost(member)) member.survey = null;
    else throw outcome;
  }
  if (member.survey) setStatus(context, member, serves(member.survey) ? "serving" : "idle");
}
