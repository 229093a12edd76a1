/** What HAProxy's master says of its workers. @see https://docs.haproxy.org/2.6/management.html#9.4 "show proc" */

export interface Workers {
  /** Serves new connections; null while the master starts it. */
  readonly current: number | null;
  /** Serve the connections that they have, and end with them. */
  readonly old: readonly number[];
  /** Configurations in a row that were refused. */
  readonly refused: number;
}

/** @param text answer to `show proc`; empty when the master began anew before it answered */
export function readWorkers(text: string): Workers {
  const [current = null] = processIds(text, "workers");
  return { current, old: processIds(text, "old workers"), refused: Number(/\[failed: (\d+)\]/.exec(text)?.[1] ?? 0) };
}

/** Of the lines under a title. */
function processIds(text: string, title: string): number[] {
  const [, below = ""] = text.split(`# ${title}\n`);
  const [lines = ""] = below.split("#");
  return [...lines.matchAll(/^\d+/gm)].map(([id]) => Number(id));
}
