/** What was found out about droplets and balancer, as a table for people. Pure. */
import { questions, type Finding, type Question } from "../core/doctor.js";
import { cut, oneLine, textTable } from "./text.js";

/** Most terminal cells of what was found: the columns beside it stay in sight. */
const WIDEST = 160;

/** A row for each finding, then what was asked, then what to do where it is not as assumed, or what it takes to know. */
export function doctorText(findings: readonly Finding[]): string {
  const column = (title: string, pick: (finding: Finding) => string) => ({
    title,
    values: findings.map((finding) => cut(oneLine(pick(finding)), WIDEST)),
    align: "left" as const,
  });
  const table = textTable([
    column("question", ({ question }) => question),
    column("host", ({ host }) => host ?? "-"),
    column("answer", ({ answer }) => answer),
    column("found", ({ found }) => found),
  ]);
  const names = [...new Set(findings.map(({ question }) => question))];
  const asked = names.map((name: Question) => `${name} asks: ${questions[name]}`);
  const advice = findings.flatMap((finding) =>
    finding.answer === "ok"
      ? []
      : [oneLine(`${[finding.question, finding.host].filter(Boolean).join(", ")}: ${finding.advice}`)],
  );
  return `${[...table, "", ...asked, ...(advice.length === 0 ? [] : ["", ...advice])].join("\n")}\n`;
}
