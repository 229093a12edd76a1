/** The small part of Go's templates that `--format` needs. Anything else is an error, never a guess. */

type Value = (root: unknown) => unknown;

/** Renders `{{.A.B}}`, `{{json .A}}`, `{{index .A "key"}}`, `{{json (index .A "key")}}` and the text between them. */
export function render(template: string, root: unknown): string {
  return template.replaceAll(/\{\{(.*?)\}\}/g, (whole, inside: string) => print(inside.trim(), whole)(root));
}

function print(action: string, whole: string): (root: unknown) => string {
  const [, list, plain] = /^json (?:\((.*)\)|(\S+))$/.exec(action) ?? [];
  const value = valueOf(list ?? plain ?? action, whole);
  return list === undefined && plain === undefined
    ? (root) => shown(value(root))
    : (root) => JSON.stringify(value(root));
}

function valueOf(action: string, whole: string): Value {
  const words = action.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? [];
  const [first = "", ...rest] = words;
  if (words.length === 1 && first.startsWith(".")) return (root) => at(root, first);
  if (first === "index" && rest.length === 2) {
    const [path = "", key = ""] = rest;
    const name = JSON.parse(key) as string;
    // Every map that Docker shows this way holds texts, and Go gives an empty one for a missing key.
    return (root) => (at(root, path) as Record<string, unknown> | null)?.[name] ?? "";
  }
  throw new Error(`the lab's docker does not know the template ${whole}`);
}

/** A field of Docker's answer. One that Docker does not have is a mistake in the template. */
function at(root: unknown, path: string): unknown {
  if (path === ".") return root;
  return path
    .slice(1)
    .split(".")
    .reduce<unknown>((value, key) => {
      if (typeof value === "object" && value !== null && key in value) return (value as Record<string, unknown>)[key];
      throw new Error(`the lab's docker has no field ${path}`);
    }, root);
}

function shown(value: unknown): string {
  if (value === null || value === undefined) return "<no value>";
  return typeof value === "string" ? value : JSON.stringify(value);
}
