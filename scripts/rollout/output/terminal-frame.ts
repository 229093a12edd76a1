/** The live display as lines of text for a terminal of a given size. Pure. */
import type { HostStatus } from "../core/events.js";
import type { HostRow, TerminalState } from "./terminal-state.js";
import { cells, cut, cutStart, fit, many, oneLine, seconds } from "./text.js";

const STATUS_WIDTH = 8;
const TIME_WIDTH = 8;
const SHORTEST_DETAIL = 8;
const GAP = "  ";

/** In the order of urgency, for a fleet too wide for a row a host. */
const statuses = [
  "failed",
  "restored",
  "draining",
  "ejected",
  "starting",
  "ready",
  "idle",
  "waiting",
  "serving",
  "retired",
] as const satisfies readonly HostStatus[];

/** Colours of the terminal's own palette, so that they suit its background. */
const colors: Readonly<Record<HostStatus, number>> = {
  waiting: 2,
  idle: 2,
  serving: 32,
  draining: 33,
  ejected: 35,
  starting: 36,
  ready: 32,
  failed: 31,
  restored: 33,
  retired: 2,
};

/**
 * Lines of the display, none wider than `columns - 1` cells and fewer than `rows`: the last column and row stay free,
 * because terminals wrap and scroll there.
 */
export function frame(state: TerminalState, columns: number, rows: number, color: boolean): string[] {
  const width = Math.max(1, columns - 1);
  const space = Math.max(1, rows - 1);
  const head = cut(headLine(state), width);
  const body =
    state.hosts.length <= space - 1 ? hostLines(state, width, color) : statusLines(state.hosts, width, color);
  return [head, ...body].slice(0, space);
}

function headLine({ elapsedMs, expectedSeconds, stage, finished }: TerminalState): string {
  const end = expectedSeconds === null || finished ? "" : ` of about ${seconds(expectedSeconds)}`;
  return `${seconds(elapsedMs / 1000)}${end}${GAP}${oneLine(stage)}`;
}

function hostLines(state: TerminalState, width: number, color: boolean): string[] {
  const longest = Math.max(...state.hosts.map(({ name }) => cells(name)), 0);
  const nameWidth = Math.min(longest, Math.max(4, Math.floor(width / 3)));
  return state.hosts.map((row) => {
    const time = seconds(Math.max(0, state.elapsedMs - row.sinceMs) / 1000);
    return hostLine(row, { name: nameWidth, total: width }, time, color);
  });
}

/** What does not fit is left out from the right: detail, then seconds, then the end of the status. */
function hostLine(row: HostRow, width: { name: number; total: number }, time: string, color: boolean): string {
  const name = fit(cutStart(oneLine(row.name), width.name), width.name);
  const statusSpace = width.total - width.name - GAP.length;
  if (statusSpace < 1) return cut(name, width.total);
  const status = painted(fit(row.status, Math.min(STATUS_WIDTH, statusSpace)), row.status, color);
  const left = statusSpace - STATUS_WIDTH - GAP.length - TIME_WIDTH;
  if (left < 0) return name + GAP + status;
  const detailWidth = left - GAP.length;
  const detail = detailWidth < SHORTEST_DETAIL ? "" : cut(oneLine(row.detail), detailWidth);
  return `${name}${GAP}${status}${GAP}${time.padStart(TIME_WIDTH)}${detail && GAP + detail}`;
}

/** One line a status that any host has, with as many names as fit. */
function statusLines(hosts: readonly HostRow[], width: number, color: boolean): string[] {
  return statuses.flatMap((status) => {
    const names = hosts.filter((row) => row.status === status).map(({ name }) => oneLine(name));
    if (names.length === 0) return [];
    const text = cut(`${fit(status, STATUS_WIDTH)}${GAP}${many(names.length, "host")}: ${names.join(", ")}`, width);
    return [painted(text.slice(0, STATUS_WIDTH), status, color) + text.slice(STATUS_WIDTH)];
  });
}

const painted = (text: string, status: HostStatus, color: boolean): string =>
  color ? `\u001b[${colors[status]}m${text}\u001b[0m` : text;

/** A line without colours, for measuring. */
// eslint-disable-next-line no-control-regex
export const unpainted = (line: string): string => line.replace(/\u001b\[\d+m/g, "");
