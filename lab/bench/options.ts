/** The bench's command line. Pure. */
import { z } from "zod";
import { choice, flag, text, whole } from "../../contract/fields.js";
import { parse } from "../../contract/problems.js";
import { written } from "../command-line.js";
import { siteNames } from "../site-names.js";

export const usage = `usage: npm run bench -- [--pairs 3] [--droplets 2,3,5] [--intervals 3,10] [--site ${siteNames.join("|")}] [--out docs/figures] [--quick] [--resume]`;

const options = z.strictObject({
  /** Pairs of each cell. 1 to 20. @default 3 */
  pairs: whole("pairs", 1, 20),
  /** Sizes of fleets. A fleet of one is never whole during a rollout. 2 to 20. @default 2, 3 and 5 */
  droplets: z.array(whole("droplets", 2, 20)),
  /** Seconds between two probes. 1 to 60. @default 3 and 10 */
  intervals: z.array(whole("seconds", 1, 60)),
  site: choice(...siteNames),
  /** Folder for the figures. @default "docs/figures" */
  out: text("a folder", /^[^\0]+$/),
  /** Goes on with the figures that are there. @default false */
  resume: flag(),
  /** One pair of the smallest cell, of which no claim about time is held. @default false */
  quick: flag(),
});
export type Options = z.output<typeof options>;

const quickly = { pairs: "1", droplets: "2", intervals: "3" };
const fully = { pairs: "3", droplets: "2,3,5", intervals: "3,10" };

/** @throws InvalidInput */
export function readOptions(argv: string[]): Options {
  const { quick, ...given } = words(argv);
  const { pairs, droplets, intervals, ...others } = { ...(quick ? quickly : fully), ...given };
  return parse("options", options, {
    ...others,
    quick,
    pairs: Number(pairs),
    droplets: numbers(droplets),
    intervals: numbers(intervals),
  });
}

const numbers = (list: string): number[] => [...new Set(list.split(",").map(Number))];

const words = (argv: string[]) =>
  written(argv, {
    ...{ pairs: { type: "string" }, droplets: { type: "string" }, intervals: { type: "string" } },
    site: { type: "string", default: siteNames[0] },
    out: { type: "string", default: "docs/figures" },
    ...{ quick: { type: "boolean", default: false }, resume: { type: "boolean", default: false } },
  });
