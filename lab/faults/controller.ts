/** A rollout as a process of its own: it tells its events while it runs, and can be killed or stood still. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { environmentNames } from "../../contract/manifest.js";
import type { RolloutEvent } from "../../scripts/rollout/core/events.js";
import { runFolders } from "../rehearsal.js";
import type { World } from "../world.js";

/** Between two looks for new events. */
const LOOK_MS = 20;

export interface Order {
  /** @default - the release before */
  readonly image?: string;
  readonly stackFolder: string;
  readonly environment?: Readonly<Record<string, string>>;
}

export class Controller {
  /** Exit code; null when a signal ended it. */
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcess;
  readonly #before: readonly string[];
  readonly #environment: Readonly<Record<string, string>>;
  #folder: string | undefined;
  #told = 0;
  #said = "";

  /** Runs what the provisioner's command does, in a process group of its own; without its shell, which a signal would end first. */
  constructor(
    world: World,
    input: Order,
    private readonly onEvent: (event: RolloutEvent) => void = () => undefined,
  ) {
    const { environment, cwd } = world.rolloutCommand({ image: "", ...input });
    const argv = [environment[environmentNames.bundle] ?? "", input.image === undefined ? "rollback" : "deploy"];
    this.#environment = environment;
    this.#before = runFolders(environment);
    this.#child = spawn(process.execPath, argv, {
      ...{ cwd, env: { ...environment, ...input.environment }, detached: true },
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#child.stderr?.on("data", (chunk: Buffer) => (this.#said += chunk.toString()));
    const looking = setInterval(() => this.#look(), LOOK_MS);
    // Not "close": what it started may hold the stream.
    this.ended = once(this.#child, "exit").then(([code]) => {
      clearInterval(looking);
      this.#look();
      return code as number | null;
    });
  }

  /** What it wrote to stderr so far. */
  get said(): string {
    return this.#said;
  }

  /** To the rollout and all that it started. One that has ended needs none. */
  signal(name: NodeJS.Signals): void {
    const { pid, exitCode, signalCode } = this.#child;
    if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, name);
  }

  #look(): void {
    // The first one: a second rollout that is started meanwhile has its own.
    this.#folder ??= runFolders(this.#environment).find((candidate) => !this.#before.includes(candidate));
    const file = this.#folder === undefined ? "" : path.join(this.#folder, "events.jsonl");
    if (!existsSync(file)) return;
    const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
    for (const line of lines.slice(this.#told)) {
      this.#told += 1;
      this.onEvent(JSON.parse(line) as RolloutEvent);
    }
  }
}
