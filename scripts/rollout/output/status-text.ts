/** What the hosts run, as a table for people. Pure. */
import type { FleetLook, HostRow } from "../status.js";
import { cut, oneLine, textTable } from "./text.js";

/** Most terminal cells of one value: an image by digest fits, and a host cannot push the other columns out of sight. */
const WIDEST = 200;

/** A row a host, then the rollout that has one in hand, then containers that were handed over from and have not ended, then where a rollback would lead. */
export function statusText({ rows, previous }: FleetLook): string {
  const column = (title: string, pick: (row: HostRow) => string | null) => ({
    title,
    values: rows.map((row) => cut(oneLine(pick(row) ?? "-"), WIDEST)),
    align: "left" as const,
  });
  const table = textTable([
    column("host", ({ name }) => name),
    column("droplet", ({ id }) => id),
    column("state", ({ state }) => state),
    column("release", ({ release }) => release),
    column("image", ({ image }) => image),
  ]);
  const runs = rows.flatMap(({ name, run }) => (run === null ? [] : [oneLine(`${name} is ${run}`)]));
  const leaving = rows.flatMap(({ name, leaving: containers }) =>
    containers.map((container) =>
      oneLine(
        `${name}: ${container} still runs: it is kept for a way back, or something is open to it; the next rollout ends it`,
      ),
    ),
  );
  return `${[...table, ...runs, ...leaving, oneLine(`previous: ${previous}`)].join("\n")}\n`;
}
