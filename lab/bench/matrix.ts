/** The matrix of the bench: which pairs are still to be measured, and measuring them, cell by cell. */
import {
  withAborted,
  withPair,
  pairsAt,
  type BenchFigures,
  type HostOfRollout,
  type Pair,
  type Place,
  type Side,
  type Stamp,
} from "./figures.js";
import { withFleet, type BenchFleet } from "./fleet.js";
import type { Options } from "./options.js";
import { OffTarget } from "./rollout.js";
import { sideFigures } from "./side-figures.js";
import { sides, type SideName } from "./sides.js";

/** Of the options, what the matrix is made of. */
export type Wanted = Pick<Options, "pairs" | "droplets" | "intervals" | "site">;

export interface Observers {
  readonly signal: AbortSignal;
  /** Called after every pair, and after one that did not come to its end. */
  readonly onFigures: (figures: BenchFigures) => void;
  readonly stamp: () => Promise<Stamp>;
  readonly say: (line: string) => void;
}

/** A cell with pairs to be measured. */
export interface Task extends Place {
  /** Numbers of the pairs, from 1. */
  readonly pairs: readonly number[];
}

/** What is missing, the quickest first. */
export function tasks(figures: BenchFigures, { pairs, droplets, intervals }: Wanted): Task[] {
  const ascending = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);
  const places = ascending(intervals).flatMap((interval) =>
    ascending(droplets).map((count): Place => ({ droplets: count, interval })),
  );
  return places
    .map((place) => {
      const done = pairsAt(figures, place);
      return { ...place, pairs: Array.from({ length: Math.max(0, pairs - done) }, (_, index) => done + index + 1) };
    })
    .filter((task) => task.pairs.length > 0);
}

/**
 * Measures what is missing, each cell on a world of its own.
 * @throws OffTarget when a rollout does not end on target; the figures then tell of it
 */
export async function measure(figures: BenchFigures, wanted: Wanted, observers: Observers): Promise<BenchFigures> {
  const { signal, say, onFigures, stamp } = observers;
  let sofar = figures;
  for (const { droplets, interval, pairs } of tasks(figures, wanted)) {
    say(`${droplets} droplets, a probe every ${interval} s: the fleet boots`);
    await withFleet({ site: wanted.site, droplets, intervalSeconds: interval }, signal, async (fleet) => {
      for (const number of pairs) {
        try {
          const { pair, hosts } = await measurePair(fleet, number, observers);
          sofar = withPair(sofar, { droplets, interval }, { ...(await stamp()), ...pair }, hosts);
        } catch (error) {
          if (!(error instanceof OffTarget)) throw error;
          onFigures(withAborted(sofar, { ...(await stamp()), droplets, interval, reason: error.message }));
          throw error;
        }
        onFigures(sofar);
      }
    });
  }
  return sofar;
}

/** Both sides; the article first in pairs of an odd number, so that whatever changes slowly meets both alike. */
async function measurePair(fleet: BenchFleet, number: number, observers: Observers): Promise<MeasuredPair> {
  const run = (name: SideName): Promise<MeasuredSide> => measureSide(fleet, name, number, observers);
  const articleFirst = number % 2 === 1;
  const first = await run(articleFirst ? "article" : "evenkeel");
  const second = await run(articleFirst ? "evenkeel" : "article");
  const [ofArticle, ofEvenkeel] = articleFirst ? [first, second] : [second, first];
  return { pair: { article: ofArticle.side, evenkeel: ofEvenkeel.side }, hosts: ofEvenkeel.hosts };
}

interface MeasuredPair {
  readonly pair: Omit<Pair, keyof Stamp>;
  readonly hosts: readonly HostOfRollout[];
}

interface MeasuredSide {
  readonly side: Side;
  readonly hosts: readonly HostOfRollout[];
}

async function measureSide(
  fleet: BenchFleet,
  name: SideName,
  number: number,
  { signal, say }: Observers,
): Promise<MeasuredSide> {
  const { world } = fleet;
  const outcome = await sides[name](fleet, number, signal);
  const pairs = world.droplets.length * world.balancer.settings.nodes;
  const side = sideFigures(outcome, { changes: world.balancer.changes, pairs });
  say(`  pair ${number}, ${name}: ${side.seconds} s, ${side.failed} of ${side.sent} requests failed`);
  return { side, hosts: outcome.hosts };
}
