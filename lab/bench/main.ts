/**
 * `npm run bench`: the article's own workflow and Evenkeel's rollout, by drain and by handoff, on the same fleets under the same load, round by
 * round; beside them the start of an unrelated container. After every round the figures are written to bench.json, bench.md and bench.svg. Exit codes: 0 measured, and every claim holds (with --quick: no
 * request failed; what it says of time is only told) · 1 one does not, or a bug · 2 bad options · 130 interrupted.
 */
import { InvalidInput, parseJson } from "../../contract/problems.js";
import { stopSignal } from "../../scripts/rollout/adapters/signals.js";
import { benchFigures, type BenchFigures, type Stamp } from "./figures.js";
import { checkFolder, insistSame, readText, writeTexts } from "../figures/folder.js";
import { thisCommit, thisMachine } from "../figures/machine.js";
import { measure } from "./matrix.js";
import { readOptions, usage, type Options } from "./options.js";
import { benchPage } from "./page.js";
import { benchSvg } from "./plot.js";
import { OffTarget } from "./rollout.js";
import { benchSettings } from "./settings.js";
import { checkSite } from "../sites.js";
import { unproven, unprovenAnywhere } from "./verdict.js";

const FIGURES = "bench.json";

const say = (line: string): void => void process.stderr.write(`${line}\n`);

async function main(options: Options, begun: BenchFigures): Promise<number> {
  const stop = stopSignal();
  try {
    const figures = await measure(begun, options, {
      signal: stop.signal,
      say,
      onFigures: (sofar) => write(options.out, sofar),
      stamp,
    });
    process.stdout.write(benchPage(figures));
    const problems = unproven(figures);
    for (const problem of problems) say(problem);
    // One round on any machine says nothing of time.
    return (options.quick ? unprovenAnywhere(figures) : problems).length > 0 ? 1 : 0;
  } catch (error) {
    if (error instanceof OffTarget) {
      say(error.message);
      return 1;
    }
    if (!stop.signal.aborted) throw error;
    say(`interrupted; --resume goes on with what is in ${options.out}`);
    return 130;
  } finally {
    stop.dispose();
  }
}

const stamp = async (): Promise<Stamp> => ({
  date: new Date().toISOString(),
  commit: await thisCommit(),
});

const write = (out: string, figures: BenchFigures): void =>
  writeTexts(out, {
    [FIGURES]: `${JSON.stringify(figures, null, 2)}\n`,
    "bench.md": benchPage(figures),
    "bench.svg": benchSvg(figures),
  });

/** Empty ones, or those to go on with. @throws InvalidInput when they were measured otherwise */
function begin({ out, resume, ...options }: Options): BenchFigures {
  checkFolder(out);
  const fresh = { machine: thisMachine(), settings: benchSettings(options), cells: [], aborted: [] };
  const text = resume ? readText(out, FIGURES) : null;
  if (text === null) return fresh;
  const figures = parseJson(FIGURES, benchFigures, text);
  insistSame(FIGURES, figures, { settings: fresh.settings, machine: fresh.machine });
  return figures;
}

try {
  const options = readOptions(process.argv.slice(2));
  checkSite(options.site);
  process.exitCode = await main(options, begin(options));
} catch (error) {
  if (!(error instanceof InvalidInput)) throw error;
  process.stderr.write(`${error.message}\n${usage}\n`);
  process.exitCode = 2;
}
