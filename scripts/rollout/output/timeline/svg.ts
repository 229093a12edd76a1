/** Builds SVG as text: every attribute and text is escaped, every number is short and finite. */

// Characters that XML 1.0 cannot hold, not even escaped.
// eslint-disable-next-line no-control-regex
const UNPRINTABLE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu;

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text that is safe between tags and within quotes. */
export const escaped = (text: string): string =>
  text.replace(UNPRINTABLE, "").replace(/[&<>"']/g, (character) => entities[character] ?? "");

/** A coordinate with at most two decimals, so that pictures are the same on every machine. */
export function short(value: number): string {
  if (!Number.isFinite(value)) throw new RangeError(`a coordinate is ${value}; it must be a finite number`);
  return String(Math.round(value * 100) / 100 || 0);
}

export type Attributes = Readonly<Record<string, string | number>>;

/** An element; `content` is markup already, see {@link escaped}. */
export function element(name: string, attributes: Attributes, ...content: readonly string[]): string {
  const list = Object.entries(attributes)
    .map(([key, value]) => ` ${key}="${typeof value === "number" ? short(value) : escaped(value)}"`)
    .join("");
  return content.length === 0 ? `<${name}${list}/>` : `<${name}${list}>${content.join("")}</${name}>`;
}

/** A `<text>` element. */
export const label = (text: string, attributes: Attributes): string => element("text", attributes, escaped(text));

/** Roughly the width of a text in a sans-serif font; errs on the wide side, so that what is found to fit does. */
export function textWidth(text: string, fontSize: number): number {
  let sum = 0;
  for (const character of text) sum += character >= "\u1100" ? 1.05 : 0.58;
  return sum * fontSize;
}

/** A text cut to a width in pixels. */
export function cutTo(text: string, width: number, fontSize: number): string {
  if (textWidth(text, fontSize) <= width) return text;
  const characters = Array.from(text);
  while (characters.length > 0 && textWidth(`${characters.join("")}…`, fontSize) > width) characters.pop();
  return characters.length === 0 ? "" : `${characters.join("")}…`;
}

/** The same, but the end stays: names of hosts differ there. */
export function cutMiddle(text: string, width: number, fontSize: number): string {
  if (textWidth(text, fontSize) <= width) return text;
  const characters = Array.from(text);
  const shown = (count: number): string => {
    const tail = Math.ceil(count / 2);
    return `${characters.slice(0, count - tail).join("")}…${characters.slice(characters.length - tail).join("")}`;
  };
  let count = characters.length - 1;
  while (count > 1 && textWidth(shown(count), fontSize) > width) count -= 1;
  return shown(count);
}

/** Keeps grid lines out of a text that stands among them. */
export const halo = (color: string): Attributes => ({
  stroke: color,
  "stroke-width": 4,
  "stroke-linejoin": "round",
  "paint-order": "stroke",
});
