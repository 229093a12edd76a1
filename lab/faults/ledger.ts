/** Which lines of the fault suite there are to be, and which of them are still to be tried. Pure. */
import { siteNames, type SiteName } from "../site-names.js";
import { faults } from "./catalogue.js";
import { faultFor, faultStrategies, type Fault, type FaultStrategy } from "./fault.js";
import type { FaultRow } from "./figures.js";
import type { Phase } from "./phase.js";

/** What a run of the suite tries. */
interface Place {
  readonly site: SiteName;
  readonly strategy: FaultStrategy;
}

/** One fault at one phase on one site. */
export interface Order extends Place {
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
   * @param chosen what is to be tried, on which site, and how hosts get the release there
   * @param kept lines to go on with; one that does not hold is tried again
   */
  constructor(
    { chosen, kept, ...place }: { readonly chosen: readonly Fault[]; readonly kept: readonly FaultRow[] } & Place,
    every: readonly Fault[] = faults,
  ) {
    const holding = new Map(kept.filter(({ problems }) => problems.length === 0).map((row) => [rowKey(row), row]));
    const names = chosen.map(({ name }) => name);
    const places: readonly Place[] = [place, ...holding.values()];
    this.#due = siteNames
      .flatMap((site) => faultStrategies.map((strategy): Place => ({ site, strategy })))
      .filter((one) => places.some((other) => isSame(one, other)))
      .flatMap((one) => ordersIn(one, every))
      .filter((order) => names.includes(order.fault.name) || holding.has(keyOf(order)));
    for (const key of this.#due.map(keyOf)) {
      const row = holding.get(key);
      if (row) this.#rows.set(key, row);
    }
    this.todo = this.#due.filter((order) => isSame(order, place) && !this.#rows.has(keyOf(order))).sort(byTurn);
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

const ordersIn = ({ site, strategy }: Place, chosen: readonly Fault[]): Order[] =>
  chosen
    .filter(({ sites = siteNames }) => sites.includes(site))
    .flatMap((one) => faultFor(one, strategy) ?? [])
    .flatMap((fault) => fault.phases.map((phase, turn): Order => ({ site, strategy, fault, phase, turn })));

const isSame = (one: Place, other: Place): boolean => one.site === other.site && one.strategy === other.strategy;

const byTurn = (one: Order, other: Order): number => one.turn - other.turn;
const keyOf = ({ site, strategy, fault, phase }: Order): string => `${site}, ${strategy}: ${fault.name}, ${phase}`;
const rowKey = ({ site, strategy, fault, phase }: FaultRow): string => `${site}, ${strategy}: ${fault}, ${phase}`;
