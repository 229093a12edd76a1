/** A process of the fault suite: does what it is told to, one order after the other, so that no fleet shares a thread with another one. */
import { getEachMessage, sendMessage } from "execa";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { stopSignal } from "../../scripts/rollout/adapters/signals.js";
import type { SiteName } from "../site-names.js";
import { faults } from "./catalogue.js";
import { faultFor, type FaultStrategy } from "./fault.js";
import type { Phase } from "./phase.js";
import { befall, faultStacks, type Outcome } from "./run.js";

/** What a worker is told to do. */
export interface Task {
  readonly site: SiteName;
  readonly strategy: FaultStrategy;
  /** Its name. */
  readonly fault: string;
  readonly phase: Phase;
}

/** What it answers: what was seen, or why nothing could be. */
export type Answer = { readonly outcome: Outcome } | { readonly error: string };

async function perform(): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), "evenkeel-faults-"));
  const stacks = faultStacks(folder);
  const stop = stopSignal();
  // Nobody tells it anything any more.
  stop.signal.addEventListener("abort", () => process.disconnect());
  try {
    for await (const message of getEachMessage()) {
      const { site, strategy, fault: name, phase } = message as unknown as Task;
      const found = faults.find((one) => one.name === name);
      const fault = found && faultFor(found, strategy);
      if (!fault) throw new Error(`there is no fault "${name}" for ${strategy}`);
      const answer = await befall(fault, phase, { site, strategy, stacks, signal: stop.signal }).then(
        (outcome): Answer => ({ outcome }),
        (error: unknown): Answer => ({ error: String(error) }),
      );
      if (stop.signal.aborted) break;
      await sendMessage(answer);
    }
  } finally {
    stop.dispose();
    rmSync(folder, { recursive: true, force: true });
  }
}

await perform();
