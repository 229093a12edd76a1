/** The plan for the fleet as it was seen last. */
import { listed, superseded, surveyOf, type Context } from "../context.js";
import { makePlan, type Plan } from "../core/plan.js";

export function planOf(context: Context): Plan {
  const { manifest, check, release } = context;
  if (!release) throw new Error("a plan needs a release");
  const surveys = new Map(listed(context).map((member) => [member.info.name, surveyOf(member)]));
  const names = superseded(context).map((member) => member.info.name);
  return makePlan({ surveys, superseded: names, releaseId: release.id, policy: manifest.rollout, check });
}
