/** The page that lists every event, for people who write programs against `--output jsonl`. */
import { type EventName, messageOf, registry, type RolloutEvent } from "../core/events.js";
import { actionWords, exampleReceipt, examples, statusWords } from "./events-examples.js";
import { jsonLine } from "./json-lines.js";
import { cells, fit } from "./text.js";

/** docs/events.md: a table of codes, then one section an event with an example. Formatted as prettier would. */
export function eventsPage(): string {
  const names = Object.keys(registry) as EventName[];
  const sorted = names.sort((a, b) => (number(a) < number(b) ? -1 : 1));
  return [
    "# Events",
    INTRODUCTION,
    `\`\`\`text\n${jsonLine(exampleOf("ejected", "api-1"))}\n\`\`\``,
    `A host's \`status\` is one of ${statuses}. Its \`action\` in the receipt is one of ${actions}.`,
    "## Codes",
    codeTable(sorted),
    "## Examples",
    ...sorted.map(section),
    "## Receipt",
    "`finished` carries the receipt, which is also the result on stdout:",
    `\`\`\`json\n${JSON.stringify(exampleReceipt, null, 2)}\n\`\`\``,
    "",
  ]
    .join("\n\n")
    .replace(/\n\n$/, "\n");
}

const INTRODUCTION = `<!-- Written from scripts/rollout/core/events.ts. Edits here are overwritten. -->

With \`--output jsonl\` a rollout writes one JSON object a line to stderr, with \`time\` (ISO 8601, UTC), \`elapsedMs\` since the
rollout began, \`code\`, \`level\`, \`name\`, \`host\` (null for the fleet as a whole), \`message\` and \`data\`. \`code\` and \`data\` are stable;
\`message\` is for people and may change. The letter in a code is the level: I info, W warning, E error.`;

const listOf = (words: Readonly<Record<string, true>>): string =>
  Object.keys(words)
    .map((word) => `\`${word}\``)
    .join(", ");
const statuses = listOf(statusWords);
const actions = listOf(actionWords);

function section(name: EventName): string {
  const event = exampleOf(name);
  const data = name === "finished" ? "the receipt, see below" : `\`${JSON.stringify(event.data)}\``;
  const message = messageOf(event).split("\n").join(" / ");
  return `### ${registry[name].code} ${name}\n\n- message: \`${message}\`\n- data: ${data}`;
}

function codeTable(names: readonly EventName[]): string {
  const rows = names.map((name) => [`\`${registry[name].code}\``, registry[name].level, name]);
  const all = [["code", "level", "name"], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...all.map((row) => cells(row[column] ?? ""))));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => fit(cell, widths[column] ?? 0)).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  const [head = [], ...body] = all;
  return [line(head), rule, ...body.map(line)].join("\n");
}

/** Codes are ordered by their number: the level letter before it may change with the event's weight. */
const number = (name: EventName): string => registry[name].code.replace(/\D/g, "");

function exampleOf(name: EventName, host: string | null = null): RolloutEvent {
  const { code, level } = registry[name];
  return {
    name,
    code,
    level,
    time: "2026-01-15T09:30:08.400Z",
    elapsedMs: 8400,
    host,
    data: examples[name],
  } as RolloutEvent;
}
