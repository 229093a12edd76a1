/** Who came to a machine's ports, as the kernel's sets tell it: each element is there for 15 minutes after the last packet that concerns it. */
import { FRONT_MEMORY_SECONDS, type FrontEvidence, type ProbeRun } from "../../contract/host.js";

const KEPT_MS = FRONT_MEMORY_SECONDS * 1000;

/** A connection of a node to a health port. */
interface Probe {
  readonly atMs: number;
  readonly refused: boolean;
  /** What was answered, and when; null before. */
  answer: { readonly isGood: boolean; readonly by: Container; readonly atMs: number } | null;
}

/** Who asks where, oldest probe first. */
interface Asker extends Where {
  readonly node: string;
  readonly probes: Probe[];
}

/** Connections to a service port, since nothing came for 15 minutes. */
interface Opened {
  readonly count: number;
  readonly atMs: number;
}

export interface Where {
  /** Of the machine. */
  readonly address: string;
  readonly port: number;
}

interface Container {
  readonly target: string;
  readonly targetPort: number;
}

interface Ports {
  readonly services: readonly number[];
  readonly checks: readonly number[];
}

export class Evidence {
  readonly #askers = new Map<string, Asker>();
  readonly #opened = new Map<string, Opened>();

  constructor(private readonly now: () => number) {}

  noteProbe({ address, port }: Where, node: string, refused: boolean): void {
    const atMs = this.now();
    const key = keyOf(address, port, node);
    const asker = this.#askers.get(key) ?? { address, port, node, probes: [] };
    this.#askers.set(key, asker);
    asker.probes.splice(0, forgotten(asker.probes, atMs));
    asker.probes.push({ atMs, refused, answer: null });
  }

  /** Of a node's last probe there. @param isGood 2xx or 3xx */
  noteAnswer({ address, port }: Where, node: string, by: Container, isGood: boolean): void {
    const probe = this.#askers.get(keyOf(address, port, node))?.probes.at(-1);
    if (probe && !probe.refused) probe.answer = { isGood, by, atMs: this.now() };
  }

  noteOpened({ address, port }: Where): void {
    const atMs = this.now();
    const key = `${address}:${port}`;
    const before = this.#opened.get(key);
    const goesOn = before !== undefined && before.atMs > atMs - KEPT_MS;
    this.#opened.set(key, { count: (goesOn ? before.count : 0) + 1, atMs });
  }

  /** The kernel's memory is gone. */
  forget(): void {
    this.#askers.clear();
    this.#opened.clear();
  }

  /** What came to these ports of an address. */
  within(address: string, { services, checks }: Ports, seconds: number): FrontEvidence {
    const now = this.now();
    const since = now - seconds * 1000;
    const probes = this.#probesAt(address, checks);
    const came = probes.filter(({ atMs }) => atMs >= since);
    const answered = probes.flatMap(({ answer, ...probe }) =>
      answer?.isGood && answer.atMs >= since ? [{ ...probe, by: answer.by, atMs: answer.atMs }] : [],
    );
    const refused = came.filter((probe) => probe.refused);
    return {
      asked: summed(came, now).map(({ seen }) => seen),
      refused: summed(refused, now).map(({ seen }) => seen),
      answered: summed(answered, now).flatMap(({ seen, by }) => (by ? [{ ...seen, ...by }] : [])),
      opened: this.opened(address, services).filter(({ newestMs }) => newestMs <= seconds * 1000),
    };
  }

  /** Each node's newest probes in a row, port by port, that came to the same. @param leads the container that the front leads to */
  runs(address: string, checks: readonly number[], leads: Container, graceMs: number): ProbeRun[] {
    const now = this.now();
    const runs = this.#at(address, checks).flatMap((asker) => runOf(asker, leads, now, graceMs) ?? []);
    return runs.sort((a, b) => a.newestMs - b.newestMs);
  }

  opened(address: string, services: readonly number[]): FrontEvidence["opened"] {
    const now = this.now();
    return services.flatMap((port) => {
      const found = this.#opened.get(`${address}:${port}`);
      return found && found.atMs >= now - KEPT_MS
        ? [{ port, count: found.count, newestMs: Math.round(now - found.atMs) }]
        : [];
    });
  }

  #at(address: string, checks: readonly number[]): Asker[] {
    return [...this.#askers.values()].filter((asker) => asker.address === address && checks.includes(asker.port));
  }

  /** Oldest first. */
  #probesAt(address: string, checks: readonly number[]): Counted[] {
    const now = this.now();
    return this.#at(address, checks)
      .flatMap(({ port, node, probes }) =>
        probes.slice(forgotten(probes, now)).map((probe) => ({ ...probe, port, node })),
      )
      .sort((a, b) => a.atMs - b.atMs);
  }
}

const keyOf = (address: string, port: number, node: string): string => `${address} ${port} ${node}`;

/** How many of them nobody remembers any more. */
function forgotten(probes: readonly Probe[], now: number): number {
  const kept = probes.findIndex(({ atMs }) => atMs > now - KEPT_MS);
  return kept < 0 ? probes.length : kept;
}

/** Walked from the newest on, and no further than the run goes: this is asked at every look. */
function runOf({ port, node, probes }: Asker, leads: Container, now: number, graceMs: number): ProbeRun | null {
  let run: { outcome: ProbeRun["outcome"]; count: number; oldestMs: number; newestMs: number } | null = null;
  for (let index = probes.length - 1; index >= 0; index -= 1) {
    const probe = probes[index];
    if (!probe || probe.atMs <= now - KEPT_MS) break;
    const outcome = outcomeOf(probe, leads, now, graceMs);
    if (outcome === null) continue;
    const ageMs = Math.round(now - probe.atMs);
    run ??= { outcome, count: 0, oldestMs: ageMs, newestMs: ageMs };
    if (run.outcome !== outcome) break;
    run.count += 1;
    run.oldestMs = ageMs;
  }
  return run && { port, node, ...run };
}

/** Null for one that may still be answered. A node has given up one that was answered after the grace. */
function outcomeOf(
  { refused, answer, atMs }: Probe,
  leads: Container,
  now: number,
  graceMs: number,
): ProbeRun["outcome"] | null {
  if (refused || answer?.isGood === false) return "failed";
  if (!answer) return now - atMs > graceMs ? "failed" : null;
  if (answer.atMs - atMs > graceMs) return "failed";
  return answer.by.target === leads.target && answer.by.targetPort === leads.targetPort ? "passed" : "elsewhere";
}

interface Summed {
  readonly seen: FrontEvidence["asked"][number];
  readonly by: Container | null;
}

interface Counted extends Probe {
  readonly port: number;
  readonly node: string;
}

/** One for each port, node and container. */
function summed(
  events: readonly (Pick<Counted, "port" | "node" | "atMs"> & { readonly by?: Container })[],
  now: number,
): Summed[] {
  const sums = new Map<string, Summed>();
  for (const { port, node, by = null, atMs } of events) {
    const key = [port, node, by?.target, by?.targetPort].join(" ");
    const ageMs = Math.round(now - atMs);
    const { count, oldestMs, newestMs } = sums.get(key)?.seen ?? { count: 0, oldestMs: ageMs, newestMs: ageMs };
    const ages = { oldestMs: Math.max(oldestMs, ageMs), newestMs: Math.min(newestMs, ageMs) };
    sums.set(key, { seen: { port, node, count: count + 1, ...ages }, by });
  }
  return [...sums.values()];
}
