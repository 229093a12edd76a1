/** The matrix of the bench: which rounds are still to be measured, and measuring them, cell by cell. */
import {
  roundOf,
  roundsAt,
  sideNames,
  withAborted,
  withRound,
  type BenchFigures,
  type Place,
  type SideName,
  type Sides,
  type Stamp,
} from "./figures.js";
import { withFleet } from "./fleet.js";
import type { Options } from "./options.js";
import { OffTarget } from "./rollout.js";
import { sides, type Ground } from "./sides.js";
import { CLAIMED_DROPLETS } from "./verdict.js";

/** Of the options, what the matrix is made of. */
export type Wanted = Pick<Options, "rounds" | "droplets" | "intervals" | "site" | "atOnce" | "rate">;

/** Rounds of the fleets that most is claimed of, where nobody says how many; of the others one. */
const CLAIMED_ROUNDS = 3;

export interface Observers {
  readonly signal: AbortSignal;
  /** Called after every round, and after one that did not come to its end. */
  readonly onFigures: (figures: BenchFigures) => void;
  readonly stamp: () => Promise<Stamp>;
  readonly say: (line: string) => void;
}

/** A cell with rounds to be measured. */
export interface Task extends Place {
  /** Numbers of the rounds, from 1. */
  readonly rounds: readonly number[];
}

/** What is missing, the quickest first. */
export function tasks(
  figures: BenchFigures,
  { rounds, droplets, intervals }: Pick<Wanted, "rounds" | "droplets" | "intervals">,
): Task[] {
  const ascending = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);
  const places = ascending(intervals).flatMap((interval) =>
    ascending(droplets).map((count): Place => ({ droplets: count, interval })),
  );
  return places
    .map((place) => {
      const done = roundsAt(figures, place);
      const most = rounds ?? (place.droplets === CLAIMED_DROPLETS ? CLAIMED_ROUNDS : 1);
      return { ...place, rounds: Array.from({ length: Math.max(0, most - done) }, (_, index) => done + index + 1) };
    })
    .filter((task) => task.rounds.length > 0);
}

/**
 * Measures what is missing, each cell on a world of its own.
 * @throws OffTarget when a rollout does not end on target; the figures then tell of it
 */
export async function measure(figures: BenchFigures, wanted: Wanted, observers: Observers): Promise<BenchFigures> {
  const { signal, say, onFigures, stamp } = observers;
  const { site, atOnce, rate } = wanted;
  let sofar = figures;
  for (const { droplets, interval, rounds } of tasks(figures, wanted)) {
    say(`${droplets} droplets, a probe every ${interval} s: the fleet boots`);
    const fleet = { site, droplets, intervalSeconds: interval, maxParallel: atOnce ? droplets : 1 };
    await withFleet(fleet, signal, async (running) => {
      for (const number of rounds) {
        try {
          const measured = await measureRound({ fleet: running, number, ratePerSecond: rate, signal }, say);
          sofar = withRound(sofar, { droplets, interval }, roundOf(await stamp(), measured));
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

/** The sides of a round, each begun one place earlier than in the round before: whatever changes slowly meets all alike. @param number from 1 */
export function orderOf(number: number): SideName[] {
  const first = (number - 1) % sideNames.length;
  return [...sideNames.slice(first), ...sideNames.slice(0, first)];
}

async function measureRound(ground: Ground, say: Observers["say"]): Promise<Partial<Sides>> {
  const measured: Partial<Sides> = {};
  for (const name of orderOf(ground.number)) {
    const side = await sides[name](ground);
    Object.assign(measured, { [name]: side });
    say(`  round ${ground.number}, ${name}: ${side.seconds} s, ${side.failed} of ${side.sent} requests failed`);
  }
  return measured;
}
