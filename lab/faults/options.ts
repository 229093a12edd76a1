/** The fault suite's command line. Pure. */
import { z } from "zod";
import { choice, flag, text, whole } from "../../contract/fields.js";
import { parse } from "../../contract/problems.js";
import { written } from "../command-line.js";
import { siteNames } from "../site-names.js";
import { faultStrategies } from "./fault.js";

export const usage = `usage: npm run faults -- [--site ${siteNames.join("|")}] [--strategy ${faultStrategies.join("|")}] [--only "<words of a fault's name>"] [--workers 1] [--out docs/figures] [--resume]`;

const options = z.strictObject({
  /** @default "embedded" */
  site: choice(...siteNames),
  /** How hosts get the release. @default "handoff" - what a fleet does by default where memory allows */
  strategy: choice(...faultStrategies),
  /** Faults whose name holds these words. @default "" - all */
  only: z.string("words of a fault's name"),
  /** Faults at a time, each with a fleet of its own. 1 to 16. @default 1 */
  workers: whole("faults at a time", 1, 16),
  /** Folder for the figures. @default "docs/figures" */
  out: text("a folder", /^[^\0]+$/),
  /** Keeps the lines that are there and hold, of other sites and strategies too, and tries what is missing. @default false */
  resume: flag(),
});
export type Options = z.output<typeof options>;

/** @throws InvalidInput */
export function readOptions(argv: string[]): Options {
  const { workers, ...words } = written(argv, {
    site: { type: "string", default: "embedded" },
    strategy: { type: "string", default: "handoff" },
    only: { type: "string", default: "" },
    workers: { type: "string", default: "1" },
    out: { type: "string", default: "docs/figures" },
    resume: { type: "boolean", default: false },
  });
  return parse("options", options, { ...words, workers: Number(workers) });
}
