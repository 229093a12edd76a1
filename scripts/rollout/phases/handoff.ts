/** Hosts that serve get another release without leaving rotation: a new container beside the old one, then the ports are led over. */
import { FRONT_MEMORY_SECONDS, type Traffic } from "../../../contract/host.js";
import {
  actionSoFar,
  emit,
  heedStop,
  listed,
  pause,
  secondsSince,
  setStatus,
  type Context,
  type Member,
} from "../context.js";
import { isExpected, RolloutError } from "../core/errors.js";
import { ownAddresses, probeLifeMs, type Verdict } from "../core/gates.js";
import { blindWaitMs } from "../core/floor.js";
import { chunks } from "../core/plan.js";
import { canaryRequests } from "../core/prober.js";
import { allAsked, allContent, nodesThatAsk, proven, reached } from "../core/handoff.js";
import { perform } from "../orders.js";
import { settled } from "../settled.js";
import { expectAnswers, heedHandover, renewBaseline, whileHeeding, whyClientsFail } from "./clients.js";
import { batchSettled } from "./down.js";
import { restoring } from "./restore.js";
import { hasHealthPort, presentTraffic, sameInstance } from "./present.js";
import { awaitMinReady } from "./readmission.js";
import { checkMemory, prepare } from "./release.js";
import { thoseLeftCold } from "./warmth.js";

/** A host whose ports were led over, and who asked it before. */
interface Handover {
  readonly member: Member;
  readonly atMs: number;
  /** The new container as it was right after that; null where the host has no health port to tell by. */
  readonly fresh: Pick<Traffic, "instance" | "target"> | null;
  readonly nodes: readonly string[];
  /** It is kept only once it is proven. */
  readonly isFirst: boolean;
}

/**
 * Hosts whose container before still runs go back to it, all at once: it has served before. Of the others the first one goes alone: it is kept only once each node of the balancer is content with it, as a release that is healthy for curl alone must not reach the
 * fleet. Then batch after batch, those of a batch at once. They are proven at the end, when they hold up nobody.
 * @throws RolloutError ClientsFail, NotReadmitted, StepFailed, InstanceChanged; that host is led back, but for one that was kept already
 */
export async function handOverAll(
  context: Context,
  members: readonly Member[],
  size: number,
  outcome: "replaced" | "rolled-back",
): Promise<void> {
  const unproven: Handover[] = [];
  const handOver = async (member: Member, isFirst: boolean): Promise<void> => {
    const handover = await leadOver(context, member, isFirst);
    if (isFirst) await awaitProof(context, handover, false);
    await keep(context, handover);
    if (!isFirst) unproven.push(handover);
  };
  const one = (member: Member, isFirst = false): Promise<void> =>
    restoring(context, member, outcome, () => handOver(member, isFirst));
  const begin = async (batch: readonly Member[]): Promise<void> => {
    heedStop(context);
    await expectCalm(context, batch);
  };
  const warm = members.filter(({ isWarm }) => isWarm);
  if (warm.length > 0) await begin(warm);
  const left = await thoseLeftCold(context, warm, (member) => one(member));
  if (left.length > 0) {
    await prepare(context, left);
    checkMemory(context, left);
  }
  // One whose memory holds no second container is left to be drained.
  const cold = [...members.filter((member) => !warm.includes(member)), ...left].filter(isHandedOver);
  for (const batch of [cold.slice(0, 1), ...chunks(cold.slice(1), size)]) {
    if (batch.length === 0) continue;
    await begin(batch);
    await batchSettled(batch.map((member) => one(member, member === cold[0])));
  }
  await settled(unproven.map((handover) => awaitProof(context, handover, true)));
}

export const isHandedOver = ({ strategy }: Member): boolean => strategy === "handoff";

/** Once it has stayed ready, and clients fare as before. */
async function keep(context: Context, { member, fresh, isFirst }: Handover): Promise<void> {
  const heed = (): Promise<void> => {
    heedHandover(context, member, isFirst);
    return Promise.resolve();
  };
  await awaitMinReady(context, member, fresh?.instance ?? "", heed);
  // One that has ended since would be started anew, and kept.
  if (fresh) await sameInstance(context, member, fresh.instance);
  await heed();
  await perform(context, member, "commit");
}

