/** Stacks of one configuration module for different fleets, each synthesized once. */
import path from "node:path";
import type { FleetConfig } from "../constructs/index.js";
import { synthesize, type SynthesizedStack } from "./rehearsal.js";

export class Stacks {
  readonly #stacks = new Map<string, Promise<SynthesizedStack>>();

  /**
   * @param configModule reads what is wanted of the fleet from a variable, as JSON
   * @param folder everything that is synthesized lies below it
   */
  constructor(
    private readonly configModule: string,
    private readonly variable: string,
    private readonly folder: string,
  ) {}

  of(fleet: FleetConfig): Promise<SynthesizedStack> {
    const wanted = JSON.stringify(fleet);
    const known = this.#stacks.get(wanted);
    if (known) return known;
    const out = path.join(this.folder, String(this.#stacks.size));
    const stack = synthesize(this.configModule, out, { [this.variable]: wanted });
    this.#stacks.set(wanted, stack);
    return stack;
  }
}
