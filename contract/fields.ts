/**
 * The small schemas every larger one is made of. Each carries, as its message, what it needs in words:
 * {@link problems} puts the field and the value in front, so that every bad input is one readable line.
 */
import { z } from "zod";

/** Ends validation at the first fault of a value, so that one bad value is one line and no rule between fields sees it. */
const only = (need: string) => ({ error: need, abort: true });

/** A whole number with its unit and range; both ends are allowed. */
export const whole = (unit: string, minimum: number, maximum: number) => {
  const need = `a whole number of ${unit} from ${minimum} to ${maximum}`;
  return z.int(only(need)).min(minimum, only(need)).max(maximum, only(need));
};

/** A number above zero with its unit and upper end. */
export const positive = (unit: string, maximum: number) => {
  const need = `a number of ${unit} above 0, at most ${maximum}`;
  return z.number(need).positive(only(need)).max(maximum, only(need));
};

/**
 * A text of a given form; `need` says the form in words. What Terraform would take for a template, a token among it, is
 * never of the form: these texts end up in the synthesized JSON, where `${` and `%{` are evaluated.
 */
export const text = (need: string, form: RegExp) =>
  z.string(need).refine((value) => form.test(value) && !/[$%]\{/.test(value), only(need));

/** One of a few words. */
export const choice = <const Words extends readonly [string, ...string[]]>(...words: Words) =>
  z.enum(words, `one of ${words.map((word) => `"${word}"`).join(", ")}`);

/** Yes or no. */
export const flag = () => z.boolean("true or false");

/** An object that knows all its keys: another key is an error that lists the known ones. */
export const record = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.strictObject(shape, {
    error: (issue) =>
      issue.code === "unrecognized_keys"
        ? `only the keys ${Object.keys(shape).join(", ")}`
        : `an object with the keys ${Object.keys(shape).join(", ")}`,
  });

/** `true` for the markers that CDK for Terraform puts where a value is known only to Terraform. */
export function isToken(value: unknown): boolean {
  // cdktf encodes number tokens as doubles below -1e280 (cdktf 0.21, lib/tokens/private/encoding, DOUBLE_TOKEN_MARKER_BITS).
  if (typeof value === "number") return value < -1e280;
  if (typeof value === "string") return value.includes("${") || value.startsWith("#{TfToken[");
  return Array.isArray(value) && value.some((entry) => typeof entry === "string" && entry.startsWith("#{TfToken["));
}
