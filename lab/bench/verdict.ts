/** What the bench claims of Evenkeel, held against its figures. Pure. */
import { many } from "../../scripts/rollout/output/text.js";
import type { BenchFigures, Cell } from "./figures.js";
import { notMeasuredText } from "../load/accounting.js";
import { aboveFloor } from "./summary.js";

/** Interval, in seconds, at which the claim of the time is made: DigitalOcean's own default. */
export const CLAIMED_INTERVAL = 10;
/** Most of the article's time that Evenkeel takes there. */
export const MOST_OF_ARTICLE = 0.6;
/** Most intervals that a host takes beyond its floor. */
export const MOST_ABOVE_FLOOR = 1;

/** Every claim that the figures do not bear out, one sentence each; none: all hold. */
export const unproven = ({ cells, aborted }: BenchFigures): string[] => [
  ...cells.flatMap(ofCell),
  ...aborted.map(({ droplets, interval, reason }) => `${whereOf({ droplets, interval })}: ${reason}`),
];

/** Claims that hold on any machine, however slow: no request fails, the load is sent whole, and no attempt breaks off. */
export const unprovenAnywhere = ({ cells, aborted }: BenchFigures): string[] => [
  ...cells.flatMap(lossOf),
  ...aborted.map(({ droplets, interval, reason }) => `${whereOf({ droplets, interval })}: ${reason}`),
];

function lossOf(cell: Cell): string[] {
  const lost = cell.pairs.reduce((sum, { evenkeel: { failed, secondTool } }) => sum + failed + secondTool.failed, 0);
  const unsent = cell.pairs.reduce((sum, { evenkeel, article }) => sum + evenkeel.notMeasured + article.notMeasured, 0);
  return [
    ...(lost > 0 ? [`${whereOf(cell)}: ${many(lost, "request")} failed`] : []),
    // What nobody sent is no success, on neither side.
    ...(unsent > 0 ? [`${whereOf(cell)}: ${notMeasuredText(unsent)}`] : []),
  ];
}

function ofCell(cell: Cell): string[] {
  const where = whereOf(cell);
  const sides = cell.pairs.map(({ evenkeel }) => evenkeel);
  const above = aboveFloor(cell).max;
  const stallMs = Math.max(...sides.map(({ generator }) => generator.longestStallMs));
  return [
    ...lossOf(cell),
    ...(cell.interval >= CLAIMED_INTERVAL && cell.ratio.max > MOST_OF_ARTICLE
      ? [`${where}: Evenkeel took ${cell.ratio.max} of the article's time, more than ${MOST_OF_ARTICLE}`]
      : []),
    ...(above > MOST_ABOVE_FLOOR
      ? [`${where}: a host took ${above.toFixed(2)} intervals longer than its floor, more than ${MOST_ABOVE_FLOOR}`]
      : []),
    ...(stallMs > cell.interval * 1000
      ? [`${where}: the load paused for ${stallMs} ms, longer than an interval; measure again on a quieter machine`]
      : []),
  ];
}

const whereOf = ({ droplets, interval }: Pick<Cell, "droplets" | "interval">): string =>
  `${droplets} droplets at ${interval} s`;
