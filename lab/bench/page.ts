/** The figures of the bench as a Markdown page. Pure. */
import type { BenchFigures, Cell } from "./figures.js";
import { clients, latencies } from "./page-clients.js";
import { drained, handedOver, phases, times } from "./page-time.js";
import { unproven } from "./verdict.js";

const sections = [heading, verdict, times, phases, handedOver, drained, clients, latencies];

export const benchPage = (figures: BenchFigures): string =>
  `${sections.map((section) => section(figures)).join("\n\n")}\n`;

function heading({ machine, settings, cells, aborted }: BenchFigures): string {
  const { site, ratePerSecond, slowShare, slowMs, secondToolPerSecond, unhealthyThreshold, healthyThreshold } =
    settings;
  return `# The article's workflow and Evenkeel's rollout

![Seconds for each fleet and interval](bench.svg)

The article's workflow, Evenkeel's drain and its handoff on the same fleet of the ${site} lab in the same run, one after the other, under the same load:
${ratePerSecond} requests a second, ${slowShare * 100} % of them ${slowMs / 1000} s long, and ${secondToolPerSecond} a second by autocannon besides. The order changes from round to round. The balancer takes a droplet out after
${unhealthyThreshold} failed probes and in after ${healthyThreshold} passed ones, and tries no request twice. Every line shows the middle of its rounds, with the least
and the most where they differ. Written by \`npm run bench\`, which fails when a claim below does not hold; the single values are in [bench.json](bench.json).

${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GB, ${machine.kernel}, Node ${machine.node}; ${stamps(cells)}.
Attempts that did not come to their end: ${aborted.length}.`;
}

function verdict(figures: BenchFigures): string {
  const problems = unproven(figures);
  if (problems.length === 0) return "Every claim on this page holds.";
  return `Claimed and not borne out:\n\n${problems.map((problem) => `- ${problem}`).join("\n")}`;
}

/** Days and commits of all rounds. */
function stamps(cells: readonly Cell[]): string {
  const rounds = cells.flatMap((cell) => cell.rounds);
  const days = [...new Set(rounds.map(({ date }) => date.slice(0, 10)))].sort();
  const commits = [...new Set(rounds.map(({ commit }) => `\`${commit}\``))];
  return `${days.join(", ")}; commit ${commits.join(", ")}`;
}
