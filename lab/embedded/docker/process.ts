/** The process behind a container: a child of the lab in a process group of its own. */
import { spawn, type ChildProcess } from "node:child_process";
import { accessSync, constants as files } from "node:fs";
import { constants } from "node:os";
import path from "node:path";
import { DockerError } from "../../model/docker-error.js";
import type { LogBuffer } from "./log-buffer.js";

export interface ProcessRequest {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly folder: string;
  readonly log: LogBuffer;
  /** With the code that Docker shows: 128 + n for signal n. */
  readonly onEnd: (exitCode: number) => void;
}

export class ContainerProcess {
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;

  constructor({ command, environment, folder, log, onEnd }: ProcessRequest) {
    const [file = "", ...args] = command;
    this.#child = spawn(file, args, {
      cwd: folder,
      env: { ...environment },
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of ["stdout", "stderr"] as const) {
      this.#child[stream]?.setEncoding("utf8").on("data", (chunk: string) => log.add(stream, chunk));
    }
    this.ended = new Promise((settle) => {
      const finish = (exitCode: number): void => {
        // With process 1 a container's other processes end.
        this.signal("SIGKILL");
        onEnd(exitCode);
        settle();
      };
      this.#child.once("error", () => finish(127));
      this.#child.once("exit", (code, signal) => finish(code ?? 128 + (signal ? constants.signals[signal] : 0)));
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** To the whole group, as `--init` and a shell as process 1 would pass it on. */
  signal(signal: NodeJS.Signals): void {
    try {
      if (this.#child.pid !== undefined) process.kill(-this.#child.pid, signal);
    } catch {
      // Gone already.
    }
  }
}

/** @throws DockerError as the engine words a command that the image does not have */
export function checkExecutable(file: string, searchPath: string): void {
  const places = file.includes("/") ? [file] : searchPath.split(":").map((folder) => path.join(folder, file));
  if (places.some(isExecutable)) return;
  throw new DockerError(
    `OCI runtime create failed: runc create failed: unable to start container process: exec: "${file}": executable file not found in $PATH: unknown`,
  );
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, files.X_OK);
    return true;
  } catch {
    return false;
  }
}
