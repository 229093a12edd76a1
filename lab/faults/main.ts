/**
 * `npm run faults`: every fault at every phase that it belongs to, on the embedded lab under load. After each one the figures are written to
 * faults.json and faults.md. Exit codes: 0 all hold · 1 one does not, or a bug · 2 bad options · 130 interrupted.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import pLimit from "p-limit";
import { InvalidInput } from "../../contract/problems.js";
import { stopSignal } from "../../scripts/rollout/adapters/signals.js";
import { settled } from "../../scripts/rollout/settled.js";
import { checkFolder, writeTexts } from "../figures/folder.js";
import { thisCommit, thisMachine } from "../figures/machine.js";
import { faults } from "./catalogue.js";
import type { Fault } from "./fault.js";
import type { FaultRow } from "./figures.js";
import { readOptions, usage, type Options } from "./options.js";
import { faultPage } from "./page.js";
import type { Phase } from "./phase.js";
import { befall, faultSettings } from "./run.js";

const say = (line: string): void => void process.stderr.write(`${line}\n`);

interface Order {
  readonly fault: Fault;
  readonly phase: Phase;
  /** Which of the fault's phases it is, from 0. */
  readonly turn: number;
}

async function main({ out, workers }: Options, chosen: readonly Fault[]): Promise<number> {
  const stop = stopSignal();
  try {
    const place = { machine: thisMachine(), date: new Date().toISOString(), commit: await thisCommit() };
    const orders = chosen.flatMap((one) => one.phases.map((at, turn): Order => ({ fault: one, phase: at, turn })));
    const rows = new Map<Order, FaultRow>();
    const done = (order: Order, row: FaultRow): void => {
      stop.signal.throwIfAborted();
      tell(row);
      rows.set(order, row);
      const inOrder = orders.flatMap((one) => rows.get(one) ?? []);
      const figures = { ...place, settings: faultSettings, due: orders.length, rows: inOrder };
      writeTexts(out, { "faults.json": `${JSON.stringify(figures, null, 2)}\n`, "faults.md": faultPage(figures) });
    };
    const limit = pLimit(workers);
    // Each fault once before any a second time: one that is interrupted has tried most.
    const byTurn = [...orders].sort((one, other) => one.turn - other.turn);
    await settled(
      byTurn.map((order) =>
        limit(async () => {
          stop.signal.throwIfAborted();
          try {
            done(order, await inFolder((folder) => befall(order.fault, order.phase, folder, stop.signal)));
          } catch (error) {
            if (!stop.signal.aborted) say(`${order.fault.name}, ${order.phase}: ${String(error)}`);
            throw error;
          }
        }),
      ),
    );
    return [...rows.values()].every(({ problems }) => problems.length === 0) ? 0 : 1;
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
