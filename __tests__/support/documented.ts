/** What a page of the documentation tells its reader to do: code blocks in their order. */
import { readFileSync } from "node:fs";

type Language = "sh" | "ts" | "text";

export interface Block {
  /** Title of the section that it stands in. */
  readonly section: string;
  /** `sh` is to be run, `ts` to be put into fleet.config.ts, `text` is what is shown. */
  readonly language: Language;
  /** Without empty ones. */
  readonly lines: readonly string[];
}

/** @throws Error for a block of another language */
export function blocksOf(page: string): Block[] {
  const blocks: Block[] = [];
  let section = "";
  let open: { language: Language; lines: string[] } | null = null;
  for (const line of readFileSync(page, "utf8").split("\n")) {
    const [, language] = /^```(.*)$/.exec(line) ?? [];
    if (open && language === "") {
      blocks.push({ section, ...open });
      open = null;
    } else if (open) {
      if (line.trim() !== "") open.lines.push(line.trim());
    } else if (language !== undefined) {
      if (language !== "sh" && language !== "ts" && language !== "text")
        throw new Error(`${page} has a block of "${language}"`);
      open = { language, lines: [] };
    } else section = /^## (.*)$/.exec(line)?.[1] ?? section;
  }
  return blocks;
}
