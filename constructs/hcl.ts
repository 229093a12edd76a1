/**
 * A stack in Terraform's own language, for `cdktf synth --hcl`. cdktf's own rendering is not used: it leaves out overrides and defaults such
 * as 0, breaks texts that hold both a reference and a quote, and adds a line to the user data, which would rebuild every droplet.
 */

type Value = null | boolean | number | string | readonly Value[] | { readonly [name: string]: Value };
type Body = Readonly<Record<string, Value>>;

/** Names that are blocks in this language, where JSON does not tell; the others are arguments. */
const BLOCKS = new Set([
  ...["required_providers", "cloud", "workspaces", "validation", "lifecycle", "precondition", "postcondition"],
  ...["forwarding_rule", "healthcheck", "inbound_rule", "outbound_rule", "alerts", "notifications", "timeouts"],
]);
/** Blocks that carry a label. */
const LABELLED = new Set(["backend", "provisioner"]);
/** Arguments that take names, not texts. */
const NAMES = new Set(["depends_on", "type", "ignore_changes", "replace_triggered_by", "when", "on_failure"]);

/** @param stack as `toTerraform()` gives it */
export function hclOf(stack: object): string {
  return Object.entries(stack as Body)
    .flatMap(([kind, content]) => topLevel(kind, content as Body))
    .join("\n");
}

function topLevel(kind: string, content: Body): string[] {
  if (kind === "//") return [];
  if (kind === "terraform" || kind === "locals") return [block(kind, [], content)];
  return Object.entries(content).flatMap(([label, value]) =>
    kind === "resource" || kind === "data"
      ? Object.entries(value as Body).map(([name, body]) => block(kind, [label, name], body as Body))
      : list(value).map((body) => block(kind, [label], body as Body)),
  );
}

function block(name: string, labels: readonly string[], content: Body): string {
  const lines = Object.entries(content).flatMap(([key, value]) => entry(key, value, name));
  return [`${[name, ...labels.map(quoted)].join(" ")} {`, ...lines.map(indented), "}\n"].join("\n");
}

function entry(name: string, value: Value, within: string): string[] {
  if (name === "//") return [];
  if (LABELLED.has(name)) {
    return list(value).flatMap((each) =>
      Object.entries(each as Body).map(([label, body]) => block(name, [label], body as Body)),
    );
  }
  // An empty list of blocks is no block.
  if (BLOCKS.has(name)) return list(value).map((body) => block(name, [], body as Body));
  if (NAMES.has(name) && (name !== "type" || within === "variable")) return [`${name} = ${names(value)}`];
  return [`${name} = ${expression(value)}`];
}

const names = (value: Value): string => (typeof value === "string" ? value : `[${list(value).map(String).join(", ")}]`);

function expression(value: Value): string {
  if (typeof value === "string") return text(value);
  if (value === null || typeof value !== "object") return String(value);
  if (Array.isArray(value)) return `[${value.map((each) => expression(each as Value)).join(", ")}]`;
  const pairs = Object.entries(value).map(([key, each]) => `${quoted(key)} = ${expression(each)}`);
  return pairs.length > 0 ? ["{", ...pairs.map(indented), "}"].join("\n") : "{}";
}

/** Several whole lines as they are, so that people can read them; what stands within `${}` is this language already. */
function text(value: string): string {
  const readable =
    value.endsWith("\n") && value.indexOf("\n") < value.length - 1 && !/^\s*EOT\s*$|[^\P{C}\n\t]/mu.test(value);
  if (readable) return `<<EOT\n${value}EOT`;
  return `"${parts(value)
    .map((part) => (part.startsWith("${") ? part : quoted(part).slice(1, -1)))
    .join("")}"`;
}

/** JSON's escapes are this language's, too, but for two of which nobody has need. */
const quoted = (value: string): string =>
  JSON.stringify(value).replaceAll(/\\(.)/g, (escape, letter) =>
    letter === "b" ? "\\u0008" : letter === "f" ? "\\u000c" : escape,
  );

/** The text, cut at its references; quotes and braces within them belong to them. `$${` is a text. */
function parts(value: string): string[] {
  const found: string[] = [];
  let from = 0;
  for (let at = value.indexOf("${"); at >= 0; at = value.indexOf("${", at)) {
    if (value[at - 1] === "$") {
      at += 2;
      continue;
    }
    const end = endOfReference(value, at + 2);
    found.push(value.slice(from, at), value.slice(at, end));
    from = at = end;
  }
  return [...found, value.slice(from)].filter(Boolean);
}

function endOfReference(value: string, from: number): number {
  let depth = 1;
  let within = false;
  for (let at = from; at < value.length; at += 1) {
    const character = value[at];
    if (within && character === "\\") at += 1;
    else if (character === '"') within = !within;
    else if (!within && character === "{") depth += 1;
    else if (!within && character === "}") depth -= 1;
    if (depth === 0) return at + 1;
  }
  return value.length;
}

const list = (value: Value): readonly Value[] => (Array.isArray(value) ? (value as readonly Value[]) : [value]);

/**
 * The lines of a heredoc are not moved. Only `\n` begins a line: JavaScript's `^` also stands behind U+2028 and U+2029, within a text that
 * the blanks would change.
 */
const indented = (entryText: string): string =>
  entryText.includes("<<EOT\n") ? entryText : entryText.replaceAll(/(?<=^|\n)(?=[^\n])/g, "  ");
