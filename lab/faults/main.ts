/**
 * `npm run faults`: every fault at every phase that it belongs to, on the embedded lab under load. After each one the figures are written to
 * faults.json and faults.md. Exit codes: 0 all hold · 1 one does not, or a bug · 2 bad options · 130 interrupted.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { InvalidInput } from "../../contract/problems.js";
import { stopSignal } from "../../scripts/rollout/adapters/signals.js";
import { checkFolder, writeTexts } from "../figures/folder.js";
import { thisCommit, thisMachine } from "../figures/machine.js";
import { faults, type Fault } from "./catalogue.js";
import type { FaultFigures, FaultRow } from "./figures.js";
import { readOptions, usage, type Options } from "./options.js";
import { faultPage } from "./page.js";
import type { Phase } from "./phase.js";
import { befall, faultSettings } from "./run.js";

const say = (line: string): void => void process.stderr.write(`${line}\n`);

async function main({ out }: Options, chosen: readonly Fault[]): Promise<number> {
  const stop = stopSignal();
  try {
    const place = { machine: thisMachine(), date: new Date().toISOString(), commit: await thisCommit() };
    let figures: FaultFigures = { ...place, settings: faultSettings, rows: [] };
    for (const [fault, phase] of chosen.flatMap((one) => one.phases.map((at): [Fault, Phase] => [one, at]))) {
      const row = await inFolder((folder) => befall(fault, phase, folder, stop.signal));
      stop.signal.throwIfAborted();
      tell(row);
      figures = { ...figures, rows: [...figures.rows, row] };
      writeTexts(out, { "faults.json": `${JSON.stringify(figures, null, 2)}\n`, "faults.md": faultPage(figures) });
    }
    return figures.rows.every(({ problems }) => problems.length === 0) ? 0 : 1;
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    say("interrupted");
    return 130;
  } finally {
    stop.dispose();
  }
}

async function inFolder<Result>(work: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = mkdtempSync(path.join(tmpdir(), "evenkeel-faults-"));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function tell({ fault, phase, failed, sent, exitCode, problems }: FaultRow): void {
  say(`${fault}, ${phase}: exit ${exitCode ?? "by a signal"}, ${failed} of ${sent} requests failed`);
  for (const problem of problems) say(`  ${problem}`);
}

/** @throws InvalidInput when none has such a name */
function choose({ only }: Options): Fault[] {
  const chosen = faults.filter(({ name }) => name.includes(only));
  if (chosen.length > 0) return chosen;
  throw new InvalidInput("options", [
    `only: got "${only}"; needs words of one of: ${faults.map(({ name }) => name).join("; ")}`,
  ]);
}

try {
  const options = readOptions(process.argv.slice(2));
  checkFolder(options.out);
  process.exitCode = await main(options, choose(options));
} catch (error) {
  if (!(error instanceof InvalidInput)) throw error;
  process.stderr.write(`${error.message}\n${usage}\n`);
  process.exitCode = 2;
}
