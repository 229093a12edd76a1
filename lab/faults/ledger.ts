/** Which lines of the fault suite there are to be, and which of them are still to be tried. Pure. */
import { siteNames, type SiteName } from "../site-names.js";
import { faults } from "./catalogue.js";
import type { Fault } from "./fault.js";
import type { FaultRow } from "./figures.js";
import type { Phase } from "./phase.js";

/** One fault at one phase on one site. */
export interface Order {
  readonly site: SiteName;
  readonly fault: Fault;
  readonly phase: Phase;
  /** Which of the fault's phases it is, from 0. */
  readonly turn: number;
}

export class Ledger {
  /** Lines that there are to be, in the order of the page. */
  readonly #due: readonly Order[];
  readonly #rows = new Map<string, FaultRow>();

  /**
   * @param every all faults that there are
   * @param chosen what is to be tried, and on which site
   * @param kept lines to go on with; one that does not hold is tried again
   */
  constructor(
    { chosen, site, kept }: { chosen: readonly Fault[]; site: SiteName; kept: readonly FaultRow[] },
    every: readonly Fault[] = faults,
  ) {
    const holding = new Map(kept.filter(({ problems }) => problems.length === 0).map((row) => [rowKey(row), row]));
    const sites = new Set([site, ...[...holding.values()].map((row) => row.site)]);
    this.#due = siteNames
      .filter((name) => sites.has(name))
      .flatMap((name) => ordersOn(name, every))
      .filter((order) => chosen.includes(order.fault) || holding.has(keyOf(order)));
    for (const key of this.#due.map(keyOf)) {
      const row = holding.get(key);
      if (row) this.#rows.set(key, row);
    }
    this.todo = this.#due.filter((order) => order.site === site && !this.#rows.has(keyOf(order))).sort(byTurn);
  }

  /** What is missing on the site: each fault once before any a second time, so that one that is interrupted has tried most. */
  readonly todo: readonly Order[];

  get due(): number {
    return this.#due.length;
  }

  /** In the order of the page. */
  get rows(): FaultRow[] {
    return this.#due.flatMap((order) => this.#rows.get(keyOf(order)) ?? []);
  }

  note(row: FaultRow): void {
    this.#rows.set(rowKey(row), row);
  }
}

const ordersOn = (site: SiteName, chosen: readonly Fault[]): Order[] =>
  chosen
    .filter(({ sites = siteNames }) => sites.includes(site))
    .flatMap((fault) => fault.phases.map((phase, turn): Order => ({ site, fault, phase, turn })));

const byTurn = (one: Order, other: Order): number => one.turn - other.turn;
const keyOf = ({ site, fault, phase }: Order): string => `${site}: ${fault.name}, ${phase}`;
const rowKey = ({ site, fault, phase }: FaultRow): string => `${site}: ${fault}, ${phase}`;
