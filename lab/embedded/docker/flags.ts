/** Command lines as Docker reads them: flags before the first operand, values after `=` or as the next word. */
import { LabFault } from "../../fault.js";

/** `flag` stands alone, `value` takes one, `list` may come several times. Short names are single letters. */
export type FlagKinds = Readonly<Record<string, "flag" | "value" | "list">>;

export class Flags {
  readonly operands: readonly string[];
  readonly #values: ReadonlyMap<string, readonly string[]>;

  constructor(values: ReadonlyMap<string, readonly string[]>, operands: readonly string[]) {
    this.#values = values;
    this.operands = operands;
  }

  has(name: string): boolean {
    return this.#values.has(name) && this.#values.get(name)?.at(-1) !== "false";
  }

  /** The last one counts, as in Docker. */
  value(name: string): string | undefined {
    return this.#values.get(name)?.at(-1);
  }

  list(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }
}

export interface FlagSyntax {
  readonly kinds: FlagKinds;
  /** Long names of the short flags. */
  readonly short?: Readonly<Record<string, string>>;
  /** Whether flags may follow the first operand: not where that is an image or a command. @default true */
  readonly interspersed?: boolean;
}

/** @throws LabFault for a flag that the lab does not know, or a value that is missing */
export function parseFlags(command: string, given: readonly string[], syntax: FlagSyntax): Flags {
  const values = new Map<string, string[]>();
  const operands: string[] = [];
  const words = [...given];
  for (let index = 0; index < words.length; index += 1) {
    const [word, ...more] = apart(words[index] ?? "", syntax);
    words.splice(index + 1, 0, ...more);
    if (!/^-./.test(word)) {
      if (syntax.interspersed === false) return new Flags(values, words.slice(index));
      operands.push(word);
      continue;
    }
    const [name, own] = split(word, syntax);
    const kind = syntax.kinds[name];
    if (!kind) throw new LabFault(`the lab's docker does not know the flag ${word} of "docker ${command}"`);
    const takesNext = own === undefined && kind !== "flag";
    if (takesNext && index + 1 >= words.length) throw new LabFault(`docker ${command}: ${word} needs a value`);
    const value = own ?? (takesNext ? (words[(index += 1)] ?? "") : "true");
    values.set(name, [...(values.get(name) ?? []), value]);
  }
  return new Flags(values, operands);
}

/** `-aq` is `-a -q`, where the first of them stands alone. */
function apart(word: string, { short = {}, kinds }: FlagSyntax): [first: string, ...rest: string[]] {
  const [, letter = "", rest = ""] = /^-([a-zA-Z])([a-zA-Z].*)$/s.exec(word) ?? [];
  return kinds[short[letter] ?? ""] === "flag" ? [`-${letter}`, `-${rest}`] : [word];
}

/** `--name=value`, `--name`, `-n`, `-nvalue`. */
function split(word: string, { short = {}, kinds }: FlagSyntax): [name: string, value: string | undefined] {
  if (word.startsWith("--")) {
    const [, name = "", value] = /^--([^=]*)(?:=(.*))?$/s.exec(word) ?? [];
    return [name, value];
  }
  const name = short[word[1] ?? ""] ?? word;
  const rest = word.slice(2);
  if (rest === "" || kinds[name] === undefined) return [rest === "" ? name : word, undefined];
  return kinds[name] === "flag" ? [word, undefined] : [name, rest.replace(/^=/, "")];
}
