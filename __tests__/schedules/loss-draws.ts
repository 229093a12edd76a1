/** Random losses, and random hosts that are not what they seem. */
import fc from "fast-check";
import { barrierKinds } from "../../lab/sim/balancer.js";
import { evenly } from "../support/draws.js";
import { seemingKinds, type Beside, type LossPlan, type Seeming } from "./losses.js";
import type { Schedule } from "./schedule.js";

/** Soon after a host got a status, or when it may have another one. */
const moment = fc.oneof(
  { weight: 2, arbitrary: fc.record({ on: fc.constant("draining" as const), at: fc.constantFrom(0, 0.3, 1, 3) }) },
  { weight: 4, arbitrary: fc.constant({ on: "ejected" as const, at: 0 }) },
  { weight: 1, arbitrary: fc.record({ on: fc.constant("starting" as const), at: fc.constantFrom(0, 0.3) }) },
  { weight: 1, arbitrary: fc.record({ on: fc.constant("ready" as const), at: fc.constantFrom(1, 5, 8) }) },
  { weight: 3, arbitrary: fc.record({ on: fc.constant("serving" as const), at: fc.constantFrom(0, 0, 0.3) }) },
);

/** Before the rollout or while it is at its hosts; most often one host, and for good. */
const loss: fc.Arbitrary<LossPlan> = fc
  .record({
    kind: fc.constantFrom(...barrierKinds, "link" as const, "probes" as const, "requests" as const),
    hangs: fc.constantFrom(false, false, false, true),
    node: fc.constantFrom(null, null, null, null, null, 0, 1),
    host: fc.nat(9),
    when: fc.oneof(
      { weight: 1, arbitrary: evenly(-10, 2, 120).map((at) => ({ at })) },
      { weight: 4, arbitrary: moment },
    ),
    lastsMs: fc.constantFrom(null, null, null, 1000, 10_000, 60_000),
  })
  .map(({ when, ...rest }) => ({ ...rest, ...when }));

/** Most often none. */
const seeming: fc.Arbitrary<readonly Seeming[]> = fc.oneof(
  { weight: 2, arbitrary: fc.constant([]) },
  {
    weight: 1,
    arbitrary: fc.array(fc.record({ kind: fc.constantFrom(...seemingKinds), at: evenly(-10, 0, 100) }), {
      minLength: 1,
      maxLength: 2,
    }),
  },
);

export const besides: fc.Arbitrary<Beside> = fc.record({
  losses: fc.array(loss, { minLength: 1, maxLength: 2 }),
  seeming,
});

/**
 * Requests alone are lost only on the way to hosts that get some without the rollout, and where the prober is there to see it. Of a new host
 * nobody could tell it from a balancer that loses those of another one.
 */
function seenLoss(plan: Schedule, seeming: readonly Seeming[], loss: LossPlan): LossPlan {
  if (loss.kind !== "requests") return loss;
  const serving = Array.from({ length: plan.hosts - plan.empty }, (_, index) => index)
    .filter((index) => seeming[index]?.kind !== "draining")
    .map((index) => plan.empty + index);
  const host = serving[loss.host % serving.length];
  return host === undefined || plan.view === "no witness" ? { ...loss, kind: "link" } : { ...loss, host };
}

/**
 * What is drawn for a fleet, as it suits that. Where a host loses requests alone, clients ask at uneven times: of an even rhythm, round robin
 * may give one host all or nothing.
 */
export function suitedBeside(plan: Schedule, { losses, seeming }: Beside): Beside & { readonly plan: Schedule } {
  const seen = losses.map((loss) => seenLoss(plan, seeming, loss));
  const even = plan.even && !seen.some(({ kind }) => kind === "requests");
  return { plan: { ...plan, even }, losses: seen, seeming };
}
