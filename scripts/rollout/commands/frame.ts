/**
 * How a script reaches a host's sh, and how its answer is told from everything else that arrives.
 *
 * The answer stands between marks that carry a random word, the frame, made for this one command. What an app, a log or a file says cannot end its
 * part: it would have to know the word. The word is only in the script, which comes over standard input and is read by the shell itself. So it is in
 * no argument list and in no environment, also not for a container that shares the host's process table.
 * Lengths instead of a word would need each part whole before it is sent, in a file or a variable, on disks that are full and in little memory.
 */
import { randomBytes } from "node:crypto";
import { RolloutError } from "../core/errors.js";

/**
 * What the login shell is asked to run. Every shell reads these words alike, among them fish and csh: no line break, quote, backslash or
 * exclamation mark stands within the quotes. A variable of that name in the login's environment would hand the script on to every program. The script is the first line of standard input; what follows is the script's own input.
 */
export const LOGIN_COMMAND = `exec sh -c 'unset script; IFS= read -r script && eval "$(printf %b "$script")"'`;

/** A word that nobody can guess: 128 random bits. */
export const newFrame = (): string => randomBytes(16).toString("hex");

const wrap = (script: string, frame: string): string => `unset frame
frame=${frame}
printf '\\n%s begin\\n' "$frame"
(
${script}
)
printf '\\n%s end %s\\n' "$frame" "$?"`;

/** Standard input for {@link LOGIN_COMMAND}: the script in one line, as `printf %b` writes it out again. */
export const framed = (script: string, frame: string): string =>
  `${wrap(script, frame).replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}\n`;

/** Shell text that begins a part of the answer. */
export const beginPart = (name: string): string => `printf '\\n%s part %s\\n' "$frame" ${name}`;

/** What a host answers to one command. */
export interface Answer {
  /** Exit code of the script. */
  readonly code: number;
  /** All that it printed before the first part. */
  readonly text: string;
  readonly parts: Parts;
}

/** The parts of one host's answer. */
export class Parts {
  /** @param host for messages */
  constructor(
    readonly host: string,
    private readonly parts: ReadonlyMap<string, Uint8Array>,
  ) {}

  /** @throws RolloutError HostUnreadable when the part is missing or longer than `maxBytes` */
  text(name: string, maxBytes = Number.MAX_SAFE_INTEGER): string {
    const { text, whole } = this.start(name, maxBytes);
    if (whole) return text;
    throw this.unreadable(`"${name}" is longer than ${maxBytes} bytes; look at what is written there`);
  }

  /** The first `maxBytes` of a part, and whether that is all of it. @throws RolloutError HostUnreadable when it is missing */
  start(name: string, maxBytes: number): { readonly text: string; readonly whole: boolean } {
    const bytes = this.parts.get(name);
    if (bytes === undefined) throw this.unreadable(`it has no part "${name}"`);
    return { text: decode(bytes.subarray(0, maxBytes)), whole: bytes.length <= maxBytes };
  }

  /** @param why what is wrong with the answer, and what to do */
  unreadable(why: string): RolloutError {
    return new RolloutError("HostUnreadable", `${this.host}: the host's answer cannot be read: ${why}`);
  }
}

/**
 * Reads what came back over the connection. Whatever was printed before the answer, such as a greeting at login, is left out.
 * @param host for messages
 * @returns null when the answer has no end, as over a connection that broke
 * @throws RolloutError HostUnreadable when it has an end and is not of the form
 */
export function readAnswer(output: Uint8Array, frame: string, host: string): Answer | null {
  // One character a byte, so that positions and lengths are those of the bytes.
  const bytes = Buffer.from(output).toString("latin1");
  const end = new RegExp(`\\n${frame} end (\\d{1,3})\\n$`).exec(bytes);
  if (!end) return null;
  const [before, body, ...more] = bytes.slice(0, end.index).split(`\n${frame} begin\n`);
  const found = new Map<string, Uint8Array>();
  const read = new Parts(host, found);
  if (before === undefined || body === undefined || more.length > 0) throw read.unreadable("it does not begin once");
  const [text = "", ...parts] = body.split(`\n${frame} part `);
  for (const part of parts) {
    const cut = part.indexOf("\n");
    const name = part.slice(0, cut);
    if (cut < 0 || found.has(name)) throw read.unreadable(`its part "${name}" comes twice or is cut off`);
    found.set(name, Buffer.from(part.slice(cut + 1), "latin1"));
  }
  return { code: Number(end[1]), text: decode(Buffer.from(text, "latin1")), parts: read };
}

const decode = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8");