/**
 * At the end: every host has good answers for each node that asks any of them, also one that was kept, or did not serve before.
 * @throws RolloutError NotConverged
 */
export async function expectNodesContent(context: Context, members: readonly Member[]): Promise<void> {
  const { clock } = context.ports;
  const { check } = context;
  const asked = members.filter((member) => hasHealthPort(context, member));
  const seconds = Math.min(FRONT_MEMORY_SECONDS, Math.ceil(probeLifeMs(check) / 1000));
  const until = clock.now() + blindWaitMs(check.healthyThreshold, check) + probeLifeMs(check);
  for (;;) {
    const isLast = clock.now() >= until;
    const hosts = await settled(
      asked.map(async (member) => {
        const { info, host } = member;
        const [evidence, lately] = await settled([host.evidence(FRONT_MEMORY_SECONDS), host.evidence(seconds)]);
        // The balancer takes a host in by good answers in a row.
        const forgiven = actionSoFar(member) === "deployed" ? 0 : check.unhealthyThreshold - 1;
        return { name: info.name, evidence: evidence ?? null, lately: lately ?? null, forgiven };
      }),
    );
    const verdict = allContent(hosts, ownOf(context), check);
    if (verdict.pass || asked.length === 0) return;
    if (isLast)
      throw new RolloutError(
        "NotConverged",
        `every host runs the release, but not every node of the balancer gets good answers: ${verdict.why}; look at the firewall, and at what the health path answers to that node`,
      );
    await pause(context);
  }
}

/** Capacity does not drop, so nobody has to be in rotation meanwhile; but nothing is changed while clients fail. */
async function expectCalm(context: Context, members: readonly Member[]): Promise<void> {
  await renewBaseline(context);
  const failing = whyClientsFail(context);
  if (failing === null) return;
  throw new RolloutError(
    "ClientsFail",
    `${members.map(({ info }) => info.name).join(", ")}: not handed over, as ${failing}; look at what the hosts answer, then run the rollout again`,
  );
}

async function leadOver(context: Context, member: Member, isFirst: boolean): Promise<Handover> {
  const { clock } = context.ports;
  const nodes = await nodesOf(context, member);
  heedStop(context);
  const beganMs = clock.now();
  setStatus(context, member, "starting");
  // Seen to its end even when told to stop meanwhile: only then is it known which container clients are on.
  member.swapped = true;
  try {
    await perform(context, member, "replace", { uninterruptible: true });
  } catch (error) {
    if (isExpected(error, "StepFailed")) member.swapped = false;
    throw error;
  }
  const atMs = clock.now();
  setStatus(context, member, "ready");
  emit(context, "handedOver", { seconds: secondsSince(context, beganMs) }, member);
  context.expectService = true;
  member.enteredMs = atMs;
  const fresh = hasHealthPort(context, member) ? await presentTraffic(context, member) : null;
  await expectClientsServed(context, member, isFirst);
  return { member, atMs, fresh, nodes, isFirst };
}

/** Whether requests of the rollout's own go through the balancer. */
const isProbed = ({ witnessReachable, prober }: Context): boolean =>
  witnessReachable === true && prober.baseline !== null;

/**
 * Enough requests that each host gets its share, and the first one enough to be judged by its own. By chance a few may all miss this one, so where some
 * failed, a whole window is judged.
 */
async function expectClientsServed(context: Context, member: Member, isFirst: boolean): Promise<void> {
  if (!isProbed(context)) return;
  const heed = (): void => {
    heedStop(context);
    heedHandover(context, member, isFirst);
  };
  await whileHeeding(
    context,
    expectAnswers(context, isFirst ? canaryRequests(listed(context).length) : undefined),
    heed,
  );
  const until = context.ports.clock.now() + context.prober.windowMs;
  for (;;) {
    heed();
    if (context.ports.clock.now() >= until || context.prober.areAsBefore(member.enteredMs ?? 0)) return;
    await pause(context);
  }
}

/**
 * Those that ask the host's own health port right now; none where the balancer asks the service port. One that came up a moment ago gets the time that
 * the balancer needs to take a host in.
 * @throws RolloutError NotInRotation where nobody does: nothing was changed there
 */
