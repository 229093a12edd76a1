/**
 * The timeline in Mermaid's words, for pages that show no SVG of ours but draw Mermaid themselves, as GitHub's job summaries do.
 * @see https://mermaid.js.org/syntax/gantt.html
 */
import type { HostStatus, RolloutEvent } from "../../core/events.js";
import { statusStyles } from "../timeline/palette.js";
import { timelineModel, type Row, type Segment } from "../timeline/model.js";
import { oneLine } from "../text.js";

/** Mermaid draws no diagram of more than 50,000 characters. */
const MOST_CHARACTERS = 40_000;
/**
 * Times are those of a day without a change of clocks: Mermaid reads and writes local time, so what is written here is what the axis
 * shows, wherever it is read.
 */
const MIDNIGHT_MS = Date.UTC(2001, 0, 1);

/** Mermaid writes a name that has no room beside its bar, over the next one. */
const NARROWEST_NAMED = 0.08;
/** Grey for what is quiet, light where nothing serves, red for what is not well; the others have the ordinary colour. */
const tags: Partial<Record<HostStatus, string>> = {
  serving: "done, ",
  retired: "done, ",
  ejected: "active, ",
  starting: "active, ",
  failed: "crit, ",
};
/** Nothing happens to the host meanwhile. */
const blank: ReadonlySet<HostStatus> = new Set(["waiting", "idle"]);

/** As little as Mermaid takes for a name: blanks are none. */
const NO_NAME = "·";

export interface Gantt {
  /** Lines of the diagram; empty when there is nothing to draw. */
  readonly lines: readonly string[];
  /** Hosts that found no room. */
  readonly left: number;
}

/** A row a host, a bar for each status; hosts to which more happened come first when there is no room for all. */
export function gantt(events: readonly RolloutEvent[]): Gantt {
  const { rows, start, end } = timelineModel(events, undefined);
  const narrow = (end - start) * NARROWEST_NAMED;
  const eventful = (row: Row): number => Math.min(row.segments.length, 4);
  const chosen = new Set<Row>();
  let room = MOST_CHARACTERS;
  for (const row of [...rows].sort((one, other) => eventful(other) - eventful(one))) {
    room -= section(row, narrow).join("\n").length;
    if (room > 0) chosen.add(row);
  }
  const sections = rows.filter((row) => chosen.has(row)).flatMap((row) => section(row, narrow));
  return { lines: sections.length > 0 ? [...HEAD, ...sections] : [], left: rows.length - chosen.size };
}

const HEAD = [
  "---",
  "displayMode: compact",
  "---",
  "gantt",
  "  dateFormat YYYY-MM-DD HH:mm:ss.SSS",
  "  axisFormat %H:%M:%S",
] as const;

function section({ host, segments }: Row, narrow: number): string[] {
  const drawn = segments.filter(({ status }) => !blank.has(status));
  return drawn.length > 0 ? [`  section ${word(host)}`, ...drawn.map((segment) => task(segment, narrow))] : [];
}

function task({ status, from, to }: Segment, narrow: number): string {
  const name = to - from < narrow ? NO_NAME : statusStyles[status].label;
  return `  ${name} :${tags[status] ?? ""}${moment(from)}, ${moment(to)}`;
}

const moment = (seconds: number): string =>
  new Date(MIDNIGHT_MS + Math.round(seconds * 1000)).toISOString().replace("T", " ").replace("Z", "");

/** A name without what Mermaid reads as its own. */
const word = (name: string): string => oneLine(name).replaceAll(/[^A-Za-z0-9._-]/g, "_");
