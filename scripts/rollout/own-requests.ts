/** The rollout's own requests through the balancer, whoever wants them: hosts count all of them, and cannot tell whose they are. */
import type { Witness, WitnessReport } from "./ports.js";

export class OwnRequests {
  #begun = 0;
  #failed = 0;
  #underWay = 0;

  constructor(private readonly witness: Pick<Witness, "send">) {}

  async send(count: number): Promise<WitnessReport> {
    this.#begun += count;
    this.#underWay += count;
    try {
      const report = await this.witness.send(count);
      // Those that were not even sent reached no host either.
      this.#failed += count - report.answered;
      return report;
    } finally {
      this.#underWay -= count;
    }
  }

  /** @returns tells how many were under way since this call and have not failed. Hosts have answered no more than these meanwhile. */
  mark(): () => number {
    const [begun, failed, underWay] = [this.#begun, this.#failed, this.#underWay];
    return () => underWay + (this.#begun - begun) - (this.#failed - failed);
  }
}
