/**
 * `npm run faults`: every fault at every phase that it belongs to, on the embedded lab or the real one, under load. After each one the figures
 * are written to faults.json and faults.md. Exit codes: 0 all hold · 1 one does not, or a bug · 2 bad options · 130 interrupted.
 */
import { fileURLToPath } from "node:url";
import { execaNode } from "execa";
import { InvalidInput, parseJson } from "../../contract/problems.js";
import { stopSignal } from "../../scripts/rollout/adapters/signals.js";
import { settled } from "../../scripts/rollout/settled.js";
import { checkFolder, insistSame, readText, writeTexts } from "../figures/folder.js";
import { thisCommit, thisMachine } from "../figures/machine.js";
import { checkSite } from "../sites.js";
import { faults } from "./catalogue.js";
import type { Fault } from "./fault.js";
import { faultFigures, type FaultRow } from "./figures.js";
import { Ledger, type Order } from "./ledger.js";
import { readOptions, usage, type Options } from "./options.js";
import { faultPage } from "./page.js";
import { faultSettings, type Outcome } from "./run.js";
import type { Answer, Task } from "./worker.js";

const FIGURES = "faults.json";
const WORKER = fileURLToPath(new URL("worker.ts", import.meta.url));

const say = (line: string): void => void process.stderr.write(`${line}\n`);

async function main({ out, workers }: Options, ledger: Ledger): Promise<number> {
  const stop = stopSignal();
  try {
    const place = { machine: thisMachine(), date: new Date().toISOString(), settings: faultSettings };
    const commit = await thisCommit();
    const done = (outcome: Outcome): void => {
      const row = { ...outcome, commit };
      tell(row);
      ledger.note(row);
      const figures = { ...place, due: ledger.due, rows: ledger.rows };
      writeTexts(out, { [FIGURES]: `${JSON.stringify(figures, null, 2)}\n`, "faults.md": faultPage(figures) });
    };
    const orders = ledger.todo.values();
    const count = Math.min(workers, ledger.todo.length);
    const failures = await settled(Array.from({ length: count }, () => work(orders, done, stop.signal)));
    const missing = failures.reduce((sum, one) => sum + one, 0);
    return missing === 0 && ledger.rows.every(({ problems }) => problems.length === 0) ? 0 : 1;
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    say(`interrupted; --resume goes on with what is in ${out}`);
    return 130;
  } finally {
    stop.dispose();
  }
}

/** Has one process take orders until none is left. Gives back how many could not be tried at all. */
async function work(orders: Iterable<Order>, done: (outcome: Outcome) => void, signal: AbortSignal): Promise<number> {
  const worker = execaNode(WORKER, {
    ...{ nodeOptions: process.execArgv, stdin: "ignore", stdout: "inherit", stderr: "inherit" },
    // What it has begun it ends by itself.
    ...{ ipc: true, reject: false, forceKillAfterDelay: false },
  });
  const stop = (): void => void worker.kill("SIGTERM");
  signal.addEventListener("abort", stop);
  let failures = 0;
  try {
    for (const { site, strategy, fault, phase } of orders) {
      signal.throwIfAborted();
      const task: Task = { site, strategy, fault: fault.name, phase };
      await worker.sendMessage({ ...task });
      const answer = (await worker.getOneMessage()) as unknown as Answer;
      if ("outcome" in answer) done(answer.outcome);
      else {
        failures += 1;
        say(`${fault.name}, ${phase}: ${answer.error}`);
      }
    }
    return failures;
  } finally {
    signal.removeEventListener("abort", stop);
    worker.kill("SIGTERM");
    await worker;
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
  const figures = parseJson(FIGURES, faultFigures, text);
  insistSame(FIGURES, figures, { machine: thisMachine(), settings: faultSettings });
  return figures.rows;
}

try {
  const options = readOptions(process.argv.slice(2));
  checkFolder(options.out);
  checkSite(options.site);
  process.exitCode = await main(
    options,
    new Ledger({ chosen: choose(options), site: options.site, strategy: options.strategy, kept: keptRows(options) }),
  );
} catch (error) {
  if (!(error instanceof InvalidInput)) throw error;
  process.stderr.write(`${error.message}\n${usage}\n`);
  process.exitCode = 2;
}
