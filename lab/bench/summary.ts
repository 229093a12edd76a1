/** What page, picture and verdict take from a cell: middle values with their spread, from all of its rounds. Pure. */
import {
  phaseNames,
  spreadOf,
  type Cell,
  type Phases,
  type Round,
  type Side,
  type SideName,
  type Spread,
} from "./figures.js";

/** One side of all rounds of a cell. */
export const sidesOf = ({ rounds }: Cell, name: SideName): Side[] => rounds.map((round) => round[name]);

export const secondsOf = (cell: Cell, name: SideName): Spread =>
  spreadOf(sidesOf(cell, name).map(({ seconds }) => seconds));

export const sum = (values: readonly number[]): number => values.reduce((sofar, value) => sofar + value, 0);

/** A side's seconds over the article's, round by round. */
export const ratioOf = ({ rounds }: Cell, name: SideName): Spread =>
  spreadOf(rounds.map((round) => round[name].seconds / round.article.seconds));

/** Seconds that the floors of a round's drained hosts are together: one leaves after the other. */
export const drainFloorOf = ({ drain }: Round): number => sum(drain.hosts.map(({ floorSeconds }) => floorSeconds));

/** The middle of all rounds. */
export const floorOf = ({ rounds }: Cell): number => spreadOf(rounds.map(drainFloorOf)).median;

/** Seconds that hosts after the first one took, each. */
export const othersOf = ({ handoff }: Round): number[] => handoff.hosts.slice(1).map(({ seconds }) => seconds);

/** Seconds from the begin of the first of them to the end of the last; none without any. */
export function othersTogether({ handoff }: Round): number {
  const others = handoff.hosts.slice(1);
  if (others.length === 0) return 0;
  const ends = others.map(({ fromSeconds, seconds }) => fromSeconds + seconds);
  return Math.max(...ends) - Math.min(...others.map(({ fromSeconds }) => fromSeconds));
}

/** Seconds of a rollout in which no host was at work. */
export const outsideHosts = (phases: Phases): number =>
  sum(phaseNames.filter((name) => name !== "hosts").map((name) => phases[name]));
