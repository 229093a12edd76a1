/** Who came to a machine's ports, as the kernel's sets tell it: each element is there for 15 minutes after the last packet that concerns it. */
import { FRONT_MEMORY_SECONDS, type FrontEvidence, type ProbeRun } from "../../contract/host.js";

const KEPT_MS = FRONT_MEMORY_SECONDS * 1000;

/** A connection of a node to a health port. */
interface Probe extends Where {
  readonly node: string;
  readonly atMs: number;
  readonly refused: boolean;
  /** What was answered, and when; null before. */
  answer: { readonly isGood: boolean; readonly by: Container; readonly atMs: number } | null;
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
  #probes: Probe[] = [];
  readonly #opened = new Map<string, Opened>();

  constructor(private readonly now: () => number) {}

  noteProbe(where: Where, node: string, refused: boolean): void {
    const atMs = this.now();
    // Oldest first, so that few are looked at.
    const kept = this.#probes.findIndex((probe) => probe.atMs > atMs - KEPT_MS);
    this.#probes.splice(0, kept < 0 ? this.#probes.length : kept);
    this.#probes.push({ ...where, node, atMs, refused, answer: null });
  }

  /** Of a node's last probe there. @param isGood 2xx or 3xx */
  noteAnswer({ address, port }: Where, node: string, by: Container, isGood: boolean): void {
    const probe = this.#probes.findLast((one) => one.address === address && one.port === port && one.node === node);
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
    this.#probes = [];
    this.#opened.clear();
  }

  /** What came to these ports of an address. */
  within(address: string, { services, checks }: Ports, seconds: number): FrontEvidence {
    const now = this.now();
    const since = now - seconds * 1000;
    const came = this.#at(address, checks).filter(({ atMs }) => atMs >= since);
    const answered = this.#at(address, checks).flatMap(({ answer, ...probe }) =>
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
    const runs = new Map<string, ProbeRun>();
    const broken = new Set<string>();
    for (const probe of this.#at(address, checks).reverse()) {
      const outcome = outcomeOf(probe, leads, now, graceMs);
      if (outcome === null) continue;
      const { port, node, atMs } = probe;
      const key = `${port} ${node}`;
      const ageMs = Math.round(now - atMs);
      const run = runs.get(key) ?? { port, node, outcome, count: 0, oldestMs: ageMs, newestMs: ageMs };
      if (run.outcome !== outcome) broken.add(key);
      if (!broken.has(key)) runs.set(key, { ...run, count: run.count + 1, oldestMs: ageMs });
    }
    return [...runs.values()];
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

  #at(address: string, checks: readonly number[]): Probe[] {
    const since = this.now() - KEPT_MS;
    return this.#probes.filter(
      (probe) => probe.atMs > since && probe.address === address && checks.includes(probe.port),
    );
  }
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

type Counted = Pick<Probe, "port" | "node" | "atMs"> & { readonly by?: Container };

/** One for each port, node and container. */
function summed(events: readonly Counted[], now: number): Summed[] {
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
