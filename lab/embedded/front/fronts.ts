/** Which container a droplet's ports lead to: what is in force, and what is kept for the next boot. */

/** What a front is for, and where it leads. */
export interface Lead {
  /** Of the droplet. */
  readonly address: string;
  /** Ports that clients are sent to. */
  readonly services: readonly number[];
  /** Ports that the balancer's health check asks; none where it asks the former. */
  readonly checks: readonly number[];
  /** Address of the container. */
  readonly target: string;
  readonly port: number;
}

export interface LiveLead extends Lead {
  /** Its health ports are refused. */
  readonly dropped: boolean;
}

export class Fronts {
  /** By name; the one that was changed last comes last. */
  readonly #live = new Map<string, LiveLead>();
  readonly #kept = new Map<string, Lead>();

  list(): readonly (readonly [name: string, lead: LiveLead])[] {
    return [...this.#live];
  }

  find(name: string): LiveLead | undefined {
    return this.#live.get(name);
  }

  /** The one that has a port of an address; undefined when none has. */
  at(address: string, port: number): LiveLead | undefined {
    return [...this.#live.values()].find(
      (lead) => lead.address === address && (lead.services.includes(port) || lead.checks.includes(port)),
    );
  }

  /** All but one, as they are in force and as they are kept. */
  others(name: string): readonly (readonly [name: string, lead: Lead])[] {
    return [...this.#live, ...this.#kept].filter(([other]) => other !== name);
  }

  set(name: string, lead: LiveLead): void {
    this.#live.delete(name);
    this.#live.set(name, lead);
  }

  /** Comes back after a reboot; a drop does not. */
  keep(name: string): void {
    const lead = this.#live.get(name);
    if (lead) this.#kept.set(name, lead);
  }

  /** Back to what is kept; gone where nothing is. */
  undo(name: string): void {
    this.#live.delete(name);
    const kept = this.#kept.get(name);
    if (kept) this.#live.set(name, { ...kept, dropped: false });
  }

  clear(name: string): void {
    this.#live.delete(name);
    this.#kept.delete(name);
  }

  /** Power is lost: what is kept lies on the disk. */
  forget(): void {
    this.#live.clear();
  }

  /** At a boot. */
  restore(): void {
    for (const name of this.#kept.keys()) this.undo(name);
  }
}
