/**
 * `npm run faults`: every fault at every phase that it belongs to, on the embedded lab or the real one, under load. After each one the figures are written to
 * faults.json and faults.md. Exit codes: 0 all hold · 1 one does not, or a bug · 2 bad options · 130 interrupted.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import pLimit from "p-limit";
import { isDeepStrictEqual } from "node:util";
import { InvalidInput, parseJson } from "../../contract/problems.js";
import { stopSignal } from "../../scripts/rollout/adapters/signals.js";
import { settled } from "../../scripts/rollout/settled.js";
import { checkFolder, readText, writeTexts } from "../figures/folder.js";
import { thisCommit, thisMachine } from "../figures/machine.js";
import { checkSite } from "../sites.js";
import { faults } from "./catalogue.js";
import type { Fault } from "./fault.js";
import { faultFigures, type FaultRow } from "./figures.js";
import { Ledger } from "./ledger.js";
import { readOptions, usage, type Options } from "./options.js";
import { faultPage } from "./page.js";
import { befall, faultSettings, faultStacks } from "./run.js";

const FIGURES = "faults.json";

const say = (line: string): void => void process.stderr.write(`${line}\n`);

async function main({ out, workers }: Options, ledger: Ledger): Promise<number> {
  const folder = mkdtempSync(path.join(tmpdir(), "evenkeel-faults-"));
  const stacks = faultStacks(folder);
  const stop = stopSignal();
  try {
    const place = { machine: thisMachine(), date: new Date().toISOString(), settings: faultSettings };
    const commit = await thisCommit();
    const done = (row: FaultRow): void => {
      stop.signal.throwIfAborted();
      tell(row);
      ledger.note(row);
      const figures = { ...place, due: ledger.due, rows: ledger.rows };
      writeTexts(out, { [FIGURES]: `${JSON.stringify(figures, null, 2)}\n`, "faults.md": faultPage(figures) });
    };
    const limit = pLimit(workers);
    await settled(
      ledger.todo.map(({ site, fault, phase }) =>
        limit(async () => {
          stop.signal.throwIfAborted();
          try {
            done({ ...(await befall(fault, phase, { site, stacks, signal: stop.signal })), commit });
          } catch (error) {
            if (!stop.signal.aborted) say(`${fault.name}, ${phase}: ${String(error)}`);
            throw error;
          }
        }),
      ),
    );
    return ledger.rows.every(({ problems }) => problems.length === 0) ? 0 : 1;
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    say(`interrupted; --resume goes on with what is in ${out}`);
    return 130;
  } finally {
    stop.dispose();
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

/** Lines to go on with. @throws InvalidInput when they were seen elsewhere or otherwise */
function keptRows({ out, resume }: Options): readonly FaultRow[] {
  const text = resume ? readText(out, FIGURES) : null;
  if (text === null) return [];
  const { machine, settings, rows } = parseJson(FIGURES, faultFigures, text);
  const pairs = Object.entries({ machine: [machine, thisMachine()], settings: [settings, faultSettings] });
  for (const [field, [theirs, ours]] of pairs) {
    if (isDeepStrictEqual(theirs, ours)) continue;
    const [got, need] = [JSON.stringify(theirs), JSON.stringify(ours)];
    throw new InvalidInput(FIGURES, [`${field}: got ${got}; needs ${need}, or a run without --resume`]);
  }
  return rows;
}

try {
  const options = readOptions(process.argv.slice(2));
  checkFolder(options.out);
  checkSite(options.site);
  process.exitCode = await main(
    options,
    new Ledger({ chosen: choose(options), site: options.site, kept: keptRows(options) }),
  );
} catch (error) {
  if (!(error instanceof InvalidInput)) throw error;
  process.stderr.write(`${error.message}\n${usage}\n`);
  process.exitCode = 2;
}
