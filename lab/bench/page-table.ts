/** Tables of the bench's page: a line for each cell, or for each side of it. Pure. */
import { spreadOf, type Cell, type SideName, type Spread } from "./figures.js";

export const titles: Readonly<Record<SideName, string>> = {
  article: "article",
  drain: "drain",
  handoff: "handoff",
  control: "unrelated container",
};

/** Columns that say which cell a line is of. */
export const placeHead = ["droplets", "probe every"];
export const place = ({ droplets, interval }: Cell): string[] => [String(droplets), `${interval} s`];

/** Such as `12.1 (11.9 to 12.4)`, or one number where all are the same. */
export function spread({ min, median, max }: Spread, digits: number): string {
  const [least = "", middle = "", most = ""] = [min, median, max].map((value) => value.toFixed(digits));
  return least === most ? middle : `${middle} (${least} to ${most})`;
}

/** The same of single values; those that are not there are left out, and without any it is a dash. */
export function spreadIn(values: readonly (number | null)[], digits: number): string {
  const there = values.filter((value) => value !== null);
  return there.length > 0 ? spread(spreadOf(there), digits) : "–";
}

export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => "--:"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
