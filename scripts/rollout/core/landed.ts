/** Which requests a host got between two looks. Pure. */
import type { Lifecycle } from "../../../contract/host.js";

type Told = Lifecycle | null | undefined;

/**
 * Witness requests that one process has counted between two looks. Where either was not answered, or another process answered, nobody knows since
 * when those that are counted came: none of them is known to be new.
 */
export function landedBetween(before: Told, after: Told): number {
  if (!before || !after || before.instance !== after.instance) return 0;
  return after.witnessRequests - before.witnessRequests;
}
