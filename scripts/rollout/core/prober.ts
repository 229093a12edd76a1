/**
 * Whether clients fail since a host left: a window of the rollout's own requests, against the share of them that failed before. Pure. It
 * outranks the gates, as what clients see is true whatever hosts say.
 */

/** Milliseconds that a window reaches back, at least: see {@link windowMs}. */
export const WINDOW_MS = 2000;
/** Milliseconds between two of the prober's requests on average: a window holds about ten. */
export const PROBE_EVERY_MS = 200;
/** Failed requests beyond the baseline, at least: fewer may be chance. */
const LEAST_FAILED = 3;
/** Share of what was answered before that has to fail. */
const FAILED_SHARE = 0.2;
/** Standard deviations beyond a baseline with failures that may be chance: of many windows in a row, hardly one is further away. */
const MOST_DEVIATIONS = 3;
/** Square roots of a number of requests that may be missing in the time of so many: see {@link untilNextMs}. */
const UNEVEN = 2;
/** Reasons that are told apart, at most: a balancer may make up a status for every answer. */
export const MOST_REASONS = 10;
/** Requests of a baseline, at least. */
const LEAST_BASELINE = 10;

/** The golden section: squares times it, less what is whole of them, are spread evenly and follow no rhythm. */
const GOLDEN = (Math.sqrt(5) - 1) / 2;
/** Reason of a request that gets no answer for longer than any other took. */
export const NO_ANSWER = "no answer yet";

/** What became of one request, or has not yet. */
export interface Probed {
  readonly sentMs: number;
  /** When it was known; null while there is no answer. */
  readonly atMs: number | null;
  /** Status or reason, such as "503" or "ECONNRESET"; null when it was answered, and while there is no answer. */
  readonly failure: string | null;
}

/** What requests came to before any host left rotation. */
export interface Baseline {
  readonly sent: number;
  readonly failed: number;
  /** Milliseconds that the slowest answer took; 0 without one. */
  readonly slowestMs: number;
}

/** How many of a baseline's requests failed. */
export type Share = Pick<Baseline, "sent" | "failed">;

/** What became of some requests that were sent at once. */
export interface Round {
  readonly sent: number;
  /** Reasons of the failed ones. */
  readonly failures: readonly string[];
  /** Milliseconds that the slowest answer took; 0 without one. */
  readonly slowestMs: number;
}

export const baselineOf = ({ sent, failures, slowestMs }: Round): Baseline => ({
  sent,
  failed: failures.length,
  slowestMs,
});

/** Time in which nothing was asked. */
export interface Hold {
  readonly fromMs: number;
  /** Infinity while it lasts. */
  readonly toMs: number;
}

/** Requests of a window that failed where they did not before. */
export interface Failing {
  readonly failed: number;
  readonly sent: number;
  /** When the first and the last of the failed ones were known. */
  readonly fromMs: number;
  readonly toMs: number;
  /** How often for which reason. */
  readonly reasons: Readonly<Record<string, number>>;
}

/** Any status is an answer, also that of a failure. */
export const isStatus = (failure: string): boolean => /^\d{3}$/.test(failure);

/** Whether nothing answered any of them, not even the balancer. */
export const isUnanswered = ({ reasons }: Failing): boolean => !Object.keys(reasons).some(isStatus);

/** Requests for a baseline of so many hosts: each is asked twice by round robin. */
export const baselineRequests = (hosts: number): number => Math.max(LEAST_BASELINE, 2 * hosts);

/** Requests that reach each of so many hosts ten times by round robin, so that one of them is seen by its own failures. */
export const canaryRequests = (hosts: number): number => 10 * hosts;

/** Share of what was answered before that fails where one of so many hosts fails a third of its own. */
export const shareOfOne = (hosts: number): number => Math.min(FAILED_SHARE, 1 / (3 * hosts));

/** Whether nothing was answered before, so that nothing can be seen to be worse: then only the gates decide. */
export const isBlind = (baseline: Share): boolean => answeredShare(baseline) === 0;

