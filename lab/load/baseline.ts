/** A load before anything is done under it: it finds the rate that this machine can send and answer now. */
import { startLoad, type LoadSettings } from "./load.js";
import { chooseRate, type RateMeasured } from "./rate.js";

/** Long enough to see a machine fall behind, at each rate. */
const MEASURED_SECONDS = 3;
/** The first requests make the servers compile their code: they say nothing about a rate. */
const WARM_UP = { ratePerSecond: 50, seconds: 1 };
/** A backlog of so many seconds is answered long before a request is given up. */
const BACKLOG_SECONDS = 4;

/** What is sent at a rate. The limit on requests under way makes of an overload a gap, where it would else grow into timeouts. */
export const atRate = <Settings extends object>(settings: Settings, ratePerSecond: number) => ({
  ...settings,
  ratePerSecond,
  mostUnderWay: Math.ceil(BACKLOG_SECONDS * ratePerSecond),
});

/** What clients send, whatever the rate. */
export type Sent = Omit<LoadSettings, "ratePerSecond" | "mostUnderWay">;

export interface Baseline {
  /** Null when the machine is too busy even for the lowest. */
  readonly ratePerSecond: number | null;
  /** Each rate that was tried, in order. */
  readonly measured: readonly RateMeasured[];
}

/** Measures rates through the balancer until one is found. */
export async function baseline(settings: Sent): Promise<Baseline> {
  await measure(settings, WARM_UP.ratePerSecond, WARM_UP.seconds);
  const measured: RateMeasured[] = [];
  for (;;) {
    const choice = chooseRate(measured);
    if (choice.do === "too-busy") return { ratePerSecond: null, measured };
    if (choice.do === "take") return { ratePerSecond: choice.ratePerSecond, measured };
    measured.push(await measure(settings, choice.ratePerSecond, MEASURED_SECONDS));
  }
}

async function measure(settings: Sent, ratePerSecond: number, seconds: number): Promise<RateMeasured> {
  const load = await startLoad(atRate(settings, ratePerSecond));
  const due = Math.ceil(ratePerSecond * seconds);
  await load.until(({ sent, notMeasured }) => sent + notMeasured >= due);
  const { sent, ok, failed, notMeasured, durationMs, p99Ms } = await load.stop();
  return { ratePerSecond, sent, ok, failed, notMeasured, durationMs, p99Ms };
}
