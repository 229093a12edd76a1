/** A strict little reader of XML: no doctype, no CDATA, double-quoted attributes, five entities. */

export type Element = Record<string, string>;

const TOKEN = /<(?<closes>\/?)(?<name>[a-z]+)(?<attributes>(?: [a-zA-Z][a-zA-Z0-9-]*="[^"<]*")*)(?<single>\/?)>|[^<]+/y;
const ATTRIBUTE = / ([a-zA-Z][a-zA-Z0-9-]*)="([^"]*)"/g;

/**
 * Name of the one root element.
 * @throws Error where the text is not well-formed
 */
export function wellFormed(markup: string): string {
  const open: string[] = [];
  const roots: string[] = [];
  for (const { text, tag } of tokens(markup)) {
    if (open.length === 0 && tag) roots.push(tag["name"] ?? "");
    if (open.length === 0 && !tag && text.trim()) throw new Error(`text outside the root: ${text}`);
    if (tag) followTag(tag, open);
  }
  if (open.length > 0) throw new Error(`not closed: ${open.join(", ")}`);
  if (roots.length !== 1) throw new Error(`not one root: ${roots.join(", ")}`);
  return roots.join("");
}

function* tokens(markup: string): Generator<{ text: string; tag: Record<string, string> | undefined }> {
  for (let at = 0; at < markup.length; at = TOKEN.lastIndex) {
    TOKEN.lastIndex = at;
    const found = TOKEN.exec(markup);
    if (!found) throw new Error(`neither a tag nor text: ${markup.slice(at, at + 60)}`);
    const end = TOKEN.lastIndex;
    const [text] = found;
    if (/&(?!(amp|lt|gt|quot|#39);)/.test(text)) throw new Error(`a bare &: ${text}`);
    yield { text, tag: text.startsWith("<") ? found.groups : undefined };
    TOKEN.lastIndex = end;
  }
}

function followTag({ closes, name = "", attributes = "", single }: Record<string, string>, open: string[]): void {
  const keys = [...attributes.matchAll(ATTRIBUTE)].map(([, key]) => key);
  if (new Set(keys).size < keys.length) throw new Error(`an attribute twice: ${attributes}`);
  if (closes && open.pop() !== name) throw new Error(`</${name}> closes something else`);
  if (!closes && !single) open.push(name);
}

/** Attributes of every element of that name, in order. */
export function elements(markup: string, name: string): Element[] {
  const tags = markup.matchAll(new RegExp(`<${name}((?: [^<>]*?)?)/?>`, "g"));
  return [...tags].map(([, attributes = ""]) =>
    Object.fromEntries([...attributes.matchAll(ATTRIBUTE)].map(([, key = "", value = ""]) => [key, value])),
  );
}

/**
 * A numeric attribute.
 * @throws Error without a finite number there
 */
export function numberOf(element: Element, key: string): number {
  const value = Number.parseFloat(element[key] ?? "");
  if (!Number.isFinite(value)) throw new Error(`${key} is ${element[key]}: ${JSON.stringify(element)}`);
  return value;
}

/** Contrast of two colours by WCAG 2, from 1 to 21. */
export function contrast(one: string, other: string): number {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

function luminance(color: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const share = Number.parseInt(color.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
