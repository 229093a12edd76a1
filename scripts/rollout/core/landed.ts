/** Which requests a host got between two looks. Pure. */
import type { Traffic } from "../../../contract/host.js";

type Told = Traffic | null | undefined;

/**
 * Connections that came to one container between two looks. Where either was not answered, or the container is another one by then, nobody knows whose
 * they are. The count begins anew once none came for 15 minutes.
 */
export function landedBetween(before: Told, after: Told): number {
  if (!before || !after || before.instance !== after.instance) return 0;
  return after.requests < before.requests ? after.requests : after.requests - before.requests;
}
