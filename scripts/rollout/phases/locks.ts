/** Locks over the whole fleet: all of them, in the order of ids, or none. */
import { emit, observeAll, type Context, type Member } from "../context.js";
import { RolloutError } from "../core/errors.js";
import { perform } from "../orders.js";

/** Heartbeats within one lease: one may be lost, and the next still comes in time. */
const BEATS_PER_LEASE = 4;

const byId = (a: Member, b: Member): number => a.info.id.localeCompare(b.info.id, "en", { numeric: true });

/**
 * Runs `work` with every reachable host locked; the locks are free afterwards, whatever happens.
 * @throws RolloutError LockHeld, before anything was changed
 */
export async function withLocks<Result>(context: Context, work: () => Promise<Result>): Promise<Result> {
  const members = context.members.filter((member) => member.survey !== null).sort(byId);
  const end = new AbortController();
  try {
    // From the first lock on: on a large fleet the last one may come later than a lease after it.
    void keepAlive(context, members, end.signal);
    for (const member of members) await lock(context, member);
    emit(context, "locked", { hosts: members.length });
    return await work();
  } finally {
    end.abort();
    await Promise.all(members.filter((member) => member.locked).map((member) => unlock(context, member)));
  }
}

async function lock(context: Context, member: Member): Promise<void> {
  const { manifest, request, runId } = context;
  const result = await member.host.lock({ runId, owner: request.owner, leaseSeconds: manifest.rollout.leaseSeconds });
  if (result.type === "refused") {
    throw new RolloutError(
      "LockHeld",
      `${member.info.name} is locked by another rollout (${result.holder}); wait until it ends: the lock is free once its process is gone`,
    );
  }
  member.locked = true;
}

/** A host that does not answer frees its lock by itself, after the lease. */
async function unlock(context: Context, member: Member): Promise<void> {
  try {
    if (member.outOfSight) throw new RolloutError("HostUnreachable", `${member.info.name} was lost from sight`);
    await perform(context, member, "leave", { uninterruptible: true });
  } catch (error) {
    if (!(error instanceof RolloutError)) throw error;
    emit(
      context,
      "skipped",
      { why: `the lock is freed by the host itself after the lease (${error.message})` },
      member,
    );
  }
  member.locked = false;
}

/** Beats the hearts of hosts that nobody looks at for a while. A host that does not answer is noticed by whoever needs it. */
async function keepAlive(context: Context, members: readonly Member[], end: AbortSignal): Promise<void> {
  const everyMs = (context.manifest.rollout.leaseSeconds * 1000) / BEATS_PER_LEASE;
  for (;;) {
    await context.ports.clock.sleep(everyMs, end);
    if (end.aborted) return;
    await observeAll(
      context,
      members.filter((member) => member.locked),
    );
  }
}