/** Share of a baseline's requests that was answered: all of them where there is none. */
export const answeredShare = (baseline: Share | null): number =>
  baseline === null || baseline.sent === 0 ? 1 : (baseline.sent - baseline.failed) / baseline.sent;

/**
 * Milliseconds that a window reaches back beside a baseline. Where some were answered, it is long enough to tell an outage from chance, however far
 * apart the requests happen to be.
 */
export function windowMs({ sent, failed }: Share): number {
  const answered = sent - failed;
  if (answered === 0) return WINDOW_MS;
  const beyondChance = Math.floor((MOST_DEVIATIONS ** 2 * failed) / answered) + 1;
  const least = Math.max(beyondChance, Math.ceil((LEAST_FAILED * sent) / answered));
  return Math.max(WINDOW_MS, Math.ceil(PROBE_EVERY_MS * (least + UNEVEN * Math.sqrt(least))));
}

/**
 * The rounds that show how requests fare before any host leaves: all of them, as the luckiest one of many would make the fleet look better than it
 * is. Where later ones differ from those before by more than chance, something has changed, and only the later ones count.
 */
export function usualRounds(rounds: readonly Round[]): readonly Round[] {
  const turn = rounds.findIndex(
    (_, index) => index > 0 && differ(shareIn(rounds.slice(0, index)), shareIn(rounds.slice(index))),
  );
  return turn === -1 ? rounds : usualRounds(rounds.slice(turn));
}

/** Rounds together as one. */
export const pooled = (rounds: readonly Round[]): Round => ({
  sent: rounds.reduce((sum, { sent }) => sum + sent, 0),
  failures: rounds.flatMap(({ failures }) => failures),
  slowestMs: Math.max(0, ...rounds.map(({ slowestMs }) => slowestMs)),
});

const shareIn = (rounds: readonly Round[]): Share => {
  const { sent, failures } = pooled(rounds);
  return { sent, failed: failures.length };
};

/**
 * The baseline once hosts have left: never a worse one, as what a rollout did itself never becomes the usual. One that is better by so little as
 * may be chance counts together with the one before.
 */
export function betterBaseline(kept: Baseline, anew: Baseline): Baseline {
  const slowestMs = Math.max(kept.slowestMs, anew.slowestMs);
  if (shareOf(anew) > shareOf(kept)) return { ...kept, slowestMs };
  if (differ(kept, anew)) return { ...anew, slowestMs };
  return { sent: kept.sent + anew.sent, failed: kept.failed + anew.failed, slowestMs };
}

/**
 * Milliseconds to the next request, as good as random and the same in every run. Beside clients that ask in an even rhythm, round robin would
 * else give the prober one host's answers alone.
 */
export const untilNextMs = (turn: number): number => 2 * PROBE_EVERY_MS * ((turn * turn * GOLDEN) % 1);

/** Where a window begins. Time in which nothing was asked is left out: what was known before is the newest that there is. */
export const windowFrom = (nowMs: number, holds: readonly Hold[], lengthMs = WINDOW_MS): number =>
  holds.reduceRight((fromMs, hold) => {
    const toMs = Math.min(hold.toMs, nowMs);
    return toMs > fromMs ? fromMs - (toMs - hold.fromMs) : fromMs;
  }, nowMs - lengthMs);

/**
 * Null while clients fare as before. A request counts as failed once it takes {@link WINDOW_MS} longer than the slowest answer did, of the
 * baseline or of this window. What clients wait for that long is no answer to them, and a slow app is no outage.
 * @param fromMs when the window begins
 * @param leastShare of what was answered before that has to fail
 */