async function nodesOf(context: Context, member: Member): Promise<string[]> {
  const { manifest, check, ports } = context;
  const { info, host } = member;
  if (!hasHealthPort(context, member)) return [];
  const own = ownOf(context);
  const until = ports.clock.now() + blindWaitMs(check.healthyThreshold, check);
  for (;;) {
    const isLast = ports.clock.now() >= until;
    const evidence = await host.evidence(FRONT_MEMORY_SECONDS);
    const verdict = allAsked([{ name: info.name, evidence }], own, check);
    if (evidence && verdict.pass) return nodesThatAsk(evidence, check).filter((node) => !own.has(node));
    if (isLast && !verdict.pass) throw notAsked(manifest.fleetTag, verdict.why);
    await pause(context);
  }
}

/** A host that asks itself is no node. */
const ownOf = ({ members }: Context): ReadonlySet<string> => ownAddresses(members.map(({ info }) => info));

const notAsked = (fleetTag: string, why: string): RolloutError =>
  new RolloutError(
    "NotInRotation",
    `${why}, although it serves; look at ${fleetTag ? `the tag ${fleetTag} on the droplet` : "the balancer's own list of hosts and its check"}, at the firewall, and at the private network between the balancer and it`,
  );

/**
 * Each node asks every one of these hosts, as their kernels tell. One that came up a moment ago gets the time that the balancer needs to take a host in.
 * Where the balancer asks the service port, nobody can tell.
 * @throws RolloutError NotInRotation
 */
export async function expectAskedByNodes(context: Context, members: readonly Member[]): Promise<void> {
  const { clock } = context.ports;
  const asked = members.filter((member) => hasHealthPort(context, member));
  if (asked.length === 0) return;
  const until = clock.now() + blindWaitMs(context.check.healthyThreshold, context.check);
  for (;;) {
    const isLast = clock.now() >= until;
    const hosts = await settled(
      asked.map(async ({ info, host }) => ({ name: info.name, evidence: await host.evidence(FRONT_MEMORY_SECONDS) })),
    );
    const verdict = allAsked(hosts, ownOf(context), context.check);
    if (verdict.pass) return;
    if (isLast) throw notAsked(context.manifest.fleetTag, verdict.why);
    await pause(context);
  }
}

/**
 * @param isKept whether the new container was kept already: then what the balancer forgives is forgiven, in probes that are evidence now. Before that no
 *   probe may fail
 * @throws RolloutError NotReadmitted when a node is not content, or does not ask for longer than its check would take
 */
async function awaitProof(context: Context, { member, atMs, fresh, nodes }: Handover, isKept: boolean): Promise<void> {
  if (!fresh || nodes.length === 0) return;
  const { check, ports } = context;
  const beganMs = ports.clock.now();
  const limitMs = (2 * check.checkIntervalSeconds + check.responseTimeoutSeconds) * 1000;
  const most = isKept ? Math.ceil(probeLifeMs(check) / 1000) : FRONT_MEMORY_SECONDS;
  const forgiven = isKept ? check.unhealthyThreshold - 1 : 0;
  const { target } = fresh;
  for (;;) {
    // Whole seconds, rounded down: nothing counts that came before.
    const seconds = Math.min(most, FRONT_MEMORY_SECONDS, Math.floor((ports.clock.now() - atMs) / 1000));
    const evidence = seconds < 1 ? null : await member.host.evidence(seconds);
    const asked: Verdict =
      seconds < 1
        ? { pass: false, why: "nobody has asked it since" }
        : proven({ evidence, nodes, target, check, forgiven });
    // Of the first one: it was sent enough that some must have come to it.
    const verdict = asked.pass && !isKept && isProbed(context) ? reached(evidence) : asked;
    // What clients see outranks what the nodes were answered.
    if (!isKept) heedHandover(context, member, true);
    if (verdict.pass) break;
    if (verdict.final || ports.clock.now() - beganMs >= limitMs) {
      throw new RolloutError(
        "NotReadmitted",
        `${member.info.name}: the balancer is not content with the new container: ${verdict.why}; see what its health path answers to a request with that node's Host header, and whether the balancer keeps connections to the container before`,
      );
    }
    await pause(context);
  }
  emit(context, "probesAnswered", { seconds: (ports.clock.now() - atMs) / 1000, nodes: nodes.length }, member);
}
