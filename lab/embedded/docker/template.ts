/** The small part of Go's templates that `--format` needs. Anything else is an error, never a guess. */

type Value = (root: unknown) => unknown;
type Text = (root: unknown) => string;

/**
 * Renders `{{.A.B}}`, `{{json .A}}`, `{{index .A "key"}}`, `{{json (index .A "key")}}`, `{{with …}}…{{end}}` and the text
 * between them.
 */
export function render(template: string, root: unknown): string {
  const pieces = template.split(/(\{\{.*?\}\})/);
  const text = sequence(pieces);
  if (pieces.length > 0) throw new Error(`the lab's docker finds an end of nothing in ${template}`);
  return text(root);
}

/** Takes pieces off the front, up to the end of the block that they stand in. */
function sequence(pieces: string[]): Text {
  const texts: Text[] = [];
  while (pieces.length > 0 && actionOf(pieces[0]) !== "end") {
    const piece = pieces.shift() ?? "";
    const action = actionOf(piece);
    const [, subject] = /^with (.+)$/.exec(action ?? "") ?? [];
    if (action === null) texts.push(() => piece);
    else texts.push(subject === undefined ? print(action, piece) : block(valueOf(subject, piece), piece, pieces));
  }
  return (root) => texts.map((text) => text(root)).join("");
}

/** Null for what is no action but text. */
const actionOf = (piece = ""): string | null => /^\{\{(.*?)\}\}$/.exec(piece)?.[1]?.trim() ?? null;

/** Rendered for the value that it names, and not at all where that is empty. */
function block(subject: Value, whole: string, pieces: string[]): Text {
  const text = sequence(pieces);
  if (pieces.shift() === undefined) throw new Error(`the lab's docker misses the end of ${whole}`);
  return (root) => {
    const value = subject(root);
    return isEmpty(value) ? "" : text(value);
  };
}

/** @see https://pkg.go.dev/text/template what counts as empty */
const isEmpty = (value: unknown): boolean =>
  value === null ||
  value === undefined ||
  value === false ||
  value === 0 ||
  value === "" ||
  (Array.isArray(value) && value.length === 0);

function print(action: string, whole: string): Text {
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
    // Maps that Docker prints entries of hold texts, and Go gives an empty one for a missing key. Others come with "with" only, where both are empty.
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
