/** Hosts that tell nothing themselves are let go by time, and by where the requests of clients land. */
import type { Traffic } from "../../../contract/host.js";
import { observeAll, observeSilent, pause, sendWitness, watched, type Context, type Member } from "../context.js";
import { blindWaitMs } from "../core/floor.js";
import { whyNot, WITNESS_PER_HOST, type Verdict } from "../core/gates.js";
import { landedBetween } from "../core/landed.js";
import type { Observation } from "../ports.js";
import { failAfterDeadline } from "./present.js";

/** Rounds in a row: where clients ask little, one may pass by their requests. */
const ELSEWHERE_ROUNDS = 3;

/**
 * For hosts that cannot be asked themselves. Waits until the balancer has had its time to let them go, and all requests that were sent came to the others.
 * @param onSomeLeft done after each time that some may still go there; may throw @default - nothing is
 * @throws RolloutError NotEjected, StewardLost
 */
export async function awaitTrafficElsewhere(
  context: Context,
  leaving: readonly Member[],
  onSomeLeft: () => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  const began = context.ports.clock.now();
  // Clients' requests come to the others as well: too few there tell that some go elsewhere, and enough of them tell nothing.
  const until = began + blindWaitMs(context.check.unhealthyThreshold, context.check);
  if (!context.witnessReachable) return pause(context, until - began);
  let inARow = 0;
  for (;;) {
    const verdict = await elsewhere(context, leaving);
    inARow = verdict.pass ? inARow + 1 : 0;
    if (inARow >= ELSEWHERE_ROUNDS && context.ports.clock.now() >= until) return;
    const names = leaving.map((member) => member.info.name).join(", ");
    const why = whyNot(verdict);
    if (why !== null) failAfterDeadline(context, began, "NotEjected", `${names} may still get requests: ${why}`);
    await onSomeLeft();
    await pause(context);
  }
}

async function elsewhere(context: Context, leaving: readonly Member[]): Promise<Verdict> {
  const others = watched(context).filter((member) => !leaving.includes(member));
  const told = (looks: readonly (Observation | null)[]): (Traffic | null)[] =>
    looks.map((look) => look?.traffic ?? null);
  return context.prober.holding(async () => {
    // Nobody else works on these hosts, to whom it would show that a steward is gone.
    const before = told(await observeAll(context, others));
    const fromMs = context.ports.clock.now();
    const { sent, answered } = await sendWitness(context, WITNESS_PER_HOST * context.members.length);
    const after = told(await observeSilent(context, others));
    const landed = after.reduce((sum, then, index) => sum + landedBetween(before[index], then), 0);
    const verdict = context.parts.gates.elsewhere({ sent, answered, landed });
    return verdict.pass ? areQuiet(context, leaving, fromMs) : verdict;
  });
}

/** Of those that leave, whoever tells what comes to it has seen nobody since. */
async function areQuiet(context: Context, leaving: readonly Member[], fromMs: number): Promise<Verdict> {
  const looks = await observeSilent(
    context,
    leaving.filter(({ locked }) => locked),
  );
  const windowMs = context.ports.clock.now() - fromMs;
  const verdicts = looks
    .flatMap((look) => (look?.traffic ? [look.traffic] : []))
    .map((after) => context.parts.gates.quiet({ after, windowMs }));
  return verdicts.find((verdict) => !verdict.pass) ?? { pass: true };
}
