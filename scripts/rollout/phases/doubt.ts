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
    return await member.host.survey(member.locked);
  } catch (error) {
    if (error instanceof RolloutError && (error.code === "HostUnreachable" || error.code === "HostTimeout"))
      return error;
    throw error;
  }
}

/** Looks at a host that must answer, and keeps what it shows. */
export async function lookAt({ ports }: Context, member: Member): Promise<Survey> {
  const beganMs = ports.clock.now();
  const survey = await member.host.survey(true);
  learn(member, survey, beganMs);
  return survey;
}

/** @param beganMs when the look began: what it showed is at least that old by now */
export function learn(member: Member, survey: Survey, beganMs: number): void {
  member.survey = survey;
  member.traffic = survey.traffic;
  member.heardMs = beganMs;
}

/**
 * Looks again at hosts whose last look leaves it open whether they serve. Afterwards one counts as down only when it served at no
 * look for longer than the balancer needs to let it go: nothing is lost by replacing it at once. A superseded one whose Docker does
 * not answer by then may run anything: it counts as out of reach.
 */
export async function settleDoubt(context: Context, members: readonly Member[]): Promise<void> {
  await settled(members.map((member) => settle(context, member)));
  for (const member of members) if (mayBeLost(member) && member.survey?.dockerAnswers === false) lose(member);
}

const isInDoubt = ({ survey }: Member): boolean => survey !== null && isDoubtful(survey);

/** Nobody looks at it any more: what it said last, of the balancer's nodes too, is not to be believed later. */
export function lose(member: Member): void {
  member.survey = null;
  member.traffic = null;
}

/** Whether the rollout can do without asking it. */
const mayBeLost = ({ superseded, locked }: Member): boolean => superseded && !locked;

async function settle(context: Context, member: Member): Promise<void> {
  const { clock } = context.ports;
  if (!isInDoubt(member)) return;
  const until = clock.now() + blindWaitMs(context.check.unhealthyThreshold, context.check);
  while (isInDoubt(member) && clock.now() < until) {
    await pause(context);
    const beganMs = clock.now();
    const outcome = await trySurvey(member);
    if (!(outcome instanceof RolloutError)) learn(member, outcome, beganMs);
    else if (mayBeLost(member)) lose(member);
    else throw outcome;
  }
  if (member.survey) setStatus(context, member, serves(member.survey) ? "serving" : "idle");
}
