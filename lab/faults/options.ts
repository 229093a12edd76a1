/** The fault suite's command line. Pure. */
import { z } from "zod";
import { text } from "../../contract/fields.js";
import { parse } from "../../contract/problems.js";
import { written } from "../command-line.js";

export const usage = `usage: npm run faults -- [--only "<words of a fault's name>"] [--out docs/figures]`;

const options = z.strictObject({
  /** Faults whose name holds these words. @default "" - all */
  only: z.string("words of a fault's name"),
  /** Folder for the figures. @default "docs/figures" */
  out: text("a folder", /^[^\0]+$/),
});
export type Options = z.output<typeof options>;

/** @throws InvalidInput */
export const readOptions = (argv: string[]): Options =>
  parse(
    "options",
    options,
    written(argv, { only: { type: "string", default: "" }, out: { type: "string", default: "docs/figures" } }),
  );
