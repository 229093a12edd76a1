/** Bad input, generated from a zod schema: every field of a good example, damaged in each way that its type has. */
import { z } from "zod";

/** The part of JSON Schema that zod writes for our schemas. */
interface Node {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly properties?: Record<string, Node>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Node;
  readonly items?: Node;
  readonly anyOf?: readonly Node[];
}

type Path = readonly (string | number)[];

/** One damaged example. */
export interface BadInput {
  readonly title: string;
  /** The field as an error names it. */
  readonly field: string;
  readonly value: unknown;
  readonly input: unknown;
}

export type Damage = "below" | "above" | "type" | "token" | "unknown" | "missing" | "word";

export interface Generated extends BadInput {
  readonly damage: Damage;
}

/** `token` stands for a number that is known only during apply. */
export function badInputs(schema: z.ZodType, example: unknown, token: number): Generated[] {
  const root = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as Node;
  return visit(root, [], example).map(({ path, damage, value }) => ({
    damage,
    title: `${dotted(path)}: ${damage} (${typeof value === "number" ? String(value) : value === undefined ? "nothing" : JSON.stringify(value)})`,
    field: dotted(path),
    value,
    input: damaged(example, path, value),
  }));

  function visit(node: Node, path: Path, sample: unknown): { path: Path; damage: Damage; value: unknown }[] {
    const at = (damage: Damage, ...values: unknown[]) => values.map((value) => ({ path, damage, value }));
    const own = [
      ...at("type", ...wrongTypes(node)),
      ...numbers(node, at),
      ...(node.enum ? at("word", "no-such-word") : []),
    ];
    return [...own, ...children(node, path, sample)];
  }

  function numbers(
    node: Node,
    at: (damage: Damage, ...values: unknown[]) => { path: Path; damage: Damage; value: unknown }[],
  ) {
    return options(node)
      .filter(isNumber)
      .flatMap((option) => {
        const fixed = typeof option.const === "number" ? option.const : undefined;
        const below = option.exclusiveMinimum ?? (option.minimum ?? fixed ?? 0) - 1;
        const above = option.exclusiveMaximum ?? (option.maximum ?? fixed ?? 0) + 1;
        const fraction = option.type === "integer" ? [(option.minimum ?? 0) + 0.5] : [];
        return [...at("below", below), ...at("above", above), ...at("type", ...fraction, NaN), ...at("token", token)];
      });
  }

  /** None of an optional object that the example leaves out. */
  function children(node: Node, path: Path, sample: unknown) {
    if (sample === undefined) return [];
    if (Array.isArray(sample) && node.items) return visit(node.items, [...path, 0], sample[0]);
    if (!node.properties && typeof node.additionalProperties === "object") {
      const [name = "NAME"] = Object.keys(sample as object);
      return visit(node.additionalProperties, [...path, name], (sample as Record<string, unknown>)[name]);
    }
    const fields = Object.entries(node.properties ?? {}).flatMap(([key, child]) =>
      visit(child, [...path, key], (sample as Record<string, unknown>)[key]),
    );
    const missing = (node.required ?? []).map((key) => ({
      path: [...path, key],
      damage: "missing" as const,
      value: undefined,
    }));
    const unknown = node.properties ? [{ path: [...path, "noSuchKey"], damage: "unknown" as const, value: 7 }] : [];
    return [...fields, ...missing, ...unknown];
  }
}

const options = (node: Node): readonly Node[] => node.anyOf ?? [node];
const isNumber = (node: Node): boolean => node.type === "integer" || node.type === "number";

/** One value of every JSON type that the field does not take. */
function wrongTypes(node: Node): unknown[] {
  const samples: Record<string, unknown> = {
    string: "\u0000",
    number: 0.25,
    boolean: true,
    array: [],
    object: {},
    null: null,
  };
  if (node.const !== undefined) return ["\u0000", 0.25, true, [], {}, null];
  const taken = options(node).map(({ type }) => (type === "integer" ? "number" : type));
  return Object.entries(samples).flatMap(([type, sample]) => (taken.includes(type) ? [] : [sample]));
}

function damaged(example: unknown, [key, ...rest]: Path, value: unknown): unknown {
  if (key === undefined) return value;
  if (Array.isArray(example))
    return example.map((entry, index) => (index === key ? damaged(entry, rest, value) : (entry as unknown)));
  const copy = { ...(example as Record<string, unknown>) };
  const result = damaged(copy[String(key)], rest, value);
  if (result === undefined) Reflect.deleteProperty(copy, String(key));
  else copy[String(key)] = result;
  return copy;
}

const dotted = (path: Path): string =>
  path.reduce<string>(
    (sofar, key) => (typeof key === "number" ? `${sofar}[${key}]` : sofar ? `${sofar}.${key}` : key),
    "",
  );
