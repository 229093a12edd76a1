/**
 * The history of a fleet, and where a rollback leads by it. Hosts keep the copies and can forge none: each is signed with a key that only the
 * operators' side has (docs/decisions/0011-a-signed-history.md).
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import {
  history as historyForm,
  LONGEST_HISTORY,
  RECORD_KEY_VARIABLE,
  signedHistory,
  type History,
  type HistoryEntry,
} from "../../../contract/history.js";
import type { Manifest } from "../../../contract/manifest.js";
import type { Release } from "../../../contract/release.js";
import { RolloutError } from "./errors.js";

/** Keys of the history; the first one signs, each of them verifies. */
export type RecordKeys = readonly [string, ...string[]];

/** Whose history it is. */
export type FleetIdentity = Pick<Manifest, "fleet" | "stackTag">;

/** Nothing else is ever signed with the key under this name. */
const PURPOSE = "evenkeel history 1\n";

const macOf = (body: string, key: string): Buffer => createHmac("sha256", key).update(`${PURPOSE}${body}`).digest();

/** A history as hosts keep it. */
export function signHistory(history: History, [key]: RecordKeys): string {
  const body = JSON.stringify(history);
  return `${JSON.stringify({ body, mac: macOf(body, key).toString("hex") })}\n`;
}

/** A copy that counts for nothing, and why. */
export interface IgnoredCopy {
  readonly host: string;
  readonly why: string;
}

/** What the hosts' copies come to. */
export interface KnownHistory {
  /** The newest that is signed; null when there is none. */
  readonly history: History | null;
  readonly ignored: readonly IgnoredCopy[];
}

interface Copy {
  readonly host: string;
  readonly history: History;
  /** Place of the key that it was signed with. */
  readonly key: number;
}

/**
 * The newest signed copy counts, whichever host keeps it: a host can withhold its copy or bring an old one back, and nothing else. One that is
 * signed with an earlier key of the list outranks any of a later key: with a key that was given up nobody can outvote what came after it.
 * @param copies what each host keeps, by its name; null where it keeps none
 */
export function newestHistory(
  copies: ReadonlyMap<string, string | null>,
  keys: RecordKeys,
  identity: FleetIdentity,
): KnownHistory {
  const read = [...copies].flatMap(([host, text]) => (text === null ? [] : [readCopy(host, text, keys, identity)]));
  const valid = read.filter((copy): copy is Copy => "history" in copy);
  const [newest] = [...valid].sort((a, b) => a.key - b.key || b.history.version - a.history.version);
  if (!newest) return { history: null, ignored: read.filter((copy) => "why" in copy) };
  const isOlder = ({ history, key }: Copy): boolean => key !== newest.key || history.version < newest.history.version;
  const ignored = read.flatMap((copy): IgnoredCopy[] => {
    if ("why" in copy) return [copy];
    const { host, history } = copy;
    const why = `it is an older one (version ${history.version}; ${newest.host} has version ${newest.history.version})`;
    return isOlder(copy) ? [{ host, why }] : [];
  });
  return { history: newest.history, ignored };
}

function readCopy(host: string, text: string, keys: RecordKeys, identity: FleetIdentity): Copy | IgnoredCopy {
  const signed = parsed(signedHistory, text);
  if (!signed) return { host, why: "it has not the form of one" };
  const key = keys.findIndex((candidate) =>
    timingSafeEqual(macOf(signed.body, candidate), Buffer.from(signed.mac, "hex")),
  );
  if (key < 0) return { host, why: `it was not signed with a key of ${RECORD_KEY_VARIABLE} here` };
  const history = parsed(historyForm, signed.body);
  if (!history) return { host, why: "another version of Evenkeel wrote it" };
  if (history.fleet !== identity.fleet || history.stackTag !== identity.stackTag)
    return {
      host,
      why: `it is the history of another fleet, ${history.fleet} (${history.stackTag || "without a tag"})`,
    };
  return { host, history, key };
}

interface Form<Value> {
  safeParse(input: unknown): { readonly success: true; readonly data: Value } | { readonly success: false };
}
function parsed<Value>(form: Form<Value>, text: string): Value | null {
  try {
    const result = form.safeParse(JSON.parse(text));
    return result.success ? result.data : null;
  } catch {
    return null;
  }
}

