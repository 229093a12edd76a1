/** Text on its way to people: cleaned, measured, padded and cut. All pure. */

// Colours, cursor moves and window titles that a container may have written to its log.
// eslint-disable-next-line no-control-regex
const ESCAPES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\^_])/g;
// Everything else that moves a cursor or turns the writing direction around.
// eslint-disable-next-line no-control-regex
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
const WIDTHLESS = /^[\p{Mn}\p{Me}\p{Cf}]$/u;

/** Lines of a text without anything that could move a cursor. A carriage return ends a line, as it does for Terraform. */
export function cleanLines(text: string): string[] {
  return text
    .replace(ESCAPES, "")
    .split(/\r\n|\n|\r/)
    .map((line) => line.replaceAll("\t", "    ").replace(CONTROLS, "").trimEnd());
}

/** The same on one line. */
export const oneLine = (text: string): string => cleanLines(text).join(" ").trim();

/** Terminal cells that a text takes. */
export function cells(text: string): number {
  let sum = 0;
  for (const character of text) sum += cellsOf(character);
  return sum;
}

function cellsOf(character: string): number {
  if (WIDTHLESS.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

/** At most `width` cells of a text; what is cut off is shown as `…`. */
export function cut(text: string, width: number): string {
  if (cells(text) <= width) return text;
  if (width < 1) return "";
  let result = "";
  let left = width - 1;
  for (const character of text) {
    left -= cellsOf(character);
    if (left < 0) break;
    result += character;
  }
  return `${result}…`;
}

/** The same, but the end stays: names of hosts differ there. */
export function cutStart(text: string, width: number): string {
  if (cells(text) <= width) return text;
  const reversed = (value: string): string => Array.from(value).reverse().join("");
  return reversed(cut(reversed(text), width));
}

/** A text cut or filled to exactly `width` cells. */
export function fit(text: string, width: number, align: "left" | "right" = "left"): string {
  const short = cut(text, width);
  const space = " ".repeat(Math.max(0, width - cells(short)));
  return align === "left" ? short + space : space + short;
}

/** Seconds with one decimal, such as `7.1 s`. */
export const seconds = (value: number): string => `${value.toFixed(1)} s`;

/** A count with its noun, such as `1 host` or `2,000 hosts`. */
export const many = (count: number, noun: string): string => `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;

/** A whole number in groups of three digits, the same in every locale. */
export const grouped = (count: number): string => String(Math.round(count)).replace(/\B(?=(\d{3})+(?!\d))/g, ",");

/** One column of a text table. */
export interface Column {
  readonly title: string;
  readonly align: "left" | "right";
  readonly values: readonly string[];
}

/** Lines of a table with a heading, each column as wide as its widest value. */
export function textTable(columns: readonly Column[]): string[] {
  const height = Math.max(0, ...columns.map((column) => column.values.length));
  const widths = columns.map(({ title, values }) => Math.max(cells(title), ...values.map(cells)));
  const line = (pick: (column: Column) => string): string =>
    columns
      .map((column, index) => fit(pick(column), widths[index] ?? 0, column.align))
      .join("  ")
      .trimEnd();
  return [
    line((column) => column.title),
    ...Array.from({ length: height }, (_, row) => line((column) => column.values[row] ?? "")),
  ];
}
