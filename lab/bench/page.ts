/** The figures of the bench as a Markdown page. Pure. */
import { grouped } from "../../scripts/rollout/output/text.js";
import { spreadOf, type BenchFigures, type Cell, type Side, type Spread } from "./figures.js";
import type { SideName } from "./sides.js";
import { aboveFloor, floorOf, secondsOf, sidesOf, sum } from "./summary.js";
import { CLAIMED_INTERVAL, MOST_ABOVE_FLOOR, MOST_OF_ARTICLE, unproven } from "./verdict.js";

const titles: Readonly<Record<SideName, string>> = { article: "article", evenkeel: "Evenkeel" };

export function benchPage(figures: BenchFigures): string {
  return `${[heading(figures), verdict(figures), times(figures), clients(figures), floors(figures)].join("\n\n")}\n`;
}

function heading({ machine, settings, cells, aborted }: BenchFigures): string {
  const { site, ratePerSecond, slowShare, slowMs, secondToolPerSecond, unhealthyThreshold, healthyThreshold } =
    settings;
  return `# The article's workflow and Evenkeel's rollout

![Seconds for each fleet and interval](bench.svg)

Both on the same fleet of the ${site} lab in the same run, one after the other, under the same load: ${ratePerSecond} requests a
second, ${slowShare * 100} % of them ${slowMs / 1000} s long, and ${secondToolPerSecond} a second by autocannon besides. The balancer takes a droplet out after
${unhealthyThreshold} failed probes and in after ${healthyThreshold} passed ones, and tries no request twice. Every cell shows the middle of its pairs, with the least
and the most where they differ. Written by \`npm run bench\`, which fails when a claim below does not hold; the single values are in [bench.json](bench.json).

${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GB, ${machine.kernel}, Node ${machine.node}; ${stamps(cells)}.
Attempts that did not come to their end: ${aborted.length}.`;
}

function verdict(figures: BenchFigures): string {
  const problems = unproven(figures);
  if (problems.length === 0) return "Every claim on this page holds.";
  return `Claimed and not borne out:\n\n${problems.map((problem) => `- ${problem}`).join("\n")}`;
}

/** Days and commits of all pairs. */
function stamps(cells: readonly Cell[]): string {
  const pairs = cells.flatMap((cell) => cell.pairs);
  const days = [...new Set(pairs.map(({ date }) => date.slice(0, 10)))].sort();
  const commits = [...new Set(pairs.map(({ commit }) => `\`${commit}\``))];
  return `${days.join(", ")}; commit ${commits.join(", ")}`;
}

function times({ cells }: BenchFigures): string {
  const head = [
    "droplets",
    "probe every",
    "pairs",
    "article s",
    "of it stops",
    "Evenkeel s",
    "of it stops",
    "floor s",
    "Evenkeel / article",
  ];
  const rows = cells.map((cell) => [
    ...[...place(cell), String(cell.pairs.length)],
    ...(["article", "evenkeel"] as const).flatMap((name) => [
      spread(secondsOf(cell, name), 1),
      spread(spreadOf(sidesOf(cell, name).map(({ stopSeconds }) => stopSeconds)), 1),
    ]),
    floorOf(cell).toFixed(1),
    spread(cell.ratio, 2),
  ]);
  return `## Time

Claimed: at most ${MOST_OF_ARTICLE} of the article's time where the balancer probes every ${CLAIMED_INTERVAL} s. The article's app does not handle SIGTERM, so
Docker waits its ten seconds for each container that it stops; an app that does would save the article most of its stops. The floor is
that of all hosts together, one after the other.

${table(head, rows)}`;
}

const clientColumns: readonly { readonly title: string; readonly value: (sides: readonly Side[]) => string }[] = [
  { title: "sent", value: (sides) => grouped(sum(sides.map(({ sent }) => sent))) },
  { title: "failed", value: (sides) => grouped(sum(sides.map(({ failed }) => failed))) },
  { title: "autocannon sent", value: (sides) => grouped(sum(sides.map(({ secondTool }) => secondTool.sent))) },
  { title: "failed", value: (sides) => grouped(sum(sides.map(({ secondTool }) => secondTool.failed))) },
  { title: "p99 ms", value: (sides) => spread(spreadOf(sides.map(({ p99Ms }) => p99Ms ?? NaN)), 0) },
  {
    title: "load late at most ms",
    value: (sides) => spread(spreadOf(sides.map(({ generator }) => generator.longestStallMs)), 0),
  },
  { title: "worst ms", value: (sides) => spread(spreadOf(sides.map(({ worstMs }) => worstMs)), 0) },
  {
    title: "in flight when stopped",
    value: (sides) => spread(spreadOf(sides.map(({ inFlightWhenStopped }) => inFlightWhenStopped)), 0),
  },
  {
    title: "s below full",
    value: (sides) => spread(spreadOf(sides.map(({ secondsBelowFull }) => secondsBelowFull)), 1),
  },
];

function clients({ cells }: BenchFigures): string {
  const rows = cells.flatMap((cell) =>
    (["article", "evenkeel"] as const).map((name) => [
      ...[...place(cell), titles[name]],
      ...clientColumns.map(({ value }) => value(sidesOf(cell, name))),
    ]),
  );
  const head = ["droplets", "probe every", "by", ...clientColumns.map(({ title }) => title)];
  return `## What clients saw

Requests sent and failed are sums of all pairs; one that was due and not sent is in neither, and the claims do not hold with it.
"Below full" is the time with fewer than all droplets in rotation.

${table(head, rows)}`;
}

function floors({ cells }: BenchFigures): string {
  const head = [
    "droplets",
    "probe every",
    "hosts",
    "drain s",
    "balancer let go s",
    "readmission s",
    "balancer took in s",
    "host s",
    "floor s",
    "above, in intervals",
  ];
  const rows = cells.map((cell) => [
    ...[...place(cell), String(cell.hosts.length)],
    ...(
      ["drainSeconds", "letGoSeconds", "readmissionSeconds", "takenInSeconds", "seconds", "floorSeconds"] as const
    ).map((field) => spread(spreadOf(cell.hosts.map((host) => host[field])), 1)),
    spread(aboveFloor(cell), 2),
  ]);
  return `## Evenkeel's hosts against their floor

Claimed: no host takes more than ${MOST_ABOVE_FLOOR} interval above its floor: the wait for the first failing probe, as the rollout saw it,
(unhealthy + healthy - 1) intervals, and what stop and start take beyond one interval. When the balancer let a host go and took it in is the
balancer's own view: no drain that waits for it can be quicker.

${table(head, rows)}`;
}

const place = ({ droplets, interval }: Cell): string[] => [String(droplets), `${interval} s`];

/** Such as `12.1 (11.9 to 12.4)`, or one number where all are the same. */
function spread({ min, median, max }: Spread, digits: number): string {
  const [least, middle, most] = [min, median, max].map((value) => value.toFixed(digits));
  return least === most ? String(middle) : `${middle} (${least} to ${most})`;
}

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => "--:"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
