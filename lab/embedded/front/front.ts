/**
 * The front of a droplet: `evenkeel-front` with the same words, over the lab's own way of leading connections. What the kernel does on a droplet,
 * this object is asked for wherever somebody connects.
 */
import { FRONT_MEMORY_SECONDS, type FrontEvidence } from "../../../contract/host.js";
import { Evidence } from "../../model/evidence.js";
import type { FrontConfiguration } from "./configuration.js";
import { networkLine } from "./configuration.js";
import { Fronts, type LiveLead } from "./fronts.js";
import { leadFrom, nameOf, numberFrom, placesFrom, portFrom, Refusal, refuseTaken } from "./words.js";

/** What a droplet gives to its front. */
export interface FrontHost {
  readonly configuration: FrontConfiguration;
  /** Of the machine itself. */
  readonly addresses: readonly string[];
  /** Sockets of a container's process on that port that may still owe an answer; null when there is no such process. */
  openSockets(pid: number, port: number): number | null;
  /** Some port leads elsewhere from now on. */
  changed(): void;
}

type Verb = (words: readonly string[]) => readonly string[];

const NOTHING: readonly string[] = [];

const MOST_PID = 4_194_304;
const MOST_GRACE_MS = 300_000;

export class Front {
  readonly #fronts = new Fronts();
  readonly #evidence = new Evidence(() => performance.now());
  readonly #verbs: Readonly<Record<string, Verb>> = {
    switch: ([name, ...words]) => this.#switch(nameOf(name), words),
    fits: ([name, ...words]) => this.#fits(nameOf(name), words),
    drop: (words) => this.#setDropped(words, true),
    raise: (words) => this.#setDropped(words, false),
    keep: (words) => this.#keep(words),
    undo: (words) => this.#undo(words),
    clear: (words) => this.#clear(words),
    show: (words) => (refuseMore(words), this.#fronts.list().map(shown)),
    evidence: ([name, ...words]) => this.#tell(this.#there(nameOf(name)), words),
    traffic: ([name, ...words]) => this.#traffic(this.#there(nameOf(name)), words),
    open: (words) => this.#open(words),
    network: (words) => (refuseMore(words), [networkLine(this.host.configuration)]),
  };

  constructor(private readonly host: FrontHost) {}

  /**
   * What a verb prints, or undefined for one that is none.
   * @throws Refusal for a word that is not taken: nothing is changed then
   */
  call(verb: string, words: readonly string[]): readonly string[] | undefined {
    if (!Object.hasOwn(this.#verbs, verb)) return undefined;
    const lines = this.#verbs[verb]?.(words);
    this.host.changed();
    return lines;
  }

  /** Which front has a port of the droplet; undefined when none has. */
  at(address: string, port: number): LiveLead | undefined {
    return this.#fronts.at(address, port);
  }

  list(): readonly LiveLead[] {
    return this.#fronts.list().map(([, lead]) => lead);
  }

  /** Whether connections of the balancer to that port are refused. Those of the droplet's own user are not. */
  refuses(address: string, port: number): boolean {
    const lead = this.at(address, port);
    return lead !== undefined && lead.dropped && lead.checks.includes(port);
  }

  /** A node of the balancer connects. */
  noteConnection(address: string, port: number, node: string): void {
    const lead = this.at(address, port);
    if (lead?.services.includes(port)) this.#evidence.noteOpened({ address, port });
    if (lead?.checks.includes(port)) this.#evidence.noteProbe({ address, port }, node, lead.dropped);
  }

  /** A container has answered a node's request. @param isGood with 2xx or 3xx */
  noteAnswer(
    address: string,
    port: number,
    node: string,
    by: { target: string; targetPort: number },
    isGood: boolean,
  ): void {
    if (this.at(address, port)?.checks.includes(port)) this.#evidence.noteAnswer({ address, port }, node, by, isGood);
  }

  powerOff(): void {
    this.#fronts.forget();
    this.#evidence.forget();
  }

  /** Leads where it was kept, as the unit does before Docker starts. */
  powerOn(): void {
    this.#fronts.restore();
    this.host.changed();
  }

  #switch(name: string, words: readonly string[]): readonly string[] {
    const lead = leadFrom(words, this.host.configuration, this.host.addresses);
    refuseTaken(name, lead, this.#fronts);
    this.#fronts.set(name, { ...lead, dropped: false });
    return NOTHING;
  }

  #fits(name: string, words: readonly string[]): readonly string[] {
    if (words.length !== 3)
      throw new Refusal(`fits takes a name, an address and two lists of ports: ${words.join(" ")}`);
    refuseTaken(name, placesFrom(words, this.host.configuration, this.host.addresses), this.#fronts);
    return NOTHING;
  }

  #setDropped(words: readonly string[], dropped: boolean): readonly string[] {
    const name = nameAlone(words);
    const lead = this.#there(name);
    if (dropped && lead.checks.length === 0) throw new Refusal(`a front without a health port cannot drop it: ${name}`);
    this.#fronts.set(name, { ...lead, dropped });
    return NOTHING;
  }

  #keep(words: readonly string[]): readonly string[] {
    const name = nameAlone(words);
    this.#there(name);
    this.#fronts.keep(name);
    return NOTHING;
  }

