/** The bench's command line. Pure. */
import { z } from "zod";
import { choice, flag, text, whole } from "../../contract/fields.js";
import { parse } from "../../contract/problems.js";
import { written } from "../command-line.js";
import { siteNames } from "../site-names.js";
import { benchLoad } from "./settings.js";

export const usage = `usage: npm run bench -- [--rounds 3] [--droplets 2,3,5] [--intervals 3,10] [--at-once] [--rate 300] [--site ${siteNames.join("|")}] [--out docs/figures] [--quick] [--resume]`;

const options = z.strictObject({
  /** Rounds of each cell. 1 to 20. @default - 3 for three droplets, 1 for the others */
  rounds: whole("rounds", 1, 20).optional(),
  /** Sizes of fleets. A fleet of one is never whole during a rollout. 2 to 20. @default 2, 3 and 5 */
  droplets: z.array(whole("droplets", 2, 20)),
  /** Seconds between two probes. 1 to 60. @default 3 and 10 */
  intervals: z.array(whole("seconds", 1, 60)),
  /** Droplets after the first one are handed over all at once, and not one after the other. @default false */
  atOnce: flag(),
  /** Requests a second. 1 to 1000. @default 300 */
  rate: whole("requests", 1, 1000),
  site: choice(...siteNames),
  /** Folder for the figures. @default "docs/figures" */
  out: text("a folder", /^[^\0]+$/),
  /** Goes on with the figures that are there. @default false */
  resume: flag(),
  /** One round of the smallest cell, of which no claim about time is held. @default false */
  quick: flag(),
});
export type Options = z.output<typeof options>;

const quickly = { rounds: "1", droplets: "2", intervals: "3" };
const fully = { droplets: "2,3,5", intervals: "3,10" };

/** @throws InvalidInput */
export function readOptions(argv: string[]): Options {
  const { quick, "at-once": atOnce, ...given } = words(argv);
  const { rounds, droplets, intervals, rate, ...others } = { ...(quick ? quickly : fully), ...given };
  return parse("options", options, {
    ...others,
    ...{ quick, atOnce, ...(rounds === undefined ? {} : { rounds: Number(rounds) }) },
    rate: Number(rate),
    droplets: numbers(droplets),
    intervals: numbers(intervals),
  });
}

const numbers = (list: string): number[] => [...new Set(list.split(",").map(Number))];

const words = (argv: string[]) =>
  written(argv, {
    ...{ rounds: { type: "string" }, droplets: { type: "string" }, intervals: { type: "string" } },
    site: { type: "string", default: siteNames[0] },
    out: { type: "string", default: "docs/figures" },
    ...{ quick: { type: "boolean", default: false }, resume: { type: "boolean", default: false } },
    rate: { type: "string", default: String(benchLoad.ratePerSecond) },
    "at-once": { type: "boolean", default: false },
  });
