/**
 * `npm run scale`: the bundled rollout over fleets of 3, 30 and 300 simulated droplets, and the time, processor time and memory that it
 * takes. After every rollout the figures go to scale.json and scale.md. Linux only: what processes use is read from /proc. Exit codes:
 * 0 measured · 1 a rollout failed, or a bug · 2 bad options · 130 interrupted.
 */
import path from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { InvalidInput } from "../../contract/problems.js";
import { checkFolder, writeTexts } from "../figures/folder.js";
import { thisCommit, thisMachine } from "../figures/machine.js";
import { totalCpu, type ScaleFigures, type ScaleRun } from "./figures.js";
import { readOptions, usage, type Options } from "./options.js";
import { scalePage } from "./page.js";
import { measuredRun } from "./run.js";
import { standardSettings } from "./settings.js";

const PROJECT = fileURLToPath(new URL("../..", import.meta.url));
const BUNDLE = path.join(PROJECT, "dist/rollout.mjs");
const INTERRUPTED = 130;

async function main({ hosts, repeats, out }: Options, signal: AbortSignal): Promise<number> {
  await execa(process.execPath, ["--import", "tsx", "scripts/bundle.ts"], { cwd: PROJECT });
  const sizes = hosts.flatMap((size) => Array.from({ length: repeats }, () => size));
  const place = { machine: thisMachine(), date: new Date().toISOString(), commit: await thisCommit() };
  let figures: ScaleFigures = { ...place, settings: standardSettings, runs: [] };
  for (const size of sizes) {
    const run = await measuredRun({ hosts: size, settings: standardSettings, bundle: BUNDLE, signal });
    if (signal.aborted) return INTERRUPTED;
    tell(run);
    figures = { ...figures, runs: [...figures.runs, run] };
    writeTexts(out, { "scale.json": `${JSON.stringify(figures, null, 2)}\n`, "scale.md": scalePage(figures) });
  }
  process.stdout.write(scalePage(figures));
  return figures.runs.every((run) => run.error === null) ? 0 : 1;
}

function tell(run: ScaleRun): void {
  const end = run.error ?? `${run.seconds.toFixed(0)} s, ${totalCpu(run).toFixed(1)} s of CPU`;
  process.stderr.write(`${run.hosts} hosts: ${end}\n`);
}

/** The rollout under way is told to stop and takes back what it began; then everything is cleaned up. */
function stopOnSignals(): AbortSignal {
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(name, () => stop.abort());
  return stop.signal;
}

if (process.platform !== "linux") {
  process.stderr.write(
    "the growth of the controller is measured on Linux only: what processes use is read from /proc\n",
  );
  process.exitCode = 2;
} else {
  try {
    const options = readOptions(process.argv.slice(2));
    checkFolder(options.out);
    process.exitCode = await main(options, stopOnSignals());
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    process.stderr.write(`${error.message}\n${usage}\n`);
    process.exitCode = 2;
  }
}
