/**
 * `npm run soak`: consecutive rollouts back and forth between two releases under load. No other follows one that failed, lost a
 * request, or whose load was not sent whole; a folder with everything about it is named then. The figures go to soak.json. Exit codes: 0 all was sent and nothing failed · 1 it
 * was not, or a bug · 2 bad options · 130 interrupted, nothing written.
 */
import { InvalidInput } from "../../contract/problems.js";
import { stopSignal } from "../../scripts/rollout/adapters/signals.js";
import { withFleet } from "../bench/fleet.js";
import { checkFolder, writeTexts } from "../figures/folder.js";
import { thisCommit, thisMachine } from "../figures/machine.js";
import type { Measured } from "../bench/measure.js";
import type { LoadReport } from "../load/load.js";
import { OffTarget } from "../bench/rollout.js";
import { benchLoad, SECOND_TOOL_PER_SECOND } from "../bench/settings.js";
import { checkSite } from "../sites.js";
import { keepEvidence } from "./evidence.js";
import { whyFailed, type SoakFigures } from "./figures.js";
import { readOptions, usage, type Options } from "./options.js";
import { control, soak, type Rollouts } from "./run.js";
import { shapeOf } from "./shapes.js";

const say = (line: string): void => void process.stderr.write(`${line}\n`);

async function main(options: Options): Promise<number> {
  const stop = stopSignal();
  const { signal } = stop;
  const { site, droplets, interval, rollouts, strategy, parallel, rate } = options;
  const shape = shapeOf(options.shape);
  let exitCode = 0;
  try {
    const wanted = { site, droplets, intervalSeconds: interval, strategy, maxParallel: parallel };
    await withFleet({ ...wanted, balancer: shape.balancer ?? {} }, signal, async (fleet) => {
      const load = { shape, ratePerSecond: rate, signal };
      const measured = await soak(fleet, {
        ...{ ...load, rollouts },
        onRollout: (number, { seconds, sent, failed }) =>
          say(`rollout ${number} of ${rollouts}: ${seconds} s, ${failed} of ${sent} requests failed`),
      });
      const { fromMs, toMs } = measured.span;
      const without = options.control ? await control(fleet, load, (toMs - fromMs) / 1000) : null;
      const figures = await figuresOf(options, measured, without);
      writeTexts(options.out, { "soak.json": `${JSON.stringify(figures, null, 2)}\n` });
      const why = whyFailed(figures);
      say(summary(figures));
      if (why === null) return;
      exitCode = 1;
      const { last } = measured.result;
      if (last !== null && last.exitCode !== 0) say(last.stderr);
      say(`${why}; everything about it is in ${await keepEvidence(fleet.world, measured)}`);
    });
    return exitCode;
  } catch (error) {
    if (error instanceof OffTarget) {
      say(error.message);
      return 1;
    }
    if (!signal.aborted) throw error;
    say("interrupted; nothing is written");
    return 130;
  } finally {
    stop.dispose();
  }
}

async function figuresOf(
  { site, droplets, interval, rollouts, strategy, shape, rate, parallel }: Options,
  { result, load, secondTool }: Measured<Rollouts>,
  without: Measured<unknown> | null,
): Promise<SoakFigures> {
  const { sent, failed, notMeasured, stalledMs, longestStallMs } = load;
  return {
    machine: thisMachine(),
    date: new Date().toISOString(),
    commit: await thisCommit(),
    settings: {
      site,
      droplets,
      interval,
      rollouts,
      strategy,
      shape,
      maxParallel: parallel,
      ...benchLoad,
      ...shapeOf(shape).load,
      ratePerSecond: rate,
      secondToolPerSecond: SECOND_TOOL_PER_SECOND,
    },
    rollouts: result.rollouts,
    ...{ sent, failed, notMeasured, secondTool },
    control: without && countsOf(without.load),
    generator: { stalledMs, longestStallMs },
  };
}

const countsOf = ({ sent, failed, notMeasured }: LoadReport) => ({ sent, failed, notMeasured });

const summary = ({ rollouts, sent, failed, control: without, generator }: SoakFigures): string =>
  `${rollouts.length} rollouts, ${failed} of ${sent} requests failed${without ? `, ${without.failed} of ${without.sent} without any rollout` : ""}; the load was late by ${generator.stalledMs} ms in all, by ${generator.longestStallMs} ms at most`;

try {
  const options = readOptions(process.argv.slice(2));
  checkSite(options.site);
  checkFolder(options.out);
  process.exitCode = await main(options);
} catch (error) {
  if (!(error instanceof InvalidInput)) throw error;
  process.stderr.write(`${error.message}\n${usage}\n`);
  process.exitCode = 2;
}
