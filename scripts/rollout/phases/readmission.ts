/** Entering rotation: the balancer sends requests to a new container, which stays ready, and clients are served. */
import type { Traffic } from "../../../contract/host.js";
import {
  emit,
  knownSources,
  trafficNow,
  mostProbes,
  observe,
  pause,
  secondsSince,
  type Context,
  type Member,
} from "../context.js";
import { RolloutError } from "../core/errors.js";
import { blindWaitMs } from "../core/floor.js";
import { whyNot, type Verdict } from "../core/gates.js";
import { expectAnswers, heedClientsOf } from "./clients.js";
import { lookAround, peersLeft } from "./peers.js";
import { failAfterDeadline, hasHealthPort, present, presentTraffic, sameInstance } from "./present.js";

/** Looks in a row that show a new container failing the balancer's checks. A busy host may be slow to tell what came of the last ones. */
const FAILING_LOOKS = 2;

/** What entering rotation took. */
export interface Readmission {
  /** Seconds to the first passed probe. */
  readonly firstProbeSeconds: number;
  /** Process that was taken in. */
  readonly instance: string;
}

/**
 * Waits until the balancer sends requests to a new container.
 * @throws RolloutError NotReadmitted, InstanceChanged, ClientsFail
 */
export async function awaitReadmission(context: Context, member: Member): Promise<Readmission> {
  const began = context.ports.clock.now();
  Object.assign(member, { enteredMs: null, troubleMs: null });
  if (!hasHealthPort(context, member)) return awaitBlindReadmission(context, member, began);
  const fresh = await presentTraffic(context, member);
  let firstProbeSeconds: number | null = null;
  for (;;) {
    const traffic = await sameInstance(context, member, fresh.instance);
    if (firstProbeSeconds === null && mostProbes(context, member, "passed") > 0)
      firstProbeSeconds = secondsSince(context, began);
    lookAround(context);
    if (hasCome(fresh, traffic)) member.enteredMs ??= context.ports.clock.now();
    await heedClientsOf(context, member, () => peersLeft(context, member));
    // That may have taken long: what was seen before is as old by now.
    const why = await notYetReadmitted(context, member, fresh, trafficNow(context, member) ?? traffic, began);
    if (why === null) break;
    failAfterDeadline(context, began, "NotReadmitted", `${member.info.name} was not taken into rotation: ${why}`);
    await pause(context);
  }
  const probes = { taken: mostProbes(context, member, "passed"), floor: context.check.healthyThreshold };
  member.receipt = { ...member.receipt, readmission: probes };
  emit(context, "readmitted", { seconds: secondsSince(context, began), probes }, member);
  return { firstProbeSeconds: firstProbeSeconds ?? 0, instance: fresh.instance };
}

/** Null once in rotation. When all but a request agrees, some are sent so that one can land here, and it is looked at again at once. */
async function notYetReadmitted(
  context: Context,
  member: Member,
  fresh: Traffic,
  traffic: Traffic,
  beganMs: number,
): Promise<string | null> {
  const witnessReachable = context.witnessReachable === true;
  const judge = (shown: Traffic, requestsCame: boolean): Verdict =>
    context.parts.gates.readmitted({
      traffic: shown,
      sources: knownSources(context),
      check: context.check,
      waitedMs: context.ports.clock.now() - beganMs,
      witnessReachable,
      requestsCame,
    });
  const verdict = judge(traffic, hasCome(fresh, traffic));
  if (verdict.pass) return null;
  if (!witnessReachable || !judge(traffic, true).pass) return verdict.why;
  // Every node has it in rotation: it gets requests from now on.
  member.enteredMs ??= context.ports.clock.now();
  await context.knocks.join();
  const again = await sameInstance(context, member, fresh.instance);
  return whyNot(judge(again, hasCome(fresh, again)));
}

/** Whether requests came since; the count begins anew once none came for 15 minutes. */
const hasCome = (before: Traffic, { requests }: Traffic): boolean => requests > 0 && requests !== before.requests;

/** Where the balancer asks the service port, nobody can tell what it asked: only time does. */
async function awaitBlindReadmission(context: Context, member: Member, began: number): Promise<Readmission> {
  await pause(context, blindWaitMs(context.check.healthyThreshold, context.check));
  const { health } = await observe(context, member);
  if (health !== 200) {
    throw new RolloutError(
      "NotReadmitted",
      `${member.info.name}: the health path answers ${health ?? "nothing"} after the wait for the balancer`,
    );
  }
  emit(context, "readmitted", { seconds: secondsSince(context, began), probes: null }, member);
  return { firstProbeSeconds: context.check.checkIntervalSeconds, instance: "" };
}

/**
 * Judges a new container by what clients see once it gets requests, before it is kept: `minReadySeconds` may be too short for anybody to ask.
 * Where nothing was asked before, there is nothing to judge it by until the end.
 * @throws RolloutError ClientsFail
 */
export async function expectClientsServed(context: Context, member: Member): Promise<void> {
  if (context.prober.baseline === null) return;
  const { clock } = context.ports;
  // Noted before the requests are sent, as those that were sent earlier do not count.
  member.enteredMs ??= clock.now();
  await expectAnswers(context);
  const until = clock.now() + context.prober.windowMs;
  const longMs = 2 * blindWaitMs(context.check.unhealthyThreshold, context.check);
  for (;;) {
    await heedClientsOf(context, member, () => peersLeft(context, member));
    // By chance a few requests may all land on one host, or hardly any on this one: where some failed, a whole window is judged. Trouble is seen to its
    // end, or until it would have been held against this host if others got any requests.
    const isOver = clock.now() >= (member.troubleMs === null ? until : until + longMs);
    if (isOver || context.prober.areAsBefore(member.enteredMs)) return;
    await pause(context);
  }
}

/**
 * Watches a new container for `minReadySeconds`: it must neither restart nor stop serving, nor fail the balancer's probes. One that fails
 * them at the end is watched until they pass again or the balancer lets it go.
 * @param heed what ends it early; throws @default - clients that fail, as far as hosts tell whose requests those are
 * @throws RolloutError InstanceChanged, ClientsFail
 */
export async function awaitMinReady(
  context: Context,
  member: Member,
  instance: string,
  heed: () => Promise<void> = () => heedClientsOf(context, member, () => peersLeft(context, member)),
): Promise<void> {
  const { minReadySeconds } = context.manifest.rollout;
  const began = context.ports.clock.now();
  // Those of before its container got any are its old one's.
  const failed = (): number => mostProbes(context, member, "failed", member.enteredMs ?? began);
  let looksInARow = 0;
  while (secondsSince(context, began) < minReadySeconds || failed() > 0) {
    await pause(context);
    const state = await stateNow(context, member, instance);
    looksInARow = failed() >= context.check.unhealthyThreshold ? looksInARow + 1 : 0;
    const why = looksInARow >= FAILING_LOOKS ? "failing the balancer's health checks" : state;
    const message = `${member.info.name} did not stay ready for minReadySeconds (${minReadySeconds} s): it is ${why}`;
    if (why !== "serving") throw new RolloutError("InstanceChanged", message);
    await heed();
    failAfterDeadline(context, began + minReadySeconds * 1000, "NotReadmitted", `${message}, and fails probes`);
  }
}

async function stateNow(context: Context, member: Member, instance: string): Promise<string> {
  if (hasHealthPort(context, member)) return (await sameInstance(context, member, instance)).state;
  const health = await present(context, member, "the health path does not answer", ({ health: answer }) => answer);
  return health === 200 ? "serving" : `answering ${health}`;
}
