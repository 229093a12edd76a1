/** What page and picture show of a cell: middle values with their spread, from all of its pairs. Pure. */
import { spreadOf, type Cell, type Side, type Spread } from "./figures.js";
import type { SideName } from "./sides.js";

/** One side of all pairs of a cell. */
export const sidesOf = ({ pairs }: Cell, name: SideName): Side[] => pairs.map((pair) => pair[name]);

export const secondsOf = (cell: Cell, name: SideName): Spread =>
  spreadOf(sidesOf(cell, name).map(({ seconds }) => seconds));

export const sum = (values: readonly number[]): number => values.reduce((sofar, value) => sofar + value, 0);

/** Seconds that the floors of a pair's hosts are together, the middle of all pairs. */
export function floorOf({ pairs, hosts }: Cell): number {
  const ofPair = pairs.map((_, index) =>
    sum(hosts.filter(({ pair }) => pair === index + 1).map(({ floorSeconds }) => floorSeconds)),
  );
  return spreadOf(ofPair).median;
}

/** By how many intervals a host took longer than its floor. */
export const aboveFloor = ({ hosts, interval }: Cell): Spread =>
  spreadOf(hosts.map(({ seconds, floorSeconds }) => (seconds - floorSeconds) / interval));
