/**
 * Growth of the controller: the bundled rollout over fleets of 3, 30 and 300 simulated droplets, and the time, processor time
 * and memory that it takes. Linux only: what processes use is read from /proc.
 */
import { writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { InvalidInput } from "../../contract/problems.js";
import { scaleTable, totalCpu, type ScaleFigures, type ScaleRun } from "./figures.js";
import { growthText } from "./growth.js";
import { readOptions, usage, type Options } from "./options.js";
import { measuredRun } from "./run.js";
import { standardSettings } from "./settings.js";

const PROJECT = fileURLToPath(new URL("../..", import.meta.url));
const BUNDLE = path.join(PROJECT, "dist/rollout.mjs");
const INTERRUPTED = 130;
const GIGABYTE = 2 ** 30;

async function main({ hosts, repeats, out }: Options, signal: AbortSignal): Promise<number> {
  await execa(process.execPath, ["--import", "tsx", "scripts/bundle.ts"], { cwd: PROJECT });
  const place = await describePlace();
  const sizes = hosts.flatMap((size) => Array.from({ length: repeats }, () => size));
  const runs: ScaleRun[] = [];
  for (const size of sizes) {
    const run = await measuredRun({ hosts: size, settings: standardSettings, bundle: BUNDLE, signal });
    if (signal.aborted) return INTERRUPTED;
    tell(run);
    runs.push(run);
  }
  const figures: ScaleFigures = { ...place, settings: standardSettings, runs };
  if (out !== null) writeFileSync(out, `${JSON.stringify(figures, null, 2)}\n`);
  process.stdout.write(`\n${scaleTable(figures)}\n${growthText(figures)}`);
  return runs.every((run) => run.error === null) ? 0 : 1;
}

async function describePlace(): Promise<Omit<ScaleFigures, "settings" | "runs">> {
  const { stdout: commit } = await execa("git", ["describe", "--always", "--dirty", "--abbrev=40"], { cwd: PROJECT });
  const [processor] = os.cpus();
  return {
    machine: {
      cpu: processor?.model ?? "unknown",
      cores: os.availableParallelism(),
      memoryGb: Math.round(os.totalmem() / GIGABYTE),
      node: process.version,
      kernel: os.release(),
    },
    date: new Date().toISOString(),
    commit,
  };
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
    process.exitCode = await main(readOptions(process.argv.slice(2)), stopOnSignals());
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    process.stderr.write(`${error.message}\n${usage}\n`);
    process.exitCode = 2;
  }
}
