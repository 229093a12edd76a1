/** The lower part of the picture: what a client saw, second by second. */
import { grouped, many } from "../text.js";
import type { Layout, Panel } from "./layout.js";
import type { LoadRecord, LoadSecond } from "./model.js";
import { ink } from "./palette.js";
import { roundedUp, type Scale, scale } from "./scale.js";
import { element, escaped, halo, label, short } from "./svg.js";

/** One failure among hundreds of answers would be thinner than a pixel. */
const SMALLEST_FAILURE = 3;
const GAP = 0.5;
/** A steady load must not look as if it were cut off at the top. */
const HEADROOM = 1.05;

/** Answered requests per second, failures on top of them and marked above. */
export function loadPanel(load: LoadRecord, layout: Layout): string {
  const { load: panel } = layout;
  if (!panel) return "";
  const most = roundedUp(HEADROOM * Math.max(1, ...load.perSecond.map(({ sent }) => sent)));
  const y = scale([0, most], [panel.top + panel.height, panel.top]);
  const bars = load.perSecond.map((second) => secondBar(second, load, { x: layout.x, y, panel }));
  return heading("requests per second", panel, layout) + valueAxis(y, panel, layout) + bars.join("\n");
}

interface Axes {
  readonly x: Scale;
  readonly y: Scale;
  readonly panel: Panel;
}

function secondBar({ second, sent, failed }: LoadSecond, load: LoadRecord, { x, y, panel }: Axes): string {
  const from = load.startedAtMs / 1000 + second;
  const left = x.at(from);
  const width = Math.max(0.5, x.at(from + 1) - left - GAP);
  const answered = y.at(sent - failed);
  const column = { x: left, width };
  const ok = element("rect", { class: "ok", ...column, y: answered, height: y.at(0) - answered, fill: ink.answered });
  if (failed === 0) return ok;
  const height = Math.max(SMALLEST_FAILURE, answered - y.at(sent));
  const top = Math.max(panel.top, answered - height);
  const hint = element("title", {}, escaped(`${many(failed, "request")} of ${grouped(sent)} failed in this second`));
  return (
    ok +
    element("rect", { class: "failed", ...column, y: top, height, fill: ink.failure }, hint) +
    element("path", { class: "failure-mark", d: failureMark(left + width / 2, panel.top), fill: ink.failure }, hint)
  );
}

/** A small triangle pointing down at its second. */
export const failureMark = (x: number, y: number): string =>
  `M${short(x - 4)} ${short(y - 9)}L${short(x + 4)} ${short(y - 9)}L${short(x)} ${short(y - 2)}Z`;

/** Half of the answers came within the lower line, 99 of 100 within the upper one. */
export function latencyPanel(load: LoadRecord, layout: Layout): string {
  const { latency: panel } = layout;
  if (!panel) return "";
  const most = roundedUp(Math.max(1, ...load.perSecond.map(({ p99 }) => p99 ?? 0)));
  const y = scale([0, most], [panel.top + panel.height, panel.top]);
  const line = (pick: (second: LoadSecond) => number | null, stroke: string): string =>
    element("path", { d: steps(load, pick, layout.x, y), fill: "none", stroke, "stroke-width": 1.5 });
  return (
    heading("milliseconds to answer", panel, layout) +
    valueAxis(y, panel, layout) +
    line(({ p99 }) => p99, ink.slowest) +
    line(({ p50 }) => p50, ink.median)
  );
}

/** A flat piece for every second; a second without an answer leaves a gap. */
function steps(load: LoadRecord, pick: (second: LoadSecond) => number | null, x: Scale, y: Scale): string {
  let path = "M0 0";
  let joined = false;
  for (const second of load.perSecond) {
    const value = pick(second);
    const from = load.startedAtMs / 1000 + second.second;
    if (value !== null) {
      path += `${joined ? "L" : "M"}${short(x.at(from))} ${short(y.at(value))}H${short(x.at(from + 1))}`;
    }
    joined = value !== null;
  }
  return path;
}

const heading = (text: string, { top }: Panel, { left }: Layout): string =>
  label(text, { x: left, y: top - 12, fill: ink.muted, "font-size": 11, ...halo(ink.background) });

function valueAxis(y: Scale, { top, height }: Panel, { left, right }: Layout): string {
  return [0, y.to]
    .map((value) => {
      const at = value === 0 ? top + height : top;
      return (
        element("line", { x1: left, x2: right, y1: at, y2: at, stroke: ink.grid }) +
        label(grouped(value), {
          x: left - 10,
          y: at + 4,
          "text-anchor": "end",
          fill: ink.muted,
          "font-size": 11,
        })
      );
    })
    .join("");
}
