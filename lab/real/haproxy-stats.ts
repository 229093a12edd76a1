/** What HAProxy's `show stat` says of its servers. @see https://docs.haproxy.org/2.6/management.html#9.1 columns */
import { z } from "zod";

export interface ServerStats {
  readonly name: string;
  /** Gets new requests. */
  readonly inRotation: boolean;
  /** Requests sent to it so far, probes not among them. */
  readonly requests: number;
  /** Requests that it has not answered yet. */
  readonly inFlight: number;
}

const row = z.object({
  svname: z.string().min(1),
  status: z.string().min(1),
  stot: z.coerce.number().int(),
  scur: z.coerce.number().int(),
});

/** @param csv answer to `show stat <backend> 4 -1` @throws ZodError for anything else */
export function readStats(csv: string): ServerStats[] {
  const [titles = "", ...lines] = csv.split("\n").filter((line) => line.trim() !== "");
  const names = titles.replace(/^# /, "").split(",");
  return lines.map((line) => {
    const values = line.split(",");
    const { svname, status, stot, scur } = row.parse(
      Object.fromEntries(names.map((name, index) => [name, values[index]])),
    );
    // "UP 1/2" is still in rotation after a first failed probe; "DOWN 1/2" is not yet after a first passed one.
    return { name: svname, inRotation: /^UP\b/.test(status), requests: stot, inFlight: scur };
  });
}
