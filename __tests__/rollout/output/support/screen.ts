/** A small terminal: enough of one to see what a person would see. It knows newline, carriage return, cursor up and erase below. */
export class Screen {
  #rows: string[] = [""];
  #row = 0;

  /** Takes output in a window that is so many columns wide. */
  write(text: string, columns: number): void {
    // eslint-disable-next-line no-control-regex
    for (const [token, up] of text.matchAll(/\u001b\[(\d+)A|\u001b\[J|\r|\n|[^\u001b\r\n]+/g)) {
      if (up !== undefined) this.#row = Math.max(0, this.#row - Number(up));
      else if (token === "\u001b[J") this.#rows = [...this.#rows.slice(0, this.#row), ""];
      else if (token === "\n") this.#newLine();
      else if (token !== "\r") this.#print(token, columns);
    }
  }

  /** Wraps what is there, as terminals do when their window gets narrower. */
  resize(columns: number): void {
    const wrapped = this.#rows.map((row) => pieces(row, columns));
    this.#row = wrapped.slice(0, this.#row).flat().length;
    this.#rows = wrapped.flat();
  }

  /** What is on the screen, without the empty line that the cursor waits on. */
  lines(): string[] {
    return this.#rows.at(-1) === "" ? this.#rows.slice(0, -1) : this.#rows;
  }

  #newLine(): void {
    this.#row += 1;
    this.#rows[this.#row] ??= "";
  }

  #print(text: string, columns: number): void {
    const [first = "", ...more] = pieces(text, columns);
    this.#rows[this.#row] = first;
    for (const piece of more) {
      this.#newLine();
      this.#rows[this.#row] = piece;
    }
  }
}

function pieces(text: string, columns: number): string[] {
  const count = Math.max(1, Math.ceil(text.length / columns));
  return Array.from({ length: count }, (_, index) => text.slice(index * columns, (index + 1) * columns));
}
