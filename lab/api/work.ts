/** Work on machines that goes on after the API has answered: for each machine one thing after the other. */

export class Work {
  readonly #tails = new Map<string, Promise<void>>();
  readonly #failures: Error[] = [];

  /** @param onFault told of work that failed */
  constructor(private readonly onFault: (fault: string) => void) {}

  /** @param machine such as "droplet 400000001" */
  start(machine: string, job: () => Promise<void>): void {
    const tail = (this.#tails.get(machine) ?? Promise.resolve()).then(job).catch((error: unknown) => {
      this.#failures.push(error instanceof Error ? error : new Error(String(error)));
      this.onFault(`${machine}: ${String(error)}`);
    });
    this.#tails.set(machine, tail);
    void tail.then(() => {
      if (this.#tails.get(machine) === tail) this.#tails.delete(machine);
    });
  }

  /** Whether something is under way on a machine. */
  busy(machine: string): boolean {
    return this.#tails.has(machine);
  }

  /** Resolves once nothing is under way. @throws the first failure since this was asked last */
  async settled(): Promise<void> {
    while (this.#tails.size > 0) await Promise.all(this.#tails.values());
    const [first] = this.#failures.splice(0);
    if (first) throw first;
  }
}
