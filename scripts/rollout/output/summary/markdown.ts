/** Text as GitHub's Markdown: what a container or an API wrote stays text, whatever it looks like. Pure. */
import { type Column, cleanLines, oneLine } from "../text.js";

/** One line of plain text. */
export const plain = (text: string): string => oneLine(text).replaceAll(/[\\`*_[\]<>#|~&@]/g, "\\$&");

/** A name, an id or an image, shown as it is. */
export function code(text: string): string {
  const shown = oneLine(text);
  const fence = "`".repeat(longestRun(shown) + 1);
  const pad = /^`|`$/.test(shown) ? " " : "";
  return `${fence}${pad}${shown}${pad}${fence}`;
}

/** Lines as they are. */
export function block(lines: readonly string[], language = "text"): string {
  const shown = lines.flatMap(cleanLines);
  const fence = "`".repeat(Math.max(3, longestRun(shown.join("\n")) + 1));
  return [`${fence}${language}`, ...shown, fence].join("\n");
}

/** A table with a heading; its cells are plain text. */
export function table(columns: readonly Column[]): string {
  const height = Math.max(0, ...columns.map(({ values }) => values.length));
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [
    line(columns.map(({ title }) => plain(title))),
    line(columns.map(({ align }) => (align === "right" ? "---:" : "---"))),
    ...Array.from({ length: height }, (_, row) => line(columns.map(({ values }) => plain(values[row] ?? "")))),
  ].join("\n");
}

/** Something long, folded. */
export const folded = (title: string, content: string): string =>
  `<details>\n<summary>${plain(title)}</summary>\n\n${content}\n\n</details>`;

const longestRun = (text: string): number => Math.max(0, ...(text.match(/`+/g) ?? []).map(({ length }) => length));
