/** Takes secret values out of events before any sink sees them. */
import type { RolloutEvent } from "../core/events.js";
import type { Sink } from "./sink.js";

/** What stands in a secret's place. */
export const REDACTED = "[redacted]";

/** A shorter value would be found inside ordinary words and numbers, and tell more by where it is missing. */
export const SHORTEST_SECRET = 4;
/** A log splits a key of many lines; each of its lines is a secret too, unless it is as short as a word. */
const SHORTEST_LINE = 8;

/** Fields with a closed vocabulary: a secret that happens to be the word "failed" must not break the stream. */
const VOCABULARY: ReadonlySet<string> = new Set(["status", "action", "code"]);

const SHORT_ESCAPES: Readonly<Record<string, string>> = { "\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f" };

/**
 * Makes a function that replaces every secret in every string of a value. A secret is found as it is, escaped as in JSON
 * (also JSON within JSON), percent-encoded, and inside base64 such as an `Authorization` header's.
 */
export function redactor(secrets: readonly string[]): <Value>(value: Value) => Value {
  const pattern = secretPattern(secrets);
  return <Value>(value: Value) => (pattern ? (redactValue(value, pattern) as Value) : value);
}

/** A sink that hands on every event without the secrets. */
export function redacting(sink: Sink, secrets: readonly string[]): Sink {
  const redact = redactor(secrets);
  return {
    emit: (event) => sink.emit({ ...event, host: redact(event.host), data: redact(event.data) } as RolloutEvent),
    tick: () => sink.tick(),
    close: () => sink.close(),
  };
}

function redactValue(value: unknown, pattern: RegExp): unknown {
  if (typeof value === "string") return value.replace(pattern, REDACTED);
  if (Array.isArray(value)) return value.map((entry) => redactValue(entry, pattern));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, entry]): [string, unknown] => [
    key,
    VOCABULARY.has(key) ? entry : redactValue(entry, pattern),
  ]);
  return Object.fromEntries(entries);
}

/** All forms of all secrets, longest first, so that a secret within another leaves no rest of the longer one. */
function secretPattern(secrets: readonly string[]): RegExp | null {
  const values = new Set(secrets.flatMap((secret) => [secret, secret.trim(), ...linesOf(secret)]));
  const long = [...values].filter((value) => value.length >= SHORTEST_SECRET).sort((a, b) => b.length - a.length);
  if (long.length === 0) return null;
  const forms = [...long.map(escapedForms), ...long.flatMap(base64Forms).map(escapedForms)];
  return new RegExp(forms.join("|"), "g");
}

const linesOf = (secret: string): string[] =>
  secret
    .split(/\r\n|\n|\r/)
    .map((line) => line.trim())
    .filter((line) => line.length >= SHORTEST_LINE);

/** Letters and digits are never escaped by an encoder; anything else may be. */
const escapedForms = (secret: string): string =>
  Array.from(secret, (character) => (/[A-Za-z0-9]/.test(character) ? character : escapedCharacter(character))).join("");

function escapedCharacter(character: string): string {
  const literal = character.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&");
  const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at));
  const unicode = units.map((unit) => `\\\\+u${hex(unit, 4)}`).join("");
  const short = SHORT_ESCAPES[character];
  const percent = Array.from(Buffer.from(character), (byte) => `%${hex(byte, 2)}`).join("");
  // A backslash is itself doubled, and doubled again, by each encoder; so any run of them may stand for it.
  const plain = character === "\\" ? "\\\\+" : `\\\\*${literal}`;
  return `(?:${[plain, unicode, percent, ...(short ? [`\\\\+${short}`] : [])].join("|")})`;
}

/** Hex digits in either case, as a pattern. */
const hex = (value: number, digits: number): string =>
  value
    .toString(16)
    .padStart(digits, "0")
    .replace(/[a-f]/g, (digit) => `[${digit}${digit.toUpperCase()}]`);

/** Base64 has three forms, by where the secret begins within the encoded text; the characters it shares with its neighbours are left out. */
function base64Forms(secret: string): string[] {
  const bytes = Buffer.from(secret);
  return [0, 1, 2].map((offset) => {
    const encoded = Buffer.concat([Buffer.alloc(offset), bytes]).toString("base64");
    return encoded.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6));
  });
}
