/** What the hosts run right now, without changing anything. */
import { RECORD_KEY_VARIABLE } from "../../contract/history.js";
import { containerName, type FrontEvidence } from "../../contract/host.js";
import { hostContainer, type Manifest, type ManifestHost } from "../../contract/manifest.js";
import type { Release } from "../../contract/release.js";
import { exitCodes, RolloutError, type ExitCode } from "./core/errors.js";
import { aged, countOf, larger, nodesOf, rotationOf, tellsNothing } from "./core/gates.js";
import { isTakenIn, takenInSeconds } from "./core/handoff.js";
import { inWords, newestHistory, wayBack, type RecordKeys } from "./core/history.js";
import { asToday, isDraining, mayGetRequests, serves } from "./core/target.js";
import { oneLine } from "./output/text.js";
import type { Clock, Cloud, Host, Hosts, Survey } from "./ports.js";

export interface HostRow {
  readonly name: string;
  readonly id: string;
  /**
   * "serving", "draining", "idle" or "retired". Else a sentence: why it is not, or not known to be, in rotation; that it may get requests although
   * it does not serve; or why it could not be asked.
   */
  readonly state: string;
  readonly release: string | null;
  readonly image: string | null;
  /** The rollout that has it in hand, and what that does; null without one. */
  readonly run: string | null;
  /** Names of containers that clients were led away from and that still run, as something is open to them; none while a rollout has the host in hand. */
  readonly leaving: readonly string[];
}

export interface FleetLook {
  readonly rows: readonly HostRow[];
  /** Where a rollback would lead now, or why it would be refused. */
  readonly previous: string;
  /** Why the balancer's own settings could not be read; null where they could, or where nobody can be asked. */
  readonly unread: string | null;
}

/** What one look at a host came to; ages are as large as this host's own look took: how long another lets one wait says nothing about it. */
interface Looked {
  readonly info: ManifestHost;
  readonly outcome: Seen | RolloutError;
}

interface Seen extends Survey {
  /** Milliseconds that the look took. */
  readonly tookMs: number;
  /** What the balancer's nodes were answered lately; null where that was not asked, or is not told. */
  readonly lately: FrontEvidence | null;
}

/** The fleet as it is to be judged. */
interface Judged extends Pick<FleetLook, "unread"> {
  readonly manifest: Manifest;
}

/**
 * As a rollout has it: of each setting of the health check the larger, what is declared or what the balancer really does. What is declared alone
 * counts where its API does not say.
 */
async function asObserved(manifest: Manifest, cloud: Pick<Cloud, "balancer"> | null): Promise<Judged> {
  const { loadBalancer, healthCheck: declared } = manifest;
  if (!cloud || !loadBalancer.id) return { manifest, unread: null };
  try {
    const { check } = await cloud.balancer(loadBalancer.id);
    return { manifest: { ...manifest, healthCheck: { ...declared, ...larger(declared, check) } }, unread: null };
  } catch (error) {
    if (!(error instanceof RolloutError)) throw error;
    return { manifest, unread: error.message };
  }
}

/**
 * Hosts are looked at while the balancer's API is asked: an outage there is when people look most.
 * @param keys of the fleet's history; null where this machine has none
 * @param cloud null without a token, and for a balancer that is not DigitalOcean's
 */
export async function lookAtHosts(
  declared: Manifest,
  hosts: Hosts,
  keys: RecordKeys | null,
  clock: Pick<Clock, "now">,
  cloud: Pick<Cloud, "balancer"> | null = null,
): Promise<FleetLook> {
  const judging = asObserved(declared, cloud);
  const [{ manifest, unread }, looked] = await Promise.all([
    judging,
    Promise.all(declared.hosts.map((info) => lookAtHost(judging, info, hosts, clock))),
  ]);
  const surveys = new Map(
    looked.flatMap(({ info, outcome }): [string, Survey][] =>
      outcome instanceof RolloutError ? [] : [[info.name, outcome]],
    ),
  );
  return { rows: rowsOf(manifest, looked), previous: previousOf(manifest, surveys, keys), unread };
}

function rowsOf(manifest: Manifest, looked: readonly Looked[]): HostRow[] {
  const seen = looked.map(({ outcome }) => (outcome instanceof RolloutError ? null : outcome.traffic));
  const sources = nodesOf(seen, manifest.hosts, manifest.healthCheck);
  return looked.map(({ info, outcome }) =>
    outcome instanceof RolloutError
      ? unknownRow(info, outcome)
      : rowOf(manifest, info, outcome, whyOut(manifest, info, outcome, sources)),
  );
}

/**
 * Looks once more at a host that seems out of rotation: the first look also logs in, and what it shows may be old by the time that it is here. One that
 * still seems so may have been handed over a moment ago, so it is asked what came before that, too.
 */
