/** Text on its way to people: cleaned, measured, padded and cut. All pure. */

// Colours, cursor moves and window titles, whose words would stay as text. They end on their own line: what follows is not theirs.
const ESCAPES =
  // eslint-disable-next-line no-control-regex
  /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]|(?:\u001b\]|\u009d)[^\u0007\u001b\u009c\u009d\n\r]*(?:\u0007|\u001b\\|\u009c)|\u001b[@-Z\\^_]/g;
/** Some readers end a line at these too, and a log of several lines may not look like one. */
const LINE_ENDS = /\r\n|[\n\r\v\f\u0085\u2028\u2029]/;
/**
 * What no reader sees and some act on: controls, also those of 8 bits, marks that turn the writing direction, and letters without a
 * width, which can hide a secret from whoever looks for it.
 */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}]/gu;
const HALF_CHARACTERS = /\p{Cs}/gu;
/** Workflow runners take `##[group]` and `##vso[…]` for orders, wherever they stand in a line. */
const RUNNER_ORDERS = /##(?=[A-Za-z]*\[)/g;

const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
const WIDTHLESS = /^[\p{Mn}\p{Me}\p{Cf}]$/u;

/**
 * Lines of a text without anything that could move a cursor, hide, or be an order to a workflow runner. A carriage return ends a line,
 * as it does for Terraform.
 */
export function cleanLines(text: string): string[] {
  return text
    .replace(ESCAPES, "")
    .split(LINE_ENDS)
    .map((line) => line.replaceAll("\t", "    ").replace(UNSEEN, "").replace(HALF_CHARACTERS, "\ufffd"))
    .map((line) => line.replace(RUNNER_ORDERS, "## ").trimEnd());
}

/** At most `most` characters of a text, and how many there were beyond. */
export function bounded(text: string, most: number): string {
  if (text.length <= most) return text;
  const head = text.slice(0, most).replace(HALF_CHARACTERS, "");
  return `${head}… (${grouped(text.length - head.length)} more characters)`;
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
