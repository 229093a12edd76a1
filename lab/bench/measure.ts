/** Doing something to a fleet under load, and what clients and balancer saw of it. */
import { startAutocannon, type AutocannonReport } from "../load/autocannon.js";
import { startLoad, type Load, type LoadReport, type LoadSettings } from "../load/load.js";
import { margin } from "../load/margin.js";
import type { World } from "../world.js";
import type { Span } from "./capacity.js";
import { InFlightSamples, type Sample } from "./in-flight.js";
import { unlessAborted } from "./interrupt.js";
import { benchLoad, SECOND_TOOL_PER_SECOND } from "./settings.js";

/** Further away than the end of anything that is measured: the load must not end by itself. */
const NO_LIMIT = { mostSeconds: 30 * 86_400, mostRequests: Number.MAX_SAFE_INTEGER };

export interface Measured<Result> {
  readonly result: Result;
  /** From the first command to the end of the last. */
  readonly span: Span;
  readonly load: LoadReport;
  readonly secondTool: AutocannonReport;
  readonly samples: readonly Sample[];
}

/**
 * @param sent what clients send otherwise
 * @throws Error when the load ends before it is stopped
 */
export async function underLoad<Result>(
  world: World,
  signal: AbortSignal,
  work: (load: Load) => Promise<Result>,
  sent: Partial<LoadSettings> = {},
): Promise<Measured<Result>> {
  const url = world.balancer.url();
  const settings = { ...benchLoad, ...sent, ...NO_LIMIT, url };
  const load = await startLoad(settings);
  const secondTool = startAutocannon({ url, ratePerSecond: SECOND_TOOL_PER_SECOND });
  const samples = new InFlightSamples(world.balancer);
  const stop = async () => {
    const [report, second, taken] = await Promise.all([load.stop(), secondTool.stop(), samples.stop()]);
    return { load: report, secondTool: second, samples: taken };
  };
  try {
    await unlessAborted(signal, margin(load, settings.ratePerSecond));
    const fromMs = Date.now();
    const result = await work(load);
    const span = { fromMs, toMs: Date.now() };
    await unlessAborted(signal, margin(load, settings.ratePerSecond));
    return { result, span, ...(await stop()) };
  } catch (error) {
    // What went wrong first is what counts.
    await stop().catch(() => undefined);
    throw error;
  }
}
