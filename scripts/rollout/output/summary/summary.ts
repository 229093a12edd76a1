/** What a rollout did, on one page of Markdown, for the job summary of a workflow or for a ticket. Pure. */
import type { RolloutEvent } from "../../core/events.js";
import { exitCodes } from "../../core/errors.js";
import type { Receipt } from "../../core/receipt.js";
import { actionCounts, hostColumns, outcomeText, witnessText } from "../receipt-text.js";
import { grouped, many, seconds } from "../text.js";
import { gantt } from "./gantt.js";
import { block, code, folded, plain, table } from "./markdown.js";

/** What one rollout left behind on the machine that ran it. */
export interface LastRun {
  readonly runId: string;
  readonly events: readonly RolloutEvent[];
  /** Null when it was ended before it could write one. */
  readonly receipt: Receipt | null;
}

/**
 * Most bytes of a summary, with room for whatever else a job's step adds: GitHub takes 1 MiB of a step, and none of it beyond.
 * @see https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#step-isolation-and-limits
 */
export const MOST_BYTES = 1_000_000;

/** @param run null when none has left a record */
export function summaryMarkdown(run: LastRun | null): string {
  if (run === null) return `${NO_RUN}\n`;
  const blocks = run.receipt ? withReceipt(run.receipt, run.events) : withoutReceipt(run);
  return `${withinBounds([...blocks, ...logs(run.events)].filter(Boolean))}\n`;
}

/** As many blocks from the first one as there is room for, and how many more there are. */
function withinBounds(blocks: readonly string[]): string {
  let room = MOST_BYTES - ROOM_FOR_NOTE;
  const left = blocks.findIndex((each) => (room -= Buffer.byteLength(each) + BETWEEN.length) < 0);
  if (left < 0) return blocks.join(BETWEEN);
  const note = `${many(blocks.length - left, "part")} left out: the summary may have ${grouped(MOST_BYTES)} bytes. The run's record has them all, in events.jsonl.`;
  return [...blocks.slice(0, left), note].join(BETWEEN);
}

const BETWEEN = "\n\n";
const ROOM_FOR_NOTE = 1000;

const NO_RUN = `### No rollout ran

Either image, settings and droplets are what they were, or the deployment ended before it came to the rollout: its log says which.`;

function withReceipt(receipt: Receipt, events: readonly RolloutEvent[]): string[] {
  const { release, hosts, error } = receipt;
  return [
    `### ${plain(receipt.fleet)}: ${plain(outcomeText(receipt))}`,
    error ? block([`${error.code}: ${error.message}`]) : "",
    facts([
      ["release", release ? `${code(release.id)}, ${code(release.image)}` : "none"],
      ["hosts", plain(actionCounts(hosts))],
      ["witness", plain(witnessText(receipt))],
      ["took", plain(`${seconds(receipt.seconds)}, run ${receipt.runId}`)],
    ]),
    picture(events),
    hosts.length > 0 ? table(hostColumns(hosts)) : "",
    receipt.exitCode === exitCodes.onTarget ? "" : WHAT_TO_DO,
  ];
}

function withoutReceipt({ runId, events }: LastRun): string[] {
  return [
    `### Rollout ${plain(runId)} left no receipt`,
    "It was ended before it could write one. Each host takes back or finishes by itself what was under way on it; look with `rollout status`, then deploy again.",
    picture(events),
  ];
}

const WHAT_TO_DO = "What to do: docs/runbook.md, by exit code and by the word before the colon.";

const facts = (entries: readonly (readonly [string, string])[]): string =>
  entries.map(([name, value]) => `- ${name}: ${value}`).join("\n");

function picture(events: readonly RolloutEvent[]): string {
  const { lines, left } = gantt(events);
  const note = left > 0 ? `\n\n${many(left, "host")} not drawn: there is no room.` : "";
  return lines.length > 0 ? `${block(lines, "mermaid")}${note}` : "";
}

/** The last lines of containers that failed. */
const logs = (events: readonly RolloutEvent[]): string[] =>
  events.flatMap((event) =>
    event.name === "failedLog"
      ? [folded(`last lines of the failed container on ${event.host ?? "a host"}`, block(event.data.lines))]
      : [],
  );
