/** An HTTP request that a droplet itself makes, with its own curl. Pure. */
import type { Answer } from "../site.js";

const MAX_SECONDS = "30";

/** Arguments of the command. {@link answerOf} reads what it prints. */
export const requestFrom = (method: string, url: string): string[] => [
  ...["curl", "--silent", "--show-error", "--max-time", MAX_SECONDS, "--request", method],
  ...["--write-out", "\n%{http_code}", url],
];

/** The body parsed where it is JSON, else as text. */
export function answerOf(output: string): Answer {
  const cut = output.lastIndexOf("\n");
  return { status: Number(output.slice(cut + 1)), body: parsed(output.slice(0, cut)) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
