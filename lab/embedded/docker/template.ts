/** The small part of Go's templates that `--format` needs. Anything else is an error, never a guess. */

type Action = (root: unknown) => string;

/** Renders `{{.A.B}}`, `{{json .A}}`, `{{index .A "key"}}` and the text between them. */
export function render(template: string, root: unknown): string {
  return template.replaceAll(/\{\{(.*?)\}\}/g, (whole, inside: string) => compile(inside.trim(), whole)(root));
}

function compile(action: string, whole: string): Action {
  const words = action.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? [];
  const [first = "", ...rest] = words;
  if (words.length === 1 && first.startsWith(".")) return (root) => shown(at(root, first));
  if (first === "json" && rest.length === 1) return (root) => JSON.stringify(at(root, rest[0] ?? ""));
  if (first === "index" && rest.length === 2) {
    const [path = "", key = ""] = rest;
    const name = JSON.parse(key) as string;
    // Every map that Docker shows this way holds texts, and Go gives an empty one for a missing key.
    return (root) => shown((at(root, path) as Record<string, unknown> | null)?.[name] ?? "");
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
