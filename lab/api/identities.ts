/** Ids of what an account creates, in the form that DigitalOcean gives them. None of them exists anywhere. */

/** Ids of one kind are numbers without a gap, so that a test's failure reads the same each time. */
export class Identities {
  readonly #next = new Map<string, number>([
    ["droplet", 400_000_001],
    ["ssh key", 512_189],
    ["record", 28_448_429],
    ["action", 36_804_636],
  ]);

  nextNumber(kind: "droplet" | "ssh key" | "record" | "action"): number {
    return this.#take(kind);
  }

  nextUuid(): string {
    return `4de7ac8b-495b-4884-9a69-${this.#take("uuid").toString(16).padStart(12, "0")}`;
  }

  #take(kind: string): number {
    const number = this.#next.get(kind) ?? 1;
    this.#next.set(kind, number + 1);
    return number;
  }
}
