/** What one rollout leaves behind on the machine that runs it: events, receipt and picture, in a folder of its own. */
import { appendFileSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { RolloutEvent } from "../core/events.js";
import type { Receipt } from "../core/receipt.js";
import { jsonLine } from "../output/json-lines.js";
import { jsonText } from "../output/out.js";
import { showable, shownEvent } from "../output/shown.js";
import { timelineSvg } from "../output/timeline/timeline.js";
import type { Events } from "../ports.js";

/** Within the state folder. */
export const RUNS_FOLDER = "runs";
/** Within a run's own folder. */
export const EVENTS_FILE = "events.jsonl";
export const RECEIPT_FILE = "receipt.json";

/**
 * The record is an addition: when it cannot be written (a full disk, say), the rollout goes on, and `warn` is told once. Secrets are
 * taken out before anything is written.
 */
export class RunRecord implements Events {
  readonly #events: RolloutEvent[] = [];
  readonly #shown: <Value>(value: Value) => Value;
  #broken = false;

  constructor(
    private readonly folder: string,
    secrets: readonly string[],
    private readonly warn: (why: string) => void,
  ) {
    this.#shown = showable(secrets);
    this.#try(() => mkdirSync(folder, { recursive: true, mode: 0o700 }));
  }

  emit(event: RolloutEvent): void {
    const shown = shownEvent(event, this.#shown);
    this.#events.push(shown);
    this.#try(() => appendFileSync(path.join(this.folder, EVENTS_FILE), `${jsonLine(shown)}\n`));
  }

  finish(receipt: Receipt): void {
    this.#try(() => this.#write(RECEIPT_FILE, `${jsonText(this.#shown(receipt), 2)}\n`));
    const title = `${receipt.fleet}: rollout ${receipt.runId}`;
    this.#try(() => this.#write("timeline.svg", timelineSvg({ events: this.#events, title })));
  }

  /** Puts a file in place whole or not at all. */
  #write(name: string, text: string): void {
    const file = path.join(this.folder, name);
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
  }

  #try(work: () => void): void {
    if (this.#broken) return;
    try {
      work();
    } catch (error) {
      this.#broken = true;
      this.warn(
        `the record in ${this.folder} is not complete: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }
}