  #undo(words: readonly string[]): readonly string[] {
    this.#fronts.undo(nameAlone(words));
    return NOTHING;
  }

  #clear(words: readonly string[]): readonly string[] {
    this.#fronts.clear(nameAlone(words));
    return NOTHING;
  }

  #tell({ address, ...ports }: LiveLead, [within = "", ...more]: readonly string[]): string[] {
    refuseMore(more);
    const seconds = numberFrom(within, FRONT_MEMORY_SECONDS, "1 to 900 seconds");
    return told(this.#evidence.within(address, ports, seconds));
  }

  #traffic(lead: LiveLead, [grace = "", ...process]: readonly string[]): string[] {
    const graceMs = numberFrom(grace, MOST_GRACE_MS, "1 to 300000 milliseconds");
    const { address, services, checks, target, port } = lead;
    return [
      `led ${target} ${port} ${stateOf(lead)} ${placesOf(lead)}`,
      ...(process.length === 0 ? [] : [`open ${this.#openTo(process) ?? ""}`]),
      ...this.#evidence
        .runs(address, checks, { target, targetPort: port }, graceMs)
        .map((run) => `probed ${run.port} ${run.node} ${run.outcome} ${run.count} ${run.oldestMs} ${run.newestMs}`),
      ...this.#evidence.opened(address, services).map(openedLine),
    ];
  }

  #open([pid = "", port = "", ...more]: readonly string[]): string[] {
    refuseMore(more);
    const count = this.host.openSockets(numberFrom(pid, MOST_PID, "a process id"), portFrom(port));
    if (count === null) throw new Refusal(`there is no such process: ${pid}`);
    return [String(count)];
  }

  /** Null where there is no such process, which is what 0 stands for. */
  #openTo([pid = "", port = "", ...more]: readonly string[]): number | null {
    refuseMore(more);
    const id = pid === "0" ? 0 : numberFrom(pid, MOST_PID, "a process id, or 0 for none");
    return this.host.openSockets(id, portFrom(port));
  }

  #there(name: string): LiveLead {
    const lead = this.#fronts.find(name);
    if (!lead) throw new Refusal(`there is no such front: ${name}`);
    return lead;
  }
}

function nameAlone([name, ...more]: readonly string[]): string {
  refuseMore(more);
  return nameOf(name);
}

function refuseMore(words: readonly string[]): void {
  if (words.length > 0) throw new Refusal(`too many words: ${words.join(" ")}`);
}

const shown = ([name, lead]: readonly [string, LiveLead]): string =>
  [name, placesOf(lead), lead.target, lead.port, stateOf(lead)].join(" ");

const placesOf = ({ address, services, checks }: LiveLead): string =>
  `${address} ${services.join(",")} ${checks.join(",") || "-"}`;

const stateOf = ({ dropped }: LiveLead): string => (dropped ? "dropped" : "open");

/** As the helper tells it. */
function told({ asked, refused, answered, opened }: FrontEvidence): string[] {
  const counted = ({ count, oldestMs, newestMs }: FrontEvidence["asked"][number]): string =>
    `${count} ${oldestMs} ${newestMs}`;
  return [
    ...asked.map((seen) => `asked ${seen.port} ${seen.node} ${counted(seen)}`),
    ...refused.map((seen) => `refused ${seen.port} ${seen.node} ${counted(seen)}`),
    ...answered.map(
      ({ target, targetPort, ...seen }) =>
        `answered ${seen.port} ${seen.node} ${target} ${targetPort} ${counted(seen)}`,
    ),
    ...opened.map(openedLine),
  ];
}

const openedLine = ({ port, count, newestMs }: FrontEvidence["opened"][number]): string =>
  `opened ${port} ${count} ${newestMs}`;
