/** Finds secret values in a text, in every form that an encoder may have given them. Pure. */

/** What stands in a secret's place. */
export const REDACTED = "[redacted]";

/** A shorter value would be found inside ordinary words and numbers, and tell more by where it is missing. */
export const SHORTEST_SECRET = 4;
/** A log splits a key of many lines; each of its lines is a secret too, unless it is as short as a word. */
const SHORTEST_LINE = 8;

const SHORT_ESCAPES: Readonly<Record<string, string>> = { "\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f" };

/**
 * Makes a function that replaces every secret in a text. A secret is found as it is, escaped as in JSON (also JSON within JSON),
 * percent-encoded, and inside base64 such as an `Authorization` header's.
 */
export function redactor(secrets: readonly string[]): (text: string) => string {
  const pattern = secretPattern(secrets);
  return (text) => (pattern ? text.replace(pattern, REDACTED) : text);
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

/**
 * A backslash is itself doubled, and doubled again, by each encoder; so a run of them may stand for it. Five encoders make 32: without an
 * end, a host could have megabytes of them searched from every place.
 */
const SOME = "\\\\{1,32}";
const ANY = "\\\\{0,32}";

function escapedCharacter(character: string): string {
  const literal = character.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&");
  const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at));
  const unicode = units.map((unit) => `${SOME}u${hex(unit, 4)}`).join("");
  const short = SHORT_ESCAPES[character];
  const percent = Array.from(Buffer.from(character), (byte) => `%${hex(byte, 2)}`).join("");
  const plain = character === "\\" ? SOME : `${ANY}${literal}`;
  return `(?:${[plain, unicode, percent, ...(short ? [`${SOME}${short}`] : [])].join("|")})`;
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
