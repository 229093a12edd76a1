/** Locks over the whole fleet: all of them, in the order of ids, or none. */
import { deadlineOf, emit, inWords, observeAll, pause, watched, type Context, type Member } from "../context.js";
import { RolloutError } from "../core/errors.js";
import { longestSeconds } from "../host-steps.js";
import { perform } from "../orders.js";

/** Heartbeats within one lease: one may be lost, and the next still comes in time. */
const BEATS_PER_LEASE = 4;

/** Milliseconds between two tries for a lock. */
const WAIT_MS = 2000;

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
    for (const member of members) void keepAlive(context, member, end.signal);
    const untilMs = context.ports.clock.now() + context.request.waitSeconds * 1000;
    // Only what was allowed for it ends the wait.
    context.deadlineMs = Infinity;
    for (const member of members) await lock(context, member, untilMs);
    context.deadlineMs = deadlineOf(context);
    emit(context, "locked", { hosts: members.length });
    return await work();
  } finally {
    end.abort();
    await Promise.all(members.filter((member) => member.locked).map((member) => unlock(context, member)));
  }
}

/** In the order of ids, also when others are waited for: of two rollouts that want the same hosts, one gets them all. */
async function lock(context: Context, member: Member, untilMs: number): Promise<void> {
  const { manifest, runId, ports } = context;
  const wish = { runId, owner: ownerOf(context), leaseSeconds: manifest.rollout.leaseSeconds };
  let told = "";
  for (;;) {
    const result = await member.host.lock(wish, longestSeconds(manifest, context.check));
    if (result.type === "held") break;
    if (ports.clock.now() >= untilMs) throw new RolloutError("LockHeld", lockHeld(context, member, result.holder));
    if (result.holder !== told) emit(context, "waiting", { holder: result.holder }, member);
    told = result.holder;
    await pause(context, WAIT_MS);
  }
  member.locked = true;
}

/** Who, since when, and what for: all that another rollout will say of this one. */
const ownerOf = ({ request, ports }: Context): string =>
  `${request.owner}, since ${ports.clock.date().toISOString()}, to ${inWords(request.wanted)}`;

function lockHeld({ request }: Context, { info }: Member, holder: string): string {
  const waited = request.waitSeconds > 0 ? `, for more than ${request.waitSeconds} s` : "";
  return `${info.name} is locked by another rollout (${holder})${waited}; wait until it ends, as with --wait 600: the lock is free once its process is gone`;
}

/** A host that does not answer frees its lock by itself, after the lease. */
async function unlock(context: Context, member: Member): Promise<void> {
  try {
    if (member.outOfSight) throw new RolloutError("HostUnreachable", `${member.info.name} was lost from sight`);
    await perform(context, member, "leave", { uninterruptible: true });
  } catch (error) {
    if (!(error instanceof RolloutError)) throw error;
    if (error.code === "StewardLost") await endWhatIsLeft(member);
    else
      emit(
        context,
        "skipped",
        { why: `the lock is freed by the host itself after the lease (${error.message})` },
        member,
      );
  }
  member.locked = false;
}

/** Its lock is free. Whoever did not work on that host has not had this done. */
async function endWhatIsLeft({ host }: Member): Promise<void> {
  await host.recover().catch((error: unknown) => {
    if (!(error instanceof RolloutError)) throw error;
  });
}

/**
 * Beats the heart of a host that nobody looks at for a while; each by itself, so that none waits for one that is out of reach. A host that
 * does not answer is noticed by whoever needs it.
 */
async function keepAlive(context: Context, member: Member, end: AbortSignal): Promise<void> {
  const everyMs = (context.manifest.rollout.leaseSeconds * 1000) / BEATS_PER_LEASE;
  for (;;) {
    await context.ports.clock.sleep(everyMs, end);
    if (end.aborted) return;
    // Whoever works on the host notices that its steward is gone.
    if (watched(context).includes(member)) await observeAll(context, [member]).catch(() => undefined);
  }
}
