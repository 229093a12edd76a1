/** The command line of the growth measurement. Pure. */
import { z } from "zod";
import { text, whole } from "../../contract/fields.js";
import { parse } from "../../contract/problems.js";
import { written } from "../command-line.js";

export const usage = "usage: npm run scale -- [--hosts 3,30,300] [--repeats 3] [--out docs/figures]";

const options = z.object({
  /** Sizes of fleets, 1 to 300 hosts: what a manifest takes. */
  hosts: z.array(whole("hosts", 1, 300)),
  /** Rollouts for each size. */
  repeats: whole("rollouts", 1, 20),
  /** Folder for the figures. @default "docs/figures" */
  out: text("a folder", /^[^\0]+$/),
});
export type Options = z.output<typeof options>;

/** @throws InvalidInput */
export function readOptions(argv: string[]): Options {
  const { hosts, repeats, out } = words(argv);
  return parse("options", options, {
    hosts: hosts.split(",").map(Number),
    repeats: Number(repeats),
    out,
  });
}

const words = (argv: string[]) =>
  written(argv, {
    hosts: { type: "string", default: "3,30,300" },
    repeats: { type: "string", default: "3" },
    out: { type: "string", default: "docs/figures" },
  });
