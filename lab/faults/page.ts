/** The figures of the fault suite as a Markdown page. Pure. */
import { grouped, many } from "../../scripts/rollout/output/text.js";
import type { FaultFigures, FaultRow, HostEnd } from "./figures.js";

export function faultPage(figures: FaultFigures): string {
  return `${[heading(figures), table(figures), verdict(figures)].join("\n\n")}\n`;
}

function heading({ machine, date, settings, rows }: FaultFigures): string {
  const { droplets, ratePerSecond, slowShare, slowMs, leaseSeconds } = settings;
  const distinct = (values: readonly string[]): string[] => [...new Set(values)];
  const commits = distinct(rows.map(({ commit }) => commit));
  const sites = distinct(rows.map(({ site }) => site)).join(" or ");
  return `# What a rollout does when something goes wrong

Each line is a fleet of its own on the ${sites} lab: ${many(droplets, "droplet")} unless it says otherwise, under ${ratePerSecond} requests a second, ${slowShare * 100} % of
them ${slowMs} ms long. By strategy, droplets are handed over or drained. The fault strikes while the first droplet is in that phase (\`last\`: while the last one's container is replaced). Then the hosts are left
alone until they have come to rest, and one more run is started; the load goes on from before the rollout until after that. A lease is ${leaseSeconds} s here.
*Lost* are requests that failed; *may* those of them that nothing can save: what was inside a process at the moment when the fault ended it, and in a
fleet of one what the exchange of its only process costs.

Written by \`npm run faults\`, which fails when a line does not hold; the single values are in [faults.json](faults.json).
${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GB, ${machine.kernel}, Node ${machine.node}; ${date.slice(0, 10)}; ${commits.length === 1 ? "commit" : "commits"} ${commits.map((commit) => `\`${commit}\``).join(", ")}.
All lines together: ${grouped(rows.reduce((sum, { sent }) => sum + sent, 0))} requests.`;
}

const COLUMNS = "| lab | strategy | fault | phase | sent | lost | may | exit | hosts at rest | run after it | holds |";
const RULE = "| --- | --- | --- | --- | --: | --: | --: | --: | --- | --: | --- |";

const table = ({ rows }: FaultFigures): string => [COLUMNS, RULE, ...rows.map(line)].join("\n");

function line({
  site,
  strategy,
  fault,
  phase,
  sent,
  failed,
  allowedFailed,
  hosts,
  restedSeconds,
  exitCode,
  rerunExitCode,
  problems,
}: FaultRow): string {
  const cells = [
    ...[site, strategy, fault, phase, grouped(sent), failed, allowedFailed, exitCode ?? "killed"],
    ...[
      `${hosts.map(inWords).join(", ")}${atRest(restedSeconds)}`,
      rerunExitCode ?? "killed",
      problems.length === 0 ? "yes" : "**no**",
    ],
  ];
  return `| ${cells.join(" | ")} |`;
}

const atRest = (seconds: number | null | undefined): string =>
  typeof seconds === "number" ? ` after ${seconds} s` : "";

const words = { before: "old", target: "new", other: "another" } as const;

function inWords({ release, inRotation, comesBack }: HostEnd): string {
  const runs = release === null ? "nothing" : words[release];
  return [runs, ...(inRotation ? [] : ["out of rotation"]), ...(comesBack ? [] : ["not after a reboot"])].join(", ");
}

function verdict({ rows, due }: FaultFigures): string {
  const broken = rows.filter(({ problems }) => problems.length > 0);
  const missing = due - rows.length;
  if (missing === 0 && broken.length === 0) return `Every one of ${due} lines holds.`;
  return [
    ...broken.map(
      ({ site, strategy, fault, phase, problems }) =>
        `- ${site}, ${strategy}: ${fault}, ${phase}: ${problems.join("; ")}`,
    ),
    ...(missing > 0 ? [`- ${missing} of ${due} lines are missing.`] : []),
  ].join("\n");
}
