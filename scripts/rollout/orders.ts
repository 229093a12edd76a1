/** Giving the steward of a host an order and seeing it through. */
import type { JournalEntry } from "../../contract/host.js";
import { betweenLooks, follow, heedStop, stewardLost, type Context, type Member } from "./context.js";
import { RolloutError } from "./core/errors.js";
import { longestSeconds, type OrderName } from "./host-steps.js";

/** Longest that a host waits for the end of an order before it tells how far that has come: its steps are shown, and its steward hears from us. */
const FOLLOW_SECONDS = 1;
/** Between two looks at an order that may be given up meanwhile. */
const CLOSE_LOOK_MS = 100;
/** Seconds that an order may take beyond what its own steps may wait for. */
const SLACK_SECONDS = 30;

export interface OrderOptions {
  readonly argument?: string;
  /** Called once for each step that begins. */
  readonly onStep?: (name: string) => void;
  /** Asked after each look that does not show the end, so nobody waits in between: an error gives the order up, unless a look then does show it. */
  readonly giveUp?: (() => Promise<RolloutError | null>) | undefined;
  /** Goes on when the rollout is told to stop: for taking back and for leaving. */
  readonly uninterruptible?: boolean;
}

/**
 * Gives an order and waits until the steward has done it.
 * @throws RolloutError StepFailed, StewardLost, HostTimeout, HostUnreachable, Interrupted, and what `giveUp` gives
 */
export async function perform(
  context: Context,
  member: Member,
  order: OrderName,
  options: OrderOptions = {},
): Promise<void> {
  const sequence = await member.host.order(order, options.argument);
  const deadline = context.ports.clock.now() + longestMs(context);
  let seen = 0;
  let reason: RolloutError | null = null;
  const seconds = options.giveUp ? 0 : FOLLOW_SECONDS;
  for (;;) {
    // An order may be the last one: whether it was done is asked before whether the steward is still there.
    const { journal, stewardAlive } = await follow(context, member, sequence, seconds);
    const entries = journal.filter((entry) => entry.sequence === sequence);
    for (const entry of entries.slice(seen)) if (entry.state === "step") options.onStep?.(entry.detail);
    seen = entries.length;
    if (ended(member, order, entries)) return;
    if (!stewardAlive) throw stewardLost(context, member);
    if (reason) throw reason;
    if (context.ports.clock.now() > deadline) {
      throw new RolloutError(
        "HostTimeout",
        `${member.info.name}: order "${order}" was not done within ${longestMs(context) / 1000} s`,
      );
    }
    reason = (await options.giveUp?.()) ?? null;
    if (reason) continue;
    if (!options.uninterruptible) heedStop(context);
    if (options.giveUp) await context.ports.clock.sleep(betweenLooks(context, CLOSE_LOOK_MS));
  }
}

function ended(member: Member, order: OrderName, entries: readonly JournalEntry[]): boolean {
  const failed = entries.find((entry) => entry.state === "failed");
  if (failed) throw new RolloutError("StepFailed", `${member.info.name}: "${order}" failed: ${failed.detail.trim()}`);
  return entries.some((entry) => entry.state === "done");
}

const longestMs = ({ manifest, check }: Context): number =>
  (manifest.rollout.progressDeadlineSeconds + longestSeconds(manifest, check) + SLACK_SECONDS) * 1000;
