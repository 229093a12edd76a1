/** What a container wrote, the newest lines only. */

export type Stream = "stdout" | "stderr";

export interface LogLine {
  readonly stream: Stream;
  readonly text: string;
}

const MOST_LINES = 2000;

export class LogBuffer {
  readonly #lines: LogLine[] = [];
  readonly #partial = { stdout: "", stderr: "" };

  add(stream: Stream, chunk: string): void {
    const lines = (this.#partial[stream] + chunk).split("\n");
    this.#partial[stream] = lines.pop() ?? "";
    this.#lines.push(...lines.map((text) => ({ stream, text })));
    if (this.#lines.length > MOST_LINES) this.#lines.splice(0, this.#lines.length - MOST_LINES);
  }

  /** The last lines, oldest first, with those that are not ended yet. */
  tail(count: number): LogLine[] {
    const open = (["stdout", "stderr"] as const).flatMap((stream) =>
      this.#partial[stream] ? [{ stream, text: this.#partial[stream] }] : [],
    );
    return count <= 0 ? [] : [...this.#lines, ...open].slice(-count);
  }
}
