/** The upper part of the picture: a row a host, a coloured bar for each status. */
import { seconds } from "../text.js";
import { FONT_SIZE, type Layout } from "./layout.js";
import type { Row, Segment, TimelineModel } from "./model.js";
import { ink, statusStyles } from "./palette.js";
import { cutMiddle, element, escaped, halo, label, short, textWidth } from "./svg.js";

const LABEL_PADDING = 6;
/** Rows thinner than this have no room for words. */
const SHORTEST_LABELLED_BAR = 14;
/** A status that passes within a blink is still seen. */
const NARROWEST = 1;

/** All rows with names, bars and marks. */
export function hostRows({ rows }: TimelineModel, layout: Layout): string {
  return rows.map((row, index) => hostRow(row, layout.rows.top + index * layout.row.height, layout)).join("\n");
}

function hostRow(row: Row, top: number, layout: Layout): string {
  const middle = top + layout.row.height / 2;
  const fontSize = Math.min(FONT_SIZE, layout.row.height - 1);
  const name = cutMiddle(row.host, layout.left - 24 - 8, fontSize);
  const bar = { y: middle - layout.row.bar / 2, height: layout.row.bar };
  return element(
    "g",
    {},
    label(name, {
      x: layout.left - 10,
      y: middle + fontSize * 0.35,
      "text-anchor": "end",
      fill: ink.text,
      "font-size": fontSize,
    }),
    element("rect", { x: layout.left, width: layout.right - layout.left, ...bar, fill: ink.track }),
    ...row.segments.map((segment) => segmentBar(row.host, segment, bar, layout)),
    ...row.switches.map((at) => switchMark(row.host, at, bar, layout)),
  );
}

function segmentBar(host: string, segment: Segment, bar: { y: number; height: number }, { x }: Layout): string {
  const { fill, text, label: word } = statusStyles[segment.status];
  const from = x.at(segment.from);
  const width = Math.max(NARROWEST, x.at(segment.to) - from);
  const hint = `${host}: ${segment.status} from ${seconds(segment.from)} to ${seconds(segment.to)}`;
  const box = element(
    "rect",
    { "data-status": segment.status, x: from, width, ...bar, fill },
    element("title", {}, escaped(hint)),
  );
  const fits = bar.height >= SHORTEST_LABELLED_BAR && textWidth(word, 11) + 2 * LABEL_PADDING <= width;
  if (!fits) return box;
  const place = { x: from + width / 2, y: bar.y + bar.height / 2 + 4, "text-anchor": "middle" };
  return box + label(word, { ...place, fill: text, "font-size": 11, "pointer-events": "none" });
}

/** A pin above the bar: from here on the host answers with the new release. */
function switchMark(host: string, at: number, bar: { y: number; height: number }, { x }: Layout): string {
  const hint = `${host}: new release from ${seconds(at)}`;
  return element(
    "path",
    {
      class: "switch",
      d: pin(x.at(at), bar.y, bar.height),
      fill: ink.text,
      stroke: ink.background,
      "stroke-width": 0.75,
    },
    element("title", {}, escaped(hint)),
  );
}

/** A triangle that stands on the bar's upper edge with a stem through it. */
export function pin(x: number, top: number, height: number): string {
  const at = (dx: number, y: number): string => `${short(x + dx)} ${short(y)}`;
  const bottom = top + height;
  const wing = Math.min(5, height / 3);
  const points = [
    at(-wing, top - 4),
    at(wing, top - 4),
    at(1, top + 3),
    at(1, bottom),
    at(-1, bottom),
    at(-1, top + 3),
  ];
  return `M${points.join("L")}Z`;
}

/** A dashed line where the rollout gave up. */
export function failureLine({ failure }: TimelineModel, layout: Layout): string {
  if (!failure) return "";
  const x = layout.x.at(failure.at);
  const text = `${failure.code} at ${seconds(failure.at)}`;
  const rightwards = x + textWidth(text, 11) + 6 < layout.right;
  const line = { x1: x, x2: x, y1: layout.rows.top - 12, y2: layout.axisTop };
  return (
    element("line", { ...line, stroke: ink.failure, "stroke-width": 1.5, "stroke-dasharray": "4 3" }) +
    label(text, {
      x: x + (rightwards ? 5 : -5),
      y: layout.rows.top - 4,
      "text-anchor": rightwards ? "start" : "end",
      fill: ink.failure,
      "font-size": 11,
      "font-weight": 600,
      ...halo(ink.background),
    })
  );
}
