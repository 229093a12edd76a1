/** Where the parts of the picture stand, in pixels. Pure. */
import { type Scale, scale } from "./scale.js";
import { textWidth } from "./svg.js";
import type { LoadRecord, TimelineModel } from "./model.js";

export const WIDTH = 1200;
export const FONT_SIZE = 12;
const MARGIN = 24;
const HEADING = 64;
const AXIS = 34;
const LOAD_HEIGHT = 110;
const LATENCY_HEIGHT = 56;
const PANEL_GAP = 30;
const LEGEND_LINE = 22;

export interface Panel {
  readonly top: number;
  readonly height: number;
}

export interface Layout {
  readonly left: number;
  readonly right: number;
  readonly x: Scale;
  /** One row's height and the share of it that its bar takes. */
  readonly row: { readonly height: number; readonly bar: number };
  readonly rows: Panel;
  readonly load: Panel | null;
  readonly latency: Panel | null;
  readonly axisTop: number;
  readonly legendTop: number;
  readonly height: number;
}

/** Rows get thinner as they get more; panels without data take no space. */
export function layoutOf(model: TimelineModel, load: LoadRecord | undefined, legendLines: number): Layout {
  const left = MARGIN + labelWidth(model);
  const right = WIDTH - MARGIN;
  const row = rowSize(model.rows.length);
  const rows = { top: HEADING + 14, height: row.height * model.rows.length };
  const hasLatency = load?.perSecond.some(({ p99 }) => p99 !== null) ?? false;
  const loadPanel = load ? { top: below(rows), height: LOAD_HEIGHT } : null;
  const latency = loadPanel && hasLatency ? { top: below(loadPanel), height: LATENCY_HEIGHT } : null;
  const last = latency ?? loadPanel ?? rows;
  const axisTop = last.top + last.height + 6;
  const legendTop = axisTop + AXIS;
  const height = legendTop + legendLines * LEGEND_LINE + MARGIN / 2;
  const x = scale([model.start, model.end], [left, right]);
  return { left, right, x, row, rows, load: loadPanel, latency, axisTop, legendTop, height };
}

const below = ({ top, height }: Panel): number => top + height + PANEL_GAP;

/** Space for the hosts' names and for the numbers at the panels below. */
function labelWidth({ rows }: TimelineModel): number {
  const widest = Math.max(0, ...rows.map(({ host }) => textWidth(host, FONT_SIZE)));
  return Math.min(170, Math.max(64, widest + 12));
}

function rowSize(count: number): Layout["row"] {
  if (count <= 12) return { height: 32, bar: 22 };
  return count <= 40 ? { height: 18, bar: 14 } : { height: 11, bar: 8 };
}

/** Things side by side, broken into lines; gives back each one's place. */
export function flow(
  widths: readonly number[],
  from: number,
  to: number,
): { places: [number, number][]; lines: number } {
  let x = from;
  let line = 0;
  const places = widths.map((width): [number, number] => {
    if (x > from && x + width > to) {
      x = from;
      line += 1;
    }
    const place: [number, number] = [x, line];
    x += width;
    return place;
  });
  return { places, lines: line + 1 };
}

/** Where a line of the legend has its middle. */
export const legendLineAt = (layout: Layout, line: number): number =>
  layout.legendTop + line * LEGEND_LINE + LEGEND_LINE / 2;
