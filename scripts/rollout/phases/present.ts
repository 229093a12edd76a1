/** What the container of a host that is worked on shows, as long as it is the same one. */
import type { Traffic } from "../../../contract/host.js";
import { frontPorts } from "../../../contract/manifest.js";
import { observe, pause, secondsSince, type Context, type Member } from "../context.js";
import { RolloutError } from "../core/errors.js";
import type { Observation } from "../ports.js";

/** Looks in a row that show no container that the front leads to before the host counts as lost. */
const SILENT_LOOKS = 10;

export const hasHealthPort = ({ manifest }: Context, { info }: Member): boolean =>
  frontPorts(manifest, info).checks.length > 0;

/** What comes to it. @throws RolloutError InstanceChanged */
export const presentTraffic = (context: Context, member: Member): Promise<Traffic> =>
  present(
    context,
    member,
    "its container does not run, or its front leads elsewhere or does not tell",
    ({ traffic }) => traffic,
  );

/**
 * What a look shows; a few silent looks in a row are forgiven, as a busy host may need a moment.
 * @throws RolloutError InstanceChanged
 */
export async function present<Answer>(
  context: Context,
  member: Member,
  why: string,
  answerOf: (observation: Observation) => Answer | null,
): Promise<Answer> {
  for (let look = 1; ; look += 1) {
    const answer = answerOf(await observe(context, member));
    if (answer !== null) return answer;
    if (look >= SILENT_LOOKS) throw new RolloutError("InstanceChanged", `${member.info.name}: ${why}`);
    await pause(context);
  }
}

export async function sameInstance(context: Context, member: Member, instance: string): Promise<Traffic> {
  const traffic = await presentTraffic(context, member);
  if (traffic.instance !== instance) {
    throw new RolloutError(
      "InstanceChanged",
      `${member.info.name}: its container restarted while it was waited for (${instance} became ${traffic.instance})`,
    );
  }
  return traffic;
}

export function failAfterDeadline(
  context: Context,
  beganMs: number,
  code: "NotEjected" | "NotReadmitted",
  message: string,
): void {
  const limit = context.manifest.rollout.progressDeadlineSeconds;
  if (secondsSince(context, beganMs) >= limit)
    throw new RolloutError(code, `${message} (progressDeadlineSeconds, ${limit} s)`);
}
