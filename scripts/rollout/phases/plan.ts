/** The plan for the fleet as it was seen last. */
import { listed, superseded, surveysOf, type Context, type Member } from "../context.js";
import type { Plan } from "../core/plan.js";

export function planOf(context: Context): Plan {
  const { manifest, check, release, parts } = context;
  if (!release) throw new Error("a plan needs a release");
  const surveys = surveysOf(listed(context));
  const names = superseded(context).map((member) => member.info.name);
  const named = (isMeant: (member: Member) => boolean): string[] =>
    listed(context)
      .filter(isMeant)
      .map(({ info }) => info.name);
  return parts.plan({
    ...{ surveys, superseded: names, releaseId: release.id, policy: manifest.rollout, check },
    handedOver: named(({ strategy }) => strategy === "handoff"),
    ledBack: named(({ isWarm }) => isWarm),
  });
}
