/** The command line of the schedules. Pure. */
import { z } from "zod";
import { text, whole } from "../../contract/fields.js";
import { parse } from "../../contract/problems.js";
import { written } from "../../lab/command-line.js";

export const usage =
  "usage: npm run test:schedules -- [--schedules 5000] [--seed number] [--workers number] [--path where]";

const MOST = 2 ** 31 - 1;

const options = z.strictObject({
  /** 1 to 1000000. @default 5000 */
  schedules: whole("schedules", 1, 1_000_000),
  /** What everything random comes from. @default - another one in every run */
  seed: z.int("a whole number").min(0, "a whole number from 0").max(MOST, `a whole number up to ${MOST}`),
  /** Processes that share the schedules. 1 to 64. @default - as many as there are processors */
  workers: whole("workers", 1, 64),
  /** Where below its seed a failing schedule was found: only that one is run. @default - all are run */
  path: text("numbers parted by colons", /^\d+(:\d+)*$/).optional(),
});
export type Options = z.output<typeof options>;

/** @throws InvalidInput */
export function readOptions(argv: string[], defaults: { readonly seed: number; readonly workers: number }): Options {
  const { schedules, seed, workers, path } = written(argv, {
    ...{
      schedules: { type: "string" },
      seed: { type: "string" },
      workers: { type: "string" },
      path: { type: "string" },
    },
  });
  return parse("options", options, {
    schedules: Number(schedules ?? 5000),
    seed: Number(seed ?? defaults.seed),
    // One schedule has one process.
    workers: path === undefined ? Number(workers ?? defaults.workers) : 1,
    path,
  });
}
