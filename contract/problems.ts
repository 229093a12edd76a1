/** Turns a failed validation into lines that name the field, the value and the mend. */
import type { z } from "zod";
import { isToken } from "./fields.js";

const LONGEST_VALUE = 80;

/** Raised for input that cannot be used. `problems` holds one line a fault; the message joins them. */
export class InvalidInput extends Error {
  override readonly name = "InvalidInput";
  constructor(
    readonly subject: string,
    readonly problems: readonly string[],
  ) {
    super(problems.map((problem) => `${subject}: ${problem}`).join("\n"));
  }
}

/** `path: got VALUE; needs NEED` for each issue of a failed validation of `input`; without a path where all of it is meant. */
export function problems(error: z.ZodError, input: unknown): string[] {
  return error.issues.flatMap((issue) => lines(issue, input));
}

function lines(issue: z.core.$ZodIssue, input: unknown): string[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => {
      const path = [...issue.path, key];
      return `${dotted(path)}: got ${shown(at(input, path))}, but is not a known key; needs ${issue.message}`;
    });
  }
  const value = at(input, issue.path);
  const where = issue.path.length > 0 ? `${dotted(issue.path)}: ` : "";
  if (isCrossField(issue)) return [`${where}${issue.message}`];
  if (isToken(value)) {
    return [
      `${where}got a Terraform token, known only during apply; needs ${issue.message}, written out, because the rollout is planned at synth`,
    ];
  }
  return [`${where}got ${shown(value)}; needs ${issue.message}`];
}

/** Validates `input`, or throws {@link InvalidInput} naming every fault at once. */
export function parse<Schema extends z.ZodType>(subject: string, schema: Schema, input: unknown): z.output<Schema> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  throw new InvalidInput(subject, problems(result.error, input));
}

/** Validates JSON text, or throws {@link InvalidInput}. */
export function parseJson<Schema extends z.ZodType>(subject: string, schema: Schema, json: string): z.output<Schema> {
  let input: unknown;
  try {
    input = JSON.parse(json);
  } catch {
    throw new InvalidInput(subject, [`got ${shown(json)}; needs JSON`]);
  }
  return parse(subject, schema, input);
}

function isCrossField(issue: z.core.$ZodIssue): boolean {
  return issue.code === "custom" && issue.params?.["rule"] === "cross-field";
}

function dotted(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (sofar, key) => (typeof key === "number" ? `${sofar}[${key}]` : sofar ? `${sofar}.${String(key)}` : String(key)),
    "",
  );
}

function at(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key], input);
}

function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  // JSON has no NaN and no Infinity: it would show null.
  const json =
    typeof value === "number" ? String(value) : ((JSON.stringify(value) as string | undefined) ?? typeof value);
  // A private key may have been put where none belongs.
  if (json.includes("-----BEGIN ")) return "PEM, which is not shown";
  return json.length > LONGEST_VALUE ? `${json.slice(0, LONGEST_VALUE)}…` : json;
}
