/** What the bench claims of Evenkeel, held against its figures. Pure. */
import { many } from "../../scripts/rollout/output/text.js";
import { ourNames, sideNames, type BenchFigures, type Cell, type Round, type SideName } from "./figures.js";
import { notMeasuredText } from "../load/accounting.js";
import { drainFloorOf, othersOf, othersTogether, ratioOf, sidesOf, sum } from "./summary.js";

/** Droplets of the fleets that the claims of the whole handoff are made for. */
export const CLAIMED_DROPLETS = 3;
/** Most seconds that they take together, and one interval more, for the proof of the first one. */
export const MOST_HANDOFF_SECONDS = 12;
/** Interval, in seconds, at which they are held against the article: DigitalOcean's own default. */
export const CLAIMED_INTERVAL = 10;
/** Most of the article's time that they take there. */
export const MOST_OF_ARTICLE = 0.1;
/** Most seconds that a host after the first one is handed over in, when they go one after the other. */
export const MOST_OTHER_SECONDS = 4;
/** Most seconds for all of these, when they go at once. */
export const MOST_TOGETHER_SECONDS = 8;
/** Most that a drain takes of the floors of its hosts, and seconds beyond that. */
export const MOST_OF_FLOOR = 1.05;
export const MOST_ABOVE_FLOOR_SECONDS = 3;

/** Every claim that the figures do not bear out, one sentence each; none: all hold. */
export const unproven = (figures: BenchFigures): string[] => [
  ...figures.cells.flatMap((cell) => [
    ...lossOf(cell),
    ...stallOf(cell),
    ...cell.rounds.flatMap((round) => timeOf(cell, round, figures.settings.atOnce)),
    ...shareOf(cell),
  ]),
  ...abortedOf(figures),
];

/** Claims that hold on any machine, however slow: no request fails, the load is sent whole, and no attempt breaks off. */
export const unprovenAnywhere = (figures: BenchFigures): string[] => [
  ...figures.cells.flatMap(lossOf),
  ...abortedOf(figures),
];

const abortedOf = ({ aborted }: BenchFigures): string[] =>
  aborted.map((attempt) => `${whereOf(attempt)}: ${attempt.reason}`);

function lossOf(cell: Cell): string[] {
  // What the article loses is its own; what is lost without any rollout is the lab's.
  const lost = ([...ourNames, "control"] as const).flatMap((name) => {
    const count = sum(sidesOf(cell, name).map(({ failed, secondTool }) => failed + secondTool.failed));
    return count > 0 ? [`${whereOf(cell, name)}: ${many(count, "request")} failed`] : [];
  });
  // What nobody sent is no success, on any side.
  const unsent = sum(sideNames.flatMap((name) => sidesOf(cell, name)).map(({ notMeasured }) => notMeasured));
  return [...lost, ...(unsent > 0 ? [`${whereOf(cell)}: ${notMeasuredText(unsent)}`] : [])];
}

function stallOf(cell: Cell): string[] {
  const sides = sideNames.flatMap((name) => sidesOf(cell, name));
  const stallMs = Math.max(...sides.map(({ generator }) => generator.longestStallMs));
  if (stallMs <= cell.interval * 1000) return [];
  return [
    `${whereOf(cell)}: the load paused for ${stallMs} ms, longer than an interval; measure again on a quieter machine`,
  ];
}

function timeOf(cell: Cell, round: Round, atOnce: boolean): string[] {
  const { drain, handoff } = round;
  const handoffMost = MOST_HANDOFF_SECONDS + cell.interval;
  const drainMost = MOST_OF_FLOOR * drainFloorOf(round) + MOST_ABOVE_FLOOR_SECONDS;
  return [
    ...(cell.droplets === CLAIMED_DROPLETS
      ? exceeds(`${whereOf(cell, "handoff")}: it took`, handoff.seconds, handoffMost)
      : []),
    ...(atOnce
      ? exceeds(
          `${whereOf(cell, "handoff")}: the hosts after the first one took`,
          othersTogether(round),
          MOST_TOGETHER_SECONDS,
        )
      : exceeds(
          `${whereOf(cell, "handoff")}: a host after the first one took`,
          Math.max(0, ...othersOf(round)),
          MOST_OTHER_SECONDS,
        )),
    ...exceeds(`${whereOf(cell, "drain")}: it took`, drain.seconds, drainMost),
  ];
}

function shareOf(cell: Cell): string[] {
  if (cell.droplets !== CLAIMED_DROPLETS || cell.interval < CLAIMED_INTERVAL) return [];
  const { max } = ratioOf(cell, "handoff");
  if (max <= MOST_OF_ARTICLE) return [];
  return [`${whereOf(cell, "handoff")}: it took ${max.toFixed(3)} of the article's time, more than ${MOST_OF_ARTICLE}`];
}

const exceeds = (what: string, seconds: number, most: number): string[] =>
  seconds > most ? [`${what} ${seconds.toFixed(1)} s, more than ${most.toFixed(1)} s`] : [];

const whereOf = ({ droplets, interval }: Pick<Cell, "droplets" | "interval">, name?: SideName): string =>
  `${droplets} droplets at ${interval} s${name ? `, ${name}` : ""}`;
