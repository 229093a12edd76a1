/** The history of a fleet: which releases the whole fleet served, as each host keeps a signed copy of it. */
import { z } from "zod";
import { record, text, whole } from "./fields.js";
import { release } from "./release.js";

/** Most releases that a history names: a rollback can be repeated so often, less one. */
export const LONGEST_HISTORY = 10;

/** Environment variable with the key of the history, or several with commas between: the first one signs, each of them verifies. */
export const RECORD_KEY_VARIABLE = "EVENKEEL_RECORD_KEY";

/** Fewest characters of a key: 32 hexadecimal digits are 128 bits. */
export const SHORTEST_RECORD_KEY = 32;

const releaseId = text("16 hex digits", /^[0-9a-f]{16}$/);

export const historyEntry = record({
  /** In full: a rollback needs nothing else. */
  release,
  /** When a rollout had seen the whole fleet serve it; ISO 8601 in UTC. */
  servedFrom: z.iso.datetime("a time in UTC such as 2026-01-15T09:30:00.000Z"),
});
export type HistoryEntry = z.output<typeof historyEntry>;

export const history = record({
  /** Whose it is: a history of another fleet counts for nothing. */
  fleet: z.string("a text"),
  stackTag: z.string("a text"),
  /** Grows with every change. The highest one over all hosts counts. */
  version: whole("version", 1, Number.MAX_SAFE_INTEGER),
  /** Oldest first; the last one is what the whole fleet served at last. */
  entries: z.array(historyEntry, "a list of releases").min(1, "a release").max(LONGEST_HISTORY, "fewer releases"),
  /** A rollback that is under way, or was broken off: ids of the releases that it leads from and to. */
  pending: record({ from: releaseId, to: releaseId }).nullable(),
});
export type History = z.output<typeof history>;

/** What a host keeps: the history as JSON in a text, so that exactly what was signed is read, and its HMAC-SHA-256. */
export const signedHistory = record({
  body: z.string("a text"),
  mac: text("64 hex digits", /^[0-9a-f]{64}$/),
});
