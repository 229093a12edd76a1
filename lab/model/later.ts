/** Work that each node does at its own time: what is to be done later is left out when something newer is. */
export class Later {
  readonly #timers = new Map<number, NodeJS.Timeout>();

  /** @param seconds 0: at once, and waited for; else nobody waits, and `onFault` is told of what goes wrong */
  async do(node: number, seconds: number, work: () => Promise<void>, onFault: (error: unknown) => void): Promise<void> {
    clearTimeout(this.#timers.get(node));
    if (seconds === 0) return work();
    const timer = setTimeout(() => {
      work().catch(onFault);
    }, seconds * 1000);
    this.#timers.set(node, timer);
  }

  stop(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }
}
