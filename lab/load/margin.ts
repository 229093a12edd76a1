/** What a load sends before and after something is done under it: what the last moments do to clients is seen a little later. */
import type { Load } from "./load.js";

/** The load runs that much longer at either end. */
const MARGIN_SECONDS = 2;

/** Resolves when so much more was sent, and one request at least. @throws Error when the load ends before */
export function margin(load: Load, ratePerSecond: number): Promise<void> {
  const goal = load.progress().sent + Math.max(1, Math.ceil(MARGIN_SECONDS * ratePerSecond));
  return load.until(({ sent }) => sent >= goal);
}
