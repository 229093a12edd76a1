/**
 * `npm run bench`: the article's own workflow and Evenkeel's rollout on the same fleets under the same load, pair by pair. After
 * every pair the figures are written to bench.json, bench.md and bench.svg. Exit codes: 0 measured · 1 Evenkeel failed a request, or
 * a bug · 2 bad options · 130 interrupted.
 */
import { isDeepStrictEqual } from "node:util";
import { InvalidInput, parseJson } from "../../contract/problems.js";
import { stopSignal } from "../../scripts/rollout/adapters/signals.js";
import { benchFigures, type BenchFigures, type Cell } from "./figures.js";
import { checkFolder, readText, writeTexts } from "../figures/folder.js";
import { thisCommit, thisMachine } from "../figures/machine.js";
import { measure } from "./matrix.js";
import { readOptions, usage, type Options } from "./options.js";
import { benchPage } from "./page.js";
import { benchSvg } from "./plot.js";
import { benchSettings } from "./settings.js";
import { checkSite } from "./sites.js";

const FIGURES = "bench.json";

const say = (line: string): void => void process.stderr.write(`${line}\n`);

async function main(options: Options, begun: BenchFigures): Promise<number> {
  const stop = stopSignal();
  try {
    const figures = await measure(begun, options, {
      signal: stop.signal,
      say,
      onPair: async (sofar) => write(options.out, { ...sofar, ...(await stamp()) }),
    });
    process.stdout.write(benchPage({ ...figures, ...(await stamp()) }));
    return figures.cells.some(lostRequests) ? 1 : 0;
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    say(`interrupted; --resume goes on with what is in ${options.out}`);
    return 130;
  } finally {
    stop.dispose();
  }
}

/** By Evenkeel, in the eyes of either tool. */
const lostRequests = ({ pairs }: Cell): boolean =>
  pairs.some(({ evenkeel }) => evenkeel.failed + evenkeel.secondTool.failed > 0);

const stamp = async (): Promise<Pick<BenchFigures, "machine" | "date" | "commit">> => ({
  machine: thisMachine(),
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
async function begin({ out, site, resume }: Options): Promise<BenchFigures> {
  checkFolder(out);
  const fresh = { ...(await stamp()), settings: benchSettings(site), cells: [] };
  const text = resume ? readText(out, FIGURES) : null;
  if (text === null) return fresh;
  const figures = parseJson(FIGURES, benchFigures, text);
  for (const field of ["settings", "machine"] as const) {
    const [theirs, ours] = [figures[field], fresh[field]];
    if (isDeepStrictEqual(theirs, ours)) continue;
    const [got, need] = [JSON.stringify(theirs), JSON.stringify(ours)];
    throw new InvalidInput(FIGURES, [`${field}: got ${got}; needs ${need}, or a run without --resume`]);
  }
  return figures;
}

try {
  const options = readOptions(process.argv.slice(2));
  checkSite(options.site);
  process.exitCode = await main(options, await begin(options));
} catch (error) {
  if (!(error instanceof InvalidInput)) throw error;
  process.stderr.write(`${error.message}\n${usage}\n`);
  process.exitCode = 2;
}