async function lookAtHost(
  judging: Promise<Judged>,
  info: ManifestHost,
  hosts: Hosts,
  clock: Pick<Clock, "now">,
): Promise<Looked> {
  const host = hosts.open(info);
  try {
    const first = await lookOnce(host, clock);
    const { manifest } = await judging;
    const seemsOut = (seen: Seen): boolean =>
      whyOut(manifest, info, seen, nodesOf([seen.traffic], manifest.hosts, manifest.healthCheck)) !== null;
    if (!seemsOut(first)) return { info, outcome: first };
    const again = await lookOnce(host, clock);
    if (again.traffic?.state !== "serving" || !seemsOut(again)) return { info, outcome: again };
    return { info, outcome: { ...again, lately: await host.evidence(takenInSeconds(manifest.healthCheck)) } };
  } catch (error) {
    if (!(error instanceof RolloutError)) throw error;
    return { info, outcome: error };
  } finally {
    await host.close();
  }
}

async function lookOnce(host: Host, clock: Pick<Clock, "now">): Promise<Seen> {
  const beganMs = clock.now();
  const survey = await host.survey();
  const tookMs = clock.now() - beganMs;
  return { ...survey, tookMs, lately: null, traffic: survey.traffic && aged(survey.traffic, tookMs) };
}

/** Why a host that answers cannot be told to get requests; null where it can, or where nothing but time tells. */
function whyOut(manifest: Manifest, info: ManifestHost, survey: Seen, sources: readonly string[]): string | null {
  const { traffic } = survey;
  // Where the balancer asks the service port, nobody can tell what it asked.
  if (hostContainer(manifest, info).checkPort === null) return null;
  if (!traffic) {
    return serves(survey) ? "not known to be in rotation: its front does not tell who comes" : null;
  }
  if (traffic.state !== "serving") return null;
  const verdict = rotationOf(traffic, sources, manifest.healthCheck);
  if (verdict.pass) return null;
  // Of a probe that came to nothing in time, an answer that came later is no good one.
  const hasFailed = sources.some((source) => countOf(traffic, source, "failed") > 0);
  if (!hasFailed && survey.lately && isTakenIn(survey.lately, sources, manifest.healthCheck)) return null;
  const late = tellsNothing(survey.tookMs, manifest.healthCheck);
  return late === null ? `not in rotation: ${verdict.why}` : `not known to be in rotation: ${late}`;
}

function previousOf(manifest: Manifest, surveys: ReadonlyMap<string, Survey>, keys: RecordKeys | null): string {
  if (!keys)
    return `not known here, as this machine has no key that a record could be verified with (${RECORD_KEY_VARIABLE})`;
  const copies = new Map([...surveys].map(([host, { history }]) => [host, history]));
  const releases = [...surveys.values()].flatMap(({ containers: { current } }) => (current ? [current.release] : []));
  const today = (release: Release): Release => asToday(manifest, release);
  try {
    return inWords(wayBack(newestHistory(copies, keys, manifest), { releases, today }).entry);
  } catch (error) {
    if (!(error instanceof RolloutError)) throw error;
    return `nothing: ${error.message}`;
  }
}

const unknownRow = ({ name, id }: ManifestHost, { code }: RolloutError): HostRow => ({
  ...{ name, id, state: code, release: null, image: null, run: null, leaving: [] },
});

function rowOf(manifest: Manifest, info: ManifestHost, survey: Survey, out: string | null): HostRow {
  const { name, id } = info;
  const { current } = survey.containers;
  return {
    name,
    id,
    state: stateOf(survey, out),
    release: current?.release ?? null,
    image: current?.image ?? null,
    run: survey.run && `${survey.run.holder}: ${survey.run.last}`,
    // A run that has it in hand may go back to it.
    leaving: (survey.run ? [] : (["previous", "failed"] as const))
      .filter((slot) => survey.containers[slot]?.running)
      .map((slot) => containerName(hostContainer(manifest, info).container, slot)),
  };
}

function stateOf(survey: Survey, out: string | null): string {
  if (survey.retired) return "retired";
  if (serves(survey)) return out ?? "serving";
  if (isDraining(survey)) return "draining";
  if (!mayGetRequests(survey)) return "idle";
  return out ?? `may get requests: its health path answers ${survey.health}, which a balancer takes for healthy`;
}

/** Whether every host serves one and the same release, and that of `image` when one is named. The message is one line. */
export function verdict(rows: readonly HostRow[], image: string): { exitCode: ExitCode; message: string } {
  const fault = faultOf(rows, image);
  if (fault !== null) return { exitCode: exitCodes.failedMixed, message: oneLine(fault) };
  return {
    exitCode: exitCodes.onTarget,
    message: oneLine(`all ${rows.length} hosts serve release ${releasesOf(rows)[0] ?? ""}`),
  };
}

function faultOf(rows: readonly HostRow[], image: string): string | null {
  const silent = rows.filter((row) => row.state !== "serving");
  if (silent.length > 0) return `not serving: ${silent.map((row) => `${row.name} (${row.state})`).join(", ")}`;
  const releases = releasesOf(rows);
  if (releases.length > 1) return `the hosts serve different releases: ${releases.join(", ")}`;
  if (image && rows[0]?.image !== image) return `the hosts serve ${rows[0]?.image ?? "nothing"}, not ${image}`;
  return null;
}

const releasesOf = (rows: readonly HostRow[]): string[] => [
  ...new Set(rows.map((row) => `${row.release ?? "unknown"} (${row.image ?? "no image"})`)),
];
