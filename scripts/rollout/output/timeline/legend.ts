/** What the colours and marks mean; only those that the picture has. */
import type { HostStatus } from "../../core/events.js";
import { flow, type Layout, legendLineAt, WIDTH } from "./layout.js";
import { failureMark } from "./load.js";
import type { LoadRecord, TimelineModel } from "./model.js";
import { ink, statusStyles } from "./palette.js";
import { pin } from "./rows.js";
import { element, label, textWidth } from "./svg.js";

const FONT = 11;
const SWATCH = 14;
const EDGE = 24;

export interface LegendEntry {
  readonly text: string;
  /** Draws the sample in a box of 14 pixels around that point's right-hand side. */
  readonly sample: (x: number, middle: number) => string;
}

/** Statuses in the order of a host's life, then marks, then what the load shows. */
export function legendEntries(model: TimelineModel, load: LoadRecord | undefined): LegendEntry[] {
  const used = new Set(model.rows.flatMap(({ segments }) => segments.map(({ status }) => status)));
  const statuses = (Object.keys(statusStyles) as HostStatus[]).filter((status) => used.has(status));
  return [
    ...statuses.map((status) => ({ text: statusStyles[status].label, sample: box(statusStyles[status].fill) })),
    ...(model.rows.some(({ switches }) => switches.length > 0) ? [newRelease] : []),
    ...(load ? loadEntries(load) : []),
  ];
}

/** How many lines the legend takes. */
export const legendLines = (entries: readonly LegendEntry[]): number => placesOf(entries).lines;

/** The legend, below the axis. */
export function legend(entries: readonly LegendEntry[], layout: Layout): string {
  const { places } = placesOf(entries);
  return entries
    .map(({ text, sample }, index) => {
      const [x, line] = places[index] ?? [EDGE, 0];
      const middle = legendLineAt(layout, line);
      const words = label(text, { x: x + SWATCH + 6, y: middle + 4, fill: ink.text, "font-size": FONT });
      return sample(x, middle) + words;
    })
    .join("\n");
}

const placesOf = (entries: readonly LegendEntry[]): ReturnType<typeof flow> =>
  flow(
    entries.map(({ text }) => SWATCH + 6 + textWidth(text, FONT) + 16),
    EDGE,
    WIDTH - EDGE,
  );

const box =
  (fill: string): LegendEntry["sample"] =>
  (x, middle) =>
    element("rect", { x, y: middle - 6, width: SWATCH, height: 12, fill });

const stroke =
  (color: string): LegendEntry["sample"] =>
  (x, middle) =>
    element("line", { x1: x, x2: x + SWATCH, y1: middle, y2: middle, stroke: color, "stroke-width": 2 });

const newRelease: LegendEntry = {
  text: "new release answers",
  sample: (x, middle) => element("path", { d: pin(x + SWATCH / 2, middle - 3, 10), fill: ink.text }),
};

function loadEntries(load: LoadRecord): LegendEntry[] {
  const failed: LegendEntry = {
    text: "requests failed",
    sample: (x, middle) => element("path", { d: failureMark(x + SWATCH / 2, middle + 5), fill: ink.failure }),
  };
  const latency: LegendEntry[] = [
    { text: "median", sample: stroke(ink.median) },
    { text: "99th percentile", sample: stroke(ink.slowest) },
  ];
  return [
    { text: "requests answered", sample: box(ink.answered) },
    ...(load.failed > 0 ? [failed] : []),
    ...(load.perSecond.some(({ p99 }) => p99 !== null) ? latency : []),
  ];
}
