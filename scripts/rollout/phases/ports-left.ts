/** Ports that hosts are to give up are led on until the balancer has left them: each of its nodes takes new settings in at its own time. */
import { FRONT_MEMORY_SECONDS } from "../../../contract/host.js";
import { frontPorts } from "../../../contract/manifest.js";
import { emit, listed, pause, secondsSince, surveyOf, type Context, type Member } from "../context.js";
import { RolloutError } from "../core/errors.js";
import { portsInWords } from "../core/events.js";
import { portsLeft, portsToLeave } from "../core/ports-left.js";
import type { FrontPorts } from "../core/target.js";
import { settled } from "../settled.js";

/** Milliseconds, per second of the balancer's interval, between two looks. */
const LOOK_MS_PER_SECOND = 250;

interface Leaving {
  readonly member: Member;
  readonly ports: FrontPorts;
}

/**
 * Nothing waits where every front has the manifest's ports already. No host has changed by then, and the ports that are to go still lead where they led.
 * @throws RolloutError BalancerDiffers when somebody still comes to one of them at the end of `progressDeadlineSeconds`; Interrupted
 */
export async function expectPortsLeft(context: Context): Promise<void> {
  const leaving = listed(context).flatMap((member) => leavingOf(context, member));
  if (leaving.length === 0) return;
  const began = context.ports.clock.now();
  const ports = [...new Set(leaving.flatMap(({ ports: { services, checks } }) => [...services, ...checks]))];
  emit(context, "portsAwaited", { ports });
  const limit = context.manifest.rollout.progressDeadlineSeconds;
  for (;;) {
    const why = await whyStillUsed(context, leaving);
    if (why === null) break;
    if (secondsSince(context, began) >= limit) throw stillUsed(why, limit);
    await pause(context, context.check.checkIntervalSeconds * LOOK_MS_PER_SECOND);
  }
  emit(context, "portsLeft", { ports, seconds: secondsSince(context, began) });
}

function leavingOf({ manifest }: Context, member: Member): Leaving[] {
  const { front } = surveyOf(member);
  if (!front) return [];
  const ports = portsToLeave(front, frontPorts(manifest, member.info));
  return ports.services.length + ports.checks.length > 0 ? [{ member, ports }] : [];
}

/** Null once nobody does: the balancer's own probes first, and then requests of this run, of which none goes there either. */
async function whyStillUsed(context: Context, leaving: readonly Leaving[]): Promise<string | null> {
  const { clock } = context.ports;
  const why = await whyNotLeft(context, leaving, () => 0);
  const asksRequests = leaving.some(({ ports }) => ports.services.length > 0);
  if (why !== null || !asksRequests || !context.witnessReachable) return why;
  const fromMs = clock.now();
  await context.quietWindows.join();
  return whyNotLeft(context, leaving, () => clock.now() - fromMs);
}

async function whyNotLeft(
  { check, manifest }: Context,
  leaving: readonly Leaving[],
  windowMs: () => number,
): Promise<string | null> {
  const verdicts = await settled(
    leaving.map(async ({ member: { info, host }, ports }) => {
      const evidence = await host.evidence(FRONT_MEMORY_SECONDS);
      const wanted = frontPorts(manifest, info);
      const verdict = portsLeft({ evidence, leaving: ports, wanted, check, windowMs: windowMs() });
      return verdict.pass ? null : `${info.name} cannot give up ${inWords(ports)}: ${verdict.why}`;
    }),
  );
  return verdicts.find((verdict) => verdict !== null) ?? null;
}

const inWords = ({ services, checks }: FrontPorts): string => portsInWords([...services, ...checks]);

const stillUsed = (why: string, limit: number): RolloutError =>
  new RolloutError(
    "BalancerDiffers",
    `${why}; the balancer may be late with its new settings, so run the rollout again. Where that is no node of the balancer, keep it away with the firewall (progressDeadlineSeconds, ${limit} s)`,
  );
