/** How a measured rollout ended, from the record that it leaves in its state folder. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import type { RolloutEvent } from "../../scripts/rollout/core/events.js";
import type { Receipt } from "../../scripts/rollout/core/receipt.js";
import type { ScaleRun } from "./figures.js";

export type Outcome = Pick<ScaleRun, "error" | "lockedSeconds" | "witnessRequests">;

/** Null without a receipt: the rollout did not come as far as its beginning, or broke down. */
export function outcomeIn(stateFolder: string): Outcome | null {
  const folder = runFolder(stateFolder);
  const receiptFile = path.join(folder, "receipt.json");
  if (!existsSync(receiptFile)) return null;
  const receipt = JSON.parse(readFileSync(receiptFile, "utf8")) as Receipt;
  return {
    error: receipt.error ? `${receipt.error.code}: ${receipt.error.message}` : null,
    lockedSeconds: lockedSeconds(readFileSync(path.join(folder, "events.jsonl"), "utf8")),
    witnessRequests: receipt.witness.sent,
  };
}

/** The only run's. */
function runFolder(stateFolder: string): string {
  const runs = path.join(stateFolder, "runs");
  const [run = ""] = existsSync(runs) ? readdirSync(runs) : [];
  return path.join(runs, run);
}

/** 0 for a rollout that ended before. */
function lockedSeconds(lines: string): number {
  const events = lines
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as RolloutEvent);
  return (events.find(({ name }) => name === "locked")?.elapsedMs ?? 0) / 1000;
}
