/** What the bench's page says of clients: what they lost, and how long they waited. Pure. */
import { grouped } from "../../scripts/rollout/output/text.js";
import { rolloutNames, sideNames, type BenchFigures, type Cell, type Side, type SideName } from "./figures.js";
import { place, placeHead, spreadIn, table, titles } from "./page-table.js";
import { sidesOf, sum } from "./summary.js";

interface Column {
  readonly title: string;
  readonly value: (sides: readonly Side[]) => string;
}

const countColumns: readonly Column[] = [
  { title: "sent", value: (sides) => grouped(sum(sides.map(({ sent }) => sent))) },
  { title: "failed", value: (sides) => grouped(sum(sides.map(({ failed }) => failed))) },
  { title: "autocannon sent", value: (sides) => grouped(sum(sides.map(({ secondTool }) => secondTool.sent))) },
  { title: "failed", value: (sides) => grouped(sum(sides.map(({ secondTool }) => secondTool.failed))) },
  {
    title: "in flight when stopped",
    value: (sides) =>
      spreadIn(
        sides.map(({ stops }) => stops && stops.inFlight),
        0,
      ),
  },
  {
    title: "s below full",
    value: (sides) =>
      spreadIn(
        sides.map(({ secondsBelowFull }) => secondsBelowFull),
        1,
      ),
  },
];

const latencyColumns: readonly Column[] = [
  {
    title: "p50 ms",
    value: (sides) =>
      spreadIn(
        sides.map(({ p50Ms }) => p50Ms),
        0,
      ),
  },
  {
    title: "p99 ms",
    value: (sides) =>
      spreadIn(
        sides.map(({ p99Ms }) => p99Ms),
        0,
      ),
  },
  {
    title: "p99.9 ms",
    value: (sides) =>
      spreadIn(
        sides.map(({ p999Ms }) => p999Ms),
        0,
      ),
  },
  {
    title: "greatest ms",
    value: (sides) =>
      spreadIn(
        sides.map(({ worstMs }) => worstMs),
        0,
      ),
  },
  {
    title: "load late at most ms",
    value: (sides) =>
      spreadIn(
        sides.map(({ generator }) => generator.longestStallMs),
        0,
      ),
  },
];

export const clients = ({ cells }: BenchFigures): string => `## What clients saw

Requests sent and failed are sums of all rounds; one that was due and not sent is in neither, and the claims do not hold with it.
"Below full" is the time with fewer than all droplets in rotation. A handoff stops no container within its seconds: each old one stops when nothing is open there.

${sideTable(cells, rolloutNames, countColumns)}`;

export const latencies = ({ cells }: BenchFigures): string => `## How long clients waited

Of ordinary requests that went well. Starting a container costs the host's clients time, whatever it is for. So beside the rollouts stands the
start and end of an unrelated container, the article's image, on one droplet after the other: no port leads to it, and no rollout is under way. Its load is short, so a p99.9 is
of few requests there, and the greatest is listed as well.

${sideTable(cells, sideNames, [...latencyColumns, ...countColumns.slice(0, 2)])}`;

const sideTable = (cells: readonly Cell[], names: readonly SideName[], columns: readonly Column[]): string =>
  table(
    [...placeHead, "by", ...columns.map(({ title }) => title)],
    cells.flatMap((cell) =>
      names.map((name) => [...place(cell), titles[name], ...columns.map(({ value }) => value(sidesOf(cell, name)))]),
    ),
  );
