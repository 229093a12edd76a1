/** A picture of a rollout: a row a host over time, and below it what a client saw. */
import type { RolloutEvent } from "../../core/events.js";
import { outcomeText } from "../receipt-text.js";
import { grouped, many, oneLine, seconds } from "../text.js";
import { type Layout, layoutOf, WIDTH } from "./layout.js";
import { legend, legendEntries, legendLines } from "./legend.js";
import { latencyPanel, loadPanel } from "./load.js";
import { type LoadRecord, type TimelineModel, timelineModel } from "./model.js";
import { FONT, ink } from "./palette.js";
import { failureLine, hostRows } from "./rows.js";
import { timeTicks } from "./scale.js";
import { cutTo, element, escaped, label } from "./svg.js";

export type { LoadRecord, LoadSecond } from "./model.js";

const EDGE = 24;
const MOST_TICKS = 14;

export interface TimelineInput {
  readonly events: readonly RolloutEvent[];
  /** What a client saw while the rollout ran. */
  readonly load?: LoadRecord | undefined;
  readonly title: string;
}

/** The picture as one SVG document without scripts, fonts or links; the same input gives the same text. */
export function timelineSvg({ events, load, title }: TimelineInput): string {
  const model = timelineModel(events, load);
  const entries = legendEntries(model, load);
  const layout = layoutOf(model, load, legendLines(entries));
  const parts = [
    element("title", { id: "timeline-title" }, escaped(oneLine(title))),
    element("desc", { id: "timeline-desc" }, escaped(description(model, load))),
    background(layout),
    heading(title, model, load),
    timeAxis(layout),
    hostRows(model, layout),
    load ? loadPanel(load, layout) + latencyPanel(load, layout) : "",
    failureLine(model, layout),
    legend(entries, layout),
  ];
  return `${element("svg", root(layout), `\n${parts.filter(Boolean).join("\n")}\n`)}\n`;
}

const root = ({ height }: Layout): Record<string, string | number> => ({
  xmlns: "http://www.w3.org/2000/svg",
  width: WIDTH,
  height,
  viewBox: `0 0 ${WIDTH} ${height}`,
  role: "img",
  "aria-labelledby": "timeline-title timeline-desc",
  "font-family": FONT,
});

const background = ({ height }: Layout): string =>
  element("rect", {
    x: 0.5,
    y: 0.5,
    width: WIDTH - 1,
    height: height - 1,
    rx: 6,
    fill: ink.background,
    stroke: ink.border,
  });

function heading(title: string, model: TimelineModel, load: LoadRecord | undefined): string {
  const bad = model.failure !== null || (load?.failed ?? 0) > 0;
  const width = WIDTH - 2 * EDGE;
  return (
    label(cutTo(oneLine(title), width, 18), { x: EDGE, y: 32, fill: ink.text, "font-size": 18, "font-weight": 600 }) +
    label(cutTo(factsOf(model, load), width, 13), {
      x: EDGE,
      y: 53,
      fill: bad ? ink.failure : ink.muted,
      "font-size": 13,
    })
  );
}

/** What the picture shows in one line: duration, hosts, requests, outcome. */
function factsOf(model: TimelineModel, load: LoadRecord | undefined): string {
  const { receipt, failure, rows } = model;
  return [
    many(rows.length, "host"),
    ...(receipt ? [seconds(receipt.seconds)] : []),
    ...(load ? [`${many(load.sent, "request")} sent, ${grouped(load.failed)} failed`] : []),
    ...(receipt ? [outcomeText(receipt)] : failure ? [failure.code] : []),
  ].join("  ·  ");
}

function description(model: TimelineModel, load: LoadRecord | undefined): string {
  const hosts = model.rows.map(({ host, segments }) => {
    const statuses = segments.map(({ status, from }) => `${status} from ${seconds(from)}`);
    return `${oneLine(host)}: ${statuses.join(", ")}.`;
  });
  return [`${factsOf(model, load)}.`, ...hosts].join(" ");
}

function timeAxis(layout: Layout): string {
  const { x, rows, axisTop } = layout;
  return timeTicks([x.from, x.to], MOST_TICKS)
    .map((tick) => {
      const at = x.at(tick);
      return (
        element("line", { x1: at, x2: at, y1: rows.top - 4, y2: axisTop, stroke: ink.grid }) +
        label(`${tick} s`, { x: at, y: axisTop + 15, "text-anchor": "middle", fill: ink.muted, "font-size": 11 })
      );
    })
    .join("\n");
}
