/** The soak's command line. Pure. */
import { z } from "zod";
import { choice, flag, text, whole } from "../../contract/fields.js";
import { strategies } from "../../contract/policy.js";
import { parse } from "../../contract/problems.js";
import { written } from "../command-line.js";
import { siteNames } from "../site-names.js";
import { benchLoad } from "../bench/settings.js";
import { shapeNames } from "./shapes.js";

export const usage = `usage: npm run soak -- [--rollouts 100] [--droplets 3] [--interval 3] [--strategy ${strategies.join("|")}] [--site ${siteNames.join("|")}] [--shape ${shapeNames.join("|")}] [--rate 300] [--parallel 1] [--control] [--out docs/figures]`;

const options = z.strictObject({
  /** 1 to 10000. @default 100 */
  rollouts: whole("rollouts", 1, 10_000),
  /** 2 to 20: a fleet of one is down for a moment in every rollout. @default 3 */
  droplets: whole("droplets", 2, 20),
  /** Seconds between two probes. 1 to 60. @default 3 */
  interval: whole("seconds", 1, 60),
  /** How hosts get another release. @default "drain" */
  strategy: choice(...strategies),
  /** What app, clients and balancer are like. @default "usual" */
  shape: choice(...shapeNames),
  /** Requests a second. 1 to 1000. @default 300 */
  rate: whole("requests", 1, 1000),
  /** Hosts after the first one that are handed over at once. 1 to 20. @default 1 */
  parallel: whole("droplets", 1, 20),
  /** Sends the same load for as long without any rollout, after the rollouts. @default false */
  control: flag(),
  site: choice(...siteNames),
  /** Folder for the figures. @default "docs/figures" */
  out: text("a folder", /^[^\0]+$/),
});
export type Options = z.output<typeof options>;

/** @throws InvalidInput */
export function readOptions(argv: string[]): Options {
  const { rollouts, droplets, interval, rate, parallel, ...others } = words(argv);
  return parse("options", options, {
    ...others,
    ...{ rollouts: Number(rollouts), droplets: Number(droplets), interval: Number(interval) },
    ...{ rate: Number(rate), parallel: Number(parallel) },
  });
}

const words = (argv: string[]) =>
  written(argv, {
    rollouts: { type: "string", default: "100" },
    droplets: { type: "string", default: "3" },
    interval: { type: "string", default: "3" },
    strategy: { type: "string", default: strategies[0] },
    shape: { type: "string", default: shapeNames[0] },
    rate: { type: "string", default: String(benchLoad.ratePerSecond) },
    parallel: { type: "string", default: "1" },
    control: { type: "boolean", default: false },
    site: { type: "string", default: siteNames[0] },
    out: { type: "string", default: "docs/figures" },
  });
