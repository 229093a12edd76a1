/** The page around the picture: one HTML file that needs nothing else. */
import type { Receipt } from "../../core/receipt.js";
import { hostColumns, outcomeText, witnessText } from "../receipt-text.js";
import { oneLine } from "../text.js";
import { WIDTH } from "./layout.js";
import { FONT } from "./palette.js";
import { element, escaped } from "./svg.js";

const STYLE = `
:root { color-scheme: light dark; }
body { font: 15px/1.5 ${FONT}; max-width: ${WIDTH}px; margin: 24px auto; padding: 0 16px; }
svg { max-width: 100%; height: auto; }
.table { overflow-x: auto; }
table { border-collapse: collapse; margin: 16px 0; font-variant-numeric: tabular-nums; }
th, td { padding: 4px 14px; border-bottom: 1px solid #8c959f66; text-align: left; }
.right { text-align: right; }
`;

/** A whole page; `body` is markup already. */
export const page = (title: string, body: readonly string[]): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
</head>
<body>
${body.join("\n")}
</body>
</html>
`;

/** The receipt as a table, and what became of the rollout. */
export function receiptHtml(receipt: Receipt): string {
  const columns = hostColumns(receipt.hosts);
  const side = (align: "left" | "right"): Record<string, string> => (align === "right" ? { class: align } : {});
  const head = columns.map(({ title, align }) => element("th", { scope: "col", ...side(align) }, escaped(title)));
  const rows = receipt.hosts.map((_, row) =>
    element("tr", {}, ...columns.map(({ align, values }) => element("td", side(align), escaped(values[row] ?? "")))),
  );
  const table = element("table", {}, element("tr", {}, ...head), ...rows);
  const facts = [
    outcomeText(receipt),
    `witness: ${witnessText(receipt)}`,
    ...errorText(receipt),
    ...releaseText(receipt),
  ];
  return [element("div", { class: "table" }, table), ...facts.map((fact) => element("p", {}, escaped(fact)))].join(
    "\n",
  );
}

const errorText = ({ error }: Receipt): string[] => (error ? [`error: ${error.code}: ${oneLine(error.message)}`] : []);

const releaseText = ({ release }: Receipt): string[] =>
  release ? [`release: ${release.id} (${oneLine(release.image)})`] : [];
