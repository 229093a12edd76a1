/** How a host that serves gets another release: handed over, or drained. Pure. */
import type { RolloutPolicy } from "../../../contract/policy.js";
import type { Survey } from "../ports.js";

/** Megabytes that a second container wants where neither a limit nor the first one's use says more. */
const LEAST_MB = 128;
/** What a second container may use beyond what the first one does now: a release seldom uses the same as the one before. */
const HEADROOM = 1.25;

export interface Chosen {
  readonly strategy: "drain" | "handoff";
  /** Why it is drained although it would be handed over if it could; null where there is nothing to say. */
  readonly why: string | null;
}

/** Megabytes that a second container wants. @param limitMb of the service; undefined without one */
export const wantedMb = ({ usedMemoryMb }: Pick<Survey, "usedMemoryMb">, limitMb: number | undefined): number =>
  limitMb ?? Math.max(LEAST_MB, Math.ceil((usedMemoryMb ?? 0) * HEADROOM));

/** @param survey null for a host that was not looked at: nothing is known of its memory */
export function strategyFor(
  { strategy, exclusive }: Pick<RolloutPolicy, "strategy" | "exclusive">,
  survey: Pick<Survey, "freeMemoryMb" | "usedMemoryMb"> | null,
  limitMb: number | undefined,
): Chosen {
  if (strategy !== "auto") return { strategy, why: null };
  if (exclusive)
    return { strategy: "drain", why: "exclusive is set, so that no two containers of the app run at once" };
  if (survey === null) return { strategy: "drain", why: null };
  const wanted = wantedMb(survey, limitMb);
  if (survey.freeMemoryMb >= wanted) return { strategy: "handoff", why: null };
  return {
    strategy: "drain",
    why: `${survey.freeMemoryMb} MB of memory are free there, and a second container wants ${wanted} MB`,
  };
}
