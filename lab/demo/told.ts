/** What the demo says of its loads. Pure. */
import { grouped, many } from "../../scripts/rollout/output/text.js";
import type { UnsentReason } from "../load/accounting.js";
import type { Baseline } from "../load/baseline.js";
import type { LoadReport } from "../load/load.js";
import type { RateMeasured } from "../load/rate.js";

const line = (title: string, text: string): string => `${title.padEnd(9)}${text}`;

/** The rate, and why it is not a higher one. */
export function baselineLines({ ratePerSecond, measured }: Baseline): string[] {
  if (ratePerSecond === null) return measured.map(tooHighLine);
  const keptUp = measured.at(-1)?.ratePerSecond ?? ratePerSecond;
  const why =
    keptUp > ratePerSecond
      ? `this machine has other work; it keeps up with ${keptUp}, and the rollout needs a part of that`
      : "this machine sends and answers as many now";
  return [...measured.slice(0, -1).map(tooHighLine), line("rate", `${ratePerSecond} requests a second: ${why}`)];
}

function tooHighLine({ ratePerSecond, sent, failed, notMeasured, p99Ms }: RateMeasured): string {
  const slowest = p99Ms === null ? "none was answered" : `99 of 100 answered within ${Math.round(p99Ms)} ms`;
  const unanswered = `${grouped(failed)} failed, ${grouped(notMeasured)} not sent`;
  return line(
    "",
    `${ratePerSecond} a second are too many now: of ${many(sent + notMeasured, "request")} ${unanswered}, ${slowest}`,
  );
}

const reasons: Readonly<Record<UnsentReason, string>> = {
  late: "the generator itself was kept waiting",
  crowded: "too many were under way",
  unconnected: "no connection came about",
};

export function loadLines(report: LoadReport): string[] {
  const { sent, failed, worstMs, notMeasured, byRelease } = report;
  const slowest = `slowest ordinary one ${grouped(worstMs)} ms`;
  const answers = Object.entries(byRelease).map(([release, count]) => `${grouped(count)} of release ${release}`);
  return [
    line("load", `${many(sent, "request")} sent, ${grouped(failed)} lost; ${slowest}`),
    ...(notMeasured > 0 ? [notMeasuredLine(report)] : []),
    ...(answers.length > 0 ? [line("answers", answers.join(", "))] : []),
  ];
}

function notMeasuredLine({ notMeasured, notMeasuredBy }: LoadReport): string {
  const why = (Object.entries(notMeasuredBy) as [UnsentReason, number][]).map(
    ([reason, count]) => `${grouped(count)} as ${reasons[reason]}`,
  );
  return line("", `${grouped(notMeasured)} more not measured: this machine did not send them, ${why.join(", ")}`);
}

export function uptimeLine({ sent, failed, notMeasured }: LoadReport): string {
  const more = notMeasured > 0 ? `, ${notMeasured} more not sent` : "";
  return line("uptime", `${sent} checks of the health path through the balancer, ${failed} failed${more}`);
}
