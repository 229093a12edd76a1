/** Work whose result serves everybody who asks for it at the same time, such as a window of witness requests. */
export class Rounds<Result> {
  #last: Promise<unknown> = Promise.resolve();
  #next: Promise<Result> | null = null;

  constructor(private readonly work: () => Promise<Result>) {}

  /** The result of a round that begins after this call: one that is under way may have begun too early. */
  join(): Promise<Result> {
    if (this.#next) return this.#next;
    const round = this.#after(this.#last);
    this.#next = round;
    this.#last = round;
    return round;
  }

  async #after(last: Promise<unknown>): Promise<Result> {
    await last.catch(() => undefined);
    this.#next = null;
    return this.work();
  }
}
