/** The bench's times as one SVG document: a bar for each side of each cell. Brings its own light background. Pure. */
import { grouped, many } from "../../scripts/rollout/output/text.js";
import { FONT, ink, statusStyles } from "../../scripts/rollout/output/timeline/palette.js";
import { roundedUp, scale, timeTicks, type Scale } from "../../scripts/rollout/output/timeline/scale.js";
import { element, escaped, label, short } from "../../scripts/rollout/output/timeline/svg.js";
import { ourNames, rolloutNames as names, type BenchFigures, type Cell } from "./figures.js";
import { floorOf, ratioOf, secondsOf, sidesOf, sum } from "./summary.js";

const WIDTH = 960;
const EDGE = 24;
const LEFT = 210;
/** Beside the longest bar stand its seconds and its ratio. */
const RIGHT = WIDTH - 170;
const TOP = 84;
const BAR = 20;
const CELL = names.length * BAR + 26;
const LEGEND = 60;
const MOST_TICKS = 10;

type Name = (typeof names)[number];

const bars: Readonly<Record<Name, { readonly fill: string; readonly title: string }>> = {
  article: { fill: ink.answered, title: "the article's workflow" },
  drain: { fill: statusStyles.draining.fill, title: "Evenkeel, drain" },
  handoff: { fill: statusStyles.serving.fill, title: "Evenkeel, handoff" },
};

/** The same figures give the same text. */
export function benchSvg(figures: BenchFigures): string {
  const { cells } = figures;
  const bottom = TOP + cells.length * CELL;
  const height = bottom + LEGEND;
  const longest = Math.max(1, ...cells.flatMap((cell) => names.map((name) => secondsOf(cell, name).max)));
  const x = scale([0, roundedUp(longest)], [LEFT, RIGHT]);
  const parts = [
    element("title", { id: "bench-title" }, "Seconds to bring a release to every droplet"),
    element("desc", { id: "bench-desc" }, escaped(description(cells))),
    element("rect", {
      ...{ x: 0.5, y: 0.5, width: WIDTH - 1, height: height - 1, rx: 6 },
      fill: ink.background,
      stroke: ink.border,
    }),
    heading(figures),
    axis(x, bottom),
    ...cells.map((cell, index) => cellBars(cell, x, TOP + index * CELL)),
    legend(bottom + 42),
  ];
  return `${element("svg", root(height), `\n${parts.join("\n")}\n`)}\n`;
}

const root = (height: number) => ({
  xmlns: "http://www.w3.org/2000/svg",
  ...{ width: WIDTH, height, viewBox: `0 0 ${WIDTH} ${height}` },
  ...{ role: "img", "aria-labelledby": "bench-title bench-desc", "font-family": FONT },
});

function heading({ cells, settings }: BenchFigures): string {
  const rounds = sum(cells.map((cell) => cell.rounds.length));
  const sides = cells.flatMap((cell) => ourNames.flatMap((name) => sidesOf(cell, name)));
  const facts = [
    `${settings.ratePerSecond} requests a second`,
    many(rounds, "round"),
    `Evenkeel: ${grouped(sum(sides.map(({ failed }) => failed)))} of ${grouped(sum(sides.map(({ sent }) => sent)))} requests failed`,
  ];
  return (
    label("Seconds to bring a release to every droplet", {
      x: EDGE,
      y: 32,
      fill: ink.text,
      "font-size": 18,
      "font-weight": 600,
    }) + label(facts.join("  ·  "), { x: EDGE, y: 53, fill: ink.muted, "font-size": 13 })
  );
}

function axis(x: Scale, bottom: number): string {
  return timeTicks([x.from, x.to], MOST_TICKS)
    .map((tick) => {
      const at = x.at(tick);
      const text = { x: at, y: bottom + 15, "text-anchor": "middle", fill: ink.muted, "font-size": 11 };
      return element("line", { x1: at, x2: at, y1: TOP - 8, y2: bottom, stroke: ink.grid }) + label(`${tick} s`, text);
    })
    .join("\n");
}

/** A bar for each side to the middle of all rounds, a line from the least to the most, and where the drain's floor lies. */
function cellBars(cell: Cell, x: Scale, top: number): string {
  const where = `${cell.droplets} droplets, probe every ${cell.interval} s`;
  const floor = x.at(floorOf(cell));
  const y1 = top + names.indexOf("drain") * BAR - 2;
  const y2 = y1 + BAR + 2;
  return (
    label(where, {
      x: LEFT - 12,
      y: top + (names.length * BAR) / 2 + 4,
      "text-anchor": "end",
      fill: ink.text,
      "font-size": 13,
    }) +
    names.map((name, row) => sideBar(cell, name, x, top + row * BAR)).join("") +
    element("line", { class: "floor", x1: floor, x2: floor, y1, y2, stroke: ink.text, "stroke-width": 2 })
  );
}

function sideBar(cell: Cell, name: Name, x: Scale, top: number): string {
  const { min, median, max } = secondsOf(cell, name);
  const failed = sum(sidesOf(cell, name).map((side) => side.failed));
  const middle = top + BAR / 2 - 1;
  const bar = { class: name, x: LEFT, y: top, width: x.at(median) - LEFT, height: BAR - 2 };
  const whisker = `M${short(x.at(min))} ${short(middle)}H${short(x.at(max))}`;
  const share = name === "article" ? "" : `, ${ratioOf(cell, name).median.toFixed(2)} of the article's`;
  const failures = failed > 0 ? `, ${grouped(failed)} failed` : "";
  const text = { x: x.at(max) + 8, y: middle + 4, fill: failed > 0 ? ink.failure : ink.text, "font-size": 12 };
  return (
    element("rect", { ...bar, fill: bars[name].fill }) +
    element("path", { d: whisker, stroke: ink.text, "stroke-width": 1.5 }) +
    label(`${median.toFixed(0)} s${share}${failures}`, text)
  );
}

function legend(middle: number): string {
  const samples = names.map((name) => ({
    text: bars[name].title,
    draw: (x: number) => element("rect", { x, y: middle - 6, width: 14, height: 12, fill: bars[name].fill }),
  }));
  const line = (x: number, d: string, width: number): string =>
    element("path", { d: `M${x} ${middle}${d}`, stroke: ink.text, "stroke-width": width });
  const entries = [
    ...samples,
    { text: "least to most", draw: (x: number) => line(x, "h14", 1.5) },
    { text: "least a drain can take", draw: (x: number) => line(x + 7, "m0 -7v14", 2) },
  ];
  return entries
    .map(({ text, draw }, index) => {
      const x = EDGE + index * 180;
      return draw(x) + label(text, { x: x + 20, y: middle + 4, fill: ink.text, "font-size": 11 });
    })
    .join("\n");
}

const description = (cells: readonly Cell[]): string =>
  cells
    .map((cell) => {
      const [article, drain, handoff] = names.map((name) => `${secondsOf(cell, name).median.toFixed(0)} s`);
      return `${cell.droplets} droplets, a probe every ${cell.interval} s: the article ${article}, drain ${drain}, handoff ${handoff}.`;
    })
    .join(" ");