/** Where a rollback leads. */
export interface WayBack {
  readonly entry: HistoryEntry;
  /** What the whole fleet served at last: `entry` itself where a later rollout has left the fleet mixed. */
  readonly from: HistoryEntry;
}

/** What the fleet runs as a rollback begins. */
export interface Running {
  /** Release ids of the containers on the listed hosts; null for a container that no rollout started. */
  readonly releases: readonly (string | null)[];
  /** A release of the history as it is rolled out today: the health path is always the manifest's. */
  readonly today: (release: Release) => Release;
}

/**
 * The release to go back to. A way back that was begun is gone to its end. A fleet that runs the newest release of its history goes to the one
 * before; a mixed one goes to the newest, which is the last one that all of it served.
 * @throws RolloutError NothingBefore
 */
export function wayBack({ history, ignored }: KnownHistory, { releases, today }: Running): WayBack {
  const newest = history?.entries.at(-1);
  if (!history || !newest) throw nothingKnown(ignored);
  const { entries, pending } = history;
  const from = newest;
  const begun = pending && entries.findLast(({ release }) => release.id === pending.to);
  if (begun) return { entry: begun, from };
  if (releases.length === 0 || releases.some((id) => id !== newest.release.id)) return { entry: newest, from };
  const served = today(newest.release).id;
  // With another health path since then, one that differs in nothing else is what serves now.
  const entry = entries.slice(0, -1).findLast(({ release }) => today(release).id !== served);
  if (entry) return { entry, from };
  throw new RolloutError(
    "NothingBefore",
    `no record tells of a release that the whole fleet served before ${inWords(newest)}${notCounted(ignored)}; deploy an older image by digest`,
  );
}

const named = (ignored: readonly IgnoredCopy[]): string => ignored.map(({ host, why }) => `${host}: ${why}`).join("; ");

/** A refusal ends the rollout before it tells of them. */
const notCounted = (ignored: readonly IgnoredCopy[]): string =>
  ignored.length === 0 ? "" : ` (a record that did not count: ${named(ignored)})`;

function nothingKnown(ignored: readonly IgnoredCopy[]): RolloutError {
  const copies = named(ignored);
  const why =
    ignored.length === 0
      ? "no host has a record of what the whole fleet served; the next rollout that ends well begins one"
      : `no host's record of what the whole fleet served can be believed (${copies}); set ${RECORD_KEY_VARIABLE} to the key of whoever deployed`;
  return new RolloutError("NothingBefore", `${why}, or deploy an older image by digest`);
}

/** A release for people: its image, and since when the whole fleet served it. */
export const inWords = ({ release, servedFrom }: HistoryEntry): string =>
  `${release.image} (release ${release.id}, served from ${servedFrom})`;

/** The history after a rollout has seen the whole fleet serve an entry's release. @param first what came before where there is no history yet */
export function afterDeploy(
  before: History | null,
  identity: FleetIdentity,
  entry: HistoryEntry,
  first: HistoryEntry | null,
): History {
  return grown(before, identity, withEntry(before?.entries ?? (first ? [first] : []), entry));
}

/** The history after a rollback has seen the whole fleet serve an entry's release; what came after the release `to` is forgotten. */
export function afterRollback(before: History, to: string, entry: HistoryEntry): History {
  const index = before.entries.findLastIndex(({ release }) => release.id === to);
  if (index < 0) throw new Error(`the history has no release ${to}`);
  return grown(before, before, withEntry(before.entries.slice(0, index), entry));
}

/** The history as a rollback begins. */
export const withPending = (before: History, pending: NonNullable<History["pending"]>): History => ({
  ...before,
  version: before.version + 1,
  pending,
});

/** The same release again is no new entry; what may differ under one id, such as the stop timeout, is that of today. */
function withEntry(entries: readonly HistoryEntry[], entry: HistoryEntry): HistoryEntry[] {
  const last = entries.at(-1);
  if (last?.release.id !== entry.release.id) return [...entries, entry];
  return [...entries.slice(0, -1), { ...last, release: entry.release }];
}

const grown = (before: History | null, { fleet, stackTag }: FleetIdentity, entries: HistoryEntry[]): History => ({
  ...{ fleet, stackTag, version: (before?.version ?? 0) + 1 },
  ...{ entries: entries.slice(-LONGEST_HISTORY), pending: null },
});
