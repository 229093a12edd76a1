/** Fills in what Terraform would: plain references in texts. Anything that is not known here is an error, never a guess. */

/** Gives the value of `type.name.attribute`, `var.name` or `path.module`; throws for one it does not know. */
export type Lookup = (reference: string) => string;

const REFERENCE = /^[a-z][a-z0-9_]*(\.[A-Za-z0-9_-]+){1,2}$/;
const JOIN = /^join\("((?:[^"\\]|\\.)*)", \[(.*)\]\)$/;

/**
 * Replaces every `${…}` in a text. Knows plain references and `join("…", [references])`; `$${` stands for `${`, and `%%{` for `%{`.
 * @throws Error for any other expression
 */
export function resolveText(text: string, lookup: Lookup): string {
  return text.replaceAll(/([$%])\1\{|\$\{([^}]*)\}/g, (whole, escaped: string | undefined, expression: string) =>
    escaped === undefined ? evaluate(expression.trim(), lookup, whole) : `${escaped}{`,
  );
}

/** {@link resolveText} for every text inside a JSON value. */
export function resolveAll(value: unknown, lookup: Lookup): unknown {
  if (typeof value === "string") return resolveText(value, lookup);
  if (Array.isArray(value)) return value.map((entry) => resolveAll(entry, lookup));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, resolveAll(entry, lookup)]));
}

function evaluate(expression: string, lookup: Lookup, whole: string): string {
  if (REFERENCE.test(expression)) return lookup(expression);
  const [, separator, list] = JOIN.exec(expression) ?? [];
  if (separator === undefined || list === undefined) {
    throw new Error(`the lab cannot evaluate ${whole}; it knows plain references and join over them`);
  }
  const parts = list.split(",").map((part) => evaluate(part.trim(), lookup, whole));
  return parts.join(JSON.parse(`"${separator}"`) as string);
}
