/**
 * `npm run test:schedules`: thousands of random schedules in the simulation, over all processors; outside Jest they take half the time.
 * Exit codes: 0 all hold · 1 one does not, or too little was covered · 2 bad options.
 */
import { randomInt } from "node:crypto";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { InvalidInput } from "../../contract/problems.js";
import { grouped, many } from "../../scripts/rollout/output/text.js";
import { added, cells, thin, WHOLE, type Coverage } from "./coverage.js";
import { readOptions, usage, type Options } from "./options.js";
import { report, type Order, type Report } from "./share.js";

const WORKER = fileURLToPath(new URL("worker.ts", import.meta.url));

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main({ schedules, seed, workers, path }: Options): Promise<number> {
  say(`${path === undefined ? many(schedules, "schedule") : `schedule ${path}`}, seed ${seed}`);
  const began = Date.now();
  const shares = Array.from({ length: workers }, (_, index): Order => {
    const each = Math.floor(schedules / workers) + (index < schedules % workers ? 1 : 0);
    return { seed: seed + index, schedules: each, ...(path === undefined ? {} : { path }) };
  });
  const reports = await Promise.all(shares.filter((share) => share.schedules > 0).map(perform));
  const coverage = reports.reduce<Coverage>((sum, one) => added(sum, one.coverage), {});
  const sum = (value: (one: Report) => number): number => reports.reduce((total, one) => total + value(one), 0);
  const failures = reports.flatMap(({ failure }) => failure ?? []);
  failures.forEach(tell);
  say(
    `${many(
      sum((one) => one.schedules),
      "schedule",
    )} in ${Math.round((Date.now() - began) / 1000)} s with ${many(
      sum((one) => one.sent),
      "request",
    )}`,
  );
  if (failures.length > 0) return 1;
  say("all hold");
  if (path !== undefined) return 0;
  const least = cells(coverage).reduce((one, other) => (other.count < one.count ? other : one));
  say(`of ${cells(coverage).length} faults and phases the rarest began ${many(least.count, "time")} (${least.cell})`);
  if (schedules < WHOLE) {
    say(`how much is covered is judged from ${grouped(WHOLE)} schedules on`);
    return 0;
  }
  const gaps = thin(coverage);
  gaps.forEach(say);
  return gaps.length > 0 ? 1 : 0;
}

async function perform(share: Order): Promise<Report> {
  const argv = [...process.execArgv, WORKER, JSON.stringify(share)];
  const { stdout } = await execa(process.execPath, argv, { stderr: "inherit" });
  return report.parse(JSON.parse(stdout));
}

function tell({ seed, path, broken, drawn }: NonNullable<Report["failure"]>): void {
  say(`a schedule does not hold:\n${broken.map((line) => `  ${line}`).join("\n")}\n  ${drawn}`);
  say(`again: npm run test:schedules -- --seed ${seed} --path ${path}`);
}

try {
  process.exitCode = await main(
    readOptions(process.argv.slice(2), { seed: randomInt(2 ** 31 - 1 - 64), workers: availableParallelism() }),
  );
} catch (error) {
  if (!(error instanceof InvalidInput)) throw error;
  process.stderr.write(`${error.message}\n${usage}\n`);
  process.exitCode = 2;
}
