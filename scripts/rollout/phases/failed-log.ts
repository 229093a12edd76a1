/** What a container that failed wrote last. */
import type { Slot } from "../../../contract/host.js";
import { emit, type Context, type Member } from "../context.js";
import { RolloutError } from "../core/errors.js";

/** Lines that are shown. */
const LOG_LINES = 20;

/** Its log is an addition, never the reason to fail. */
export async function showFailedLog(context: Context, member: Member, slot: Slot = "failed"): Promise<void> {
  try {
    const lines = await member.host.logs(slot, LOG_LINES);
    // A host may send more than it was asked for.
    if (lines.length > 0) emit(context, "failedLog", { lines: lines.slice(-LOG_LINES) }, member);
  } catch (error) {
    if (!(error instanceof RolloutError)) throw error;
  }
}