export function clientsFailing(
  requests: readonly Probed[],
  baseline: Baseline,
  nowMs: number,
  fromMs = nowMs - windowMs(baseline),
  leastShare = FAILED_SHARE,
): Failing | null {
  const window = windowOf(requests, baseline, nowMs, fromMs);
  const lost = window.filter(({ failure }) => failure !== null);
  if (!exceeds(lost.length, window.length, baseline, leastShare)) return null;
  return {
    failed: lost.length,
    sent: window.length,
    fromMs: Math.min(...lost.map(({ atMs }) => atMs)),
    toMs: Math.max(...lost.map(({ atMs }) => atMs)),
    reasons: counted(lost.map(({ failure }) => failure ?? "")),
  };
}

/** Whether no more fail than before: at the end of trouble, what is not worse beyond chance may be trouble still. */
export function areAsBefore(requests: readonly Probed[], baseline: Baseline, nowMs: number, fromMs: number): boolean {
  const window = windowOf(requests, baseline, nowMs, fromMs);
  return window.filter(({ failure }) => failure !== null).length <= shareOf(baseline) * window.length;
}

/** Of how many requests of a window it is known what became of them. */
export const knownIn = (requests: readonly Probed[], baseline: Baseline, nowMs: number, fromMs: number): number =>
  windowOf(requests, baseline, nowMs, fromMs).length;

function windowOf(requests: readonly Probed[], baseline: Baseline, nowMs: number, fromMs: number) {
  const patienceMs = slowest(requests, baseline, fromMs) + WINDOW_MS;
  return requests.flatMap((request) => known(request, patienceMs, nowMs)).filter(({ atMs }) => atMs > fromMs);
}

function slowest(requests: readonly Probed[], { slowestMs }: Baseline, fromMs: number): number {
  const took = requests.flatMap(({ sentMs, atMs, failure }) =>
    atMs !== null && atMs > fromMs && failure === null ? [atMs - sentMs] : [],
  );
  return Math.max(slowestMs, ...took);
}

/** What is known of a request, and since when: a failure since it was overdue, however long it took to end. */
function known({ sentMs, atMs, failure }: Probed, patienceMs: number, nowMs: number): (Probed & { atMs: number })[] {
  const dueMs = sentMs + patienceMs;
  if (atMs === null) return nowMs < dueMs ? [] : [{ sentMs, atMs: dueMs, failure: NO_ANSWER }];
  return [{ sentMs, atMs: failure === null ? atMs : Math.min(atMs, dueMs), failure }];
}

/**
 * Beyond the baseline, and beyond what may be chance: where a third of all requests fail, six of ten in a row may well do so. Without failures in
 * the baseline the deviation is 0.
 */
function exceeds(failed: number, sent: number, baseline: Share, leastShare: number): boolean {
  const share = shareOf(baseline);
  const beyond = failed - share * sent;
  const deviation = Math.sqrt(sent * share * (1 - share));
  return beyond >= LEAST_FAILED && beyond > leastShare * (1 - share) * sent && beyond > MOST_DEVIATIONS * deviation;
}

/** By more than chance: by more deviations than two samples of the same do. */
function differ(one: Share, other: Share): boolean {
  if (one.sent === 0 || other.sent === 0) return false;
  const share = (one.failed + other.failed) / (one.sent + other.sent);
  const deviation = Math.sqrt(share * (1 - share) * (1 / one.sent + 1 / other.sent));
  return Math.abs(shareOf(one) - shareOf(other)) > MOST_DEVIATIONS * deviation;
}

const shareOf = ({ sent, failed }: Share): number => (sent === 0 ? 0 : failed / sent);

/** How often for which reason: the {@link MOST_REASONS} that came most often, and the others together. */
export function counted(reasons: readonly string[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const why of [...reasons].sort()) counts.set(why, (counts.get(why) ?? 0) + 1);
  const ranked = [...counts].sort(([, one], [, other]) => other - one);
  const others = ranked.slice(MOST_REASONS).reduce((sum, [, count]) => sum + count, 0);
  return Object.fromEntries([...ranked.slice(0, MOST_REASONS), ...(others > 0 ? [["others", others] as const] : [])]);
}
