/**
 * Lies within the frame of an answer. An intruder with root on the droplet reads the script, and with it the random word that frames the answer:
 * so everything arrives in good order, and only what it says is false.
 */
import { GITHUB_ORDER, SCREEN_ORDERS, type Honest, type Lie, type Told } from "./liar.js";

/** As scripts/rollout/commands/frame.ts writes it. Read from the script, not imported: an intruder has no other source. */
const WORD = /frame=([0-9a-f]{32})(?![0-9a-f])/;
/** What stands before the first part, such as what a pull printed. */
export const TEXT = "";
/** Registry of the intruder. No droplet may ever ask it, and no login may leave for it. */
export const EVIL_REGISTRY = "registry.evil.example";

/** What an answer is made of, in latin1, so that no byte changes. */
interface Section {
  /** Name of the part, or {@link TEXT}. */
  readonly name: string;
  readonly content: string;
}

/** By name of the part: what is said in its place. */
type Rewrites = Readonly<Record<string, (content: string) => string>>;

/** Rewrites parts of an answer. One that has no frame, as of a command that somebody else gives, stays as it is. */
const within = (change: (sections: readonly Section[]) => readonly Section[], code?: number): Lie => {
  return (honest: Honest): Told => {
    const [, word] = WORD.exec(honest.input.toString("latin1")) ?? [];
    const bytes = honest.stdout.toString("latin1");
    if (word === undefined || !bytes.includes(`\n${word} end `)) return { output: [honest.stdout], code: honest.code };
    const [body = "", end = ""] = bytes
      .slice(bytes.indexOf(`\n${word} begin\n`) + word.length + 8)
      .split(`\n${word} end `);
    const [text = "", ...parts] = body.split(`\n${word} part `);
    const told = change([{ name: TEXT, content: text }, ...parts.map(sectionOf)]).map(({ name, content }) =>
      name === TEXT ? content : `\n${word} part ${name}\n${content}`,
    );
    const whole = `\n${word} begin\n${told.join("")}\n${word} end ${code ?? Number(end)}\n`;
    return { output: [Buffer.from(whole, "latin1")], code: honest.code };
  };
};

function sectionOf(part: string): Section {
  const cut = part.indexOf("\n");
  return { name: part.slice(0, cut), content: part.slice(cut + 1) };
}

const rewriting = (rewrites: Rewrites): Lie =>
  within((sections) => sections.map(({ name, content }) => ({ name, content: rewrites[name]?.(content) ?? content })));

const bytesOf = (text: string): string => Buffer.from(text, "utf8").toString("latin1");
const ORDERS = bytesOf(`${SCREEN_ORDERS}\n${GITHUB_ORDER}\n##[error]pwned\n`);

/** Other image, whole disk of the droplet, the same id. */
const altered = (json: string): string =>
  json
    .replaceAll(/(\\?"image\\?":\\?")[^"\\]*@sha256:/g, `$1${EVIL_REGISTRY}/api@sha256:`)
    .replaceAll(/(\\?"mounts\\?":)\[\]/g, '$1[{"source":"/","target":"/host","readOnly":false}]');

const MADE_UP = JSON.stringify({ body: JSON.stringify({ version: 999_999, entries: [] }), mac: "0".repeat(64) });

/** Every order is done before it is given. The steward's hold of the lock stays as it was. */
const allDone = (journal: string): string =>
  `${journal.split("\n")[0] ?? ""}\n${Array.from({ length: 60 }, (_, index) => `${index + 1}\tdone\tpwned`).join("\n")}\n`;

/** One field of a container's line. */
const field = (rows: string, place: number, value: (field: string) => string): string =>
  rows
    .split("\n")
    .map((row) =>
      row
        .split("|")
        .map((text, index) => (index === place ? value(text) : text))
        .join("|"),
    )
    .join("\n");
const IMAGE = 2;
const RELEASE = 3;

/** Rows of traffic of one kind, each as its words after that. */
const rowsOf = (rows: string, kind: string, told: (words: readonly string[]) => string): string =>
  rows
    .split("\n")
    .map((row) => {
      const [own, ...words] = row.split(" ");
      return own === kind ? `${kind} ${told(words)}` : row;
    })
    .join("\n");

/** Whatever happens: serving, asked a moment ago, each probe answered, and nothing open. */
function alwaysWell(rows: string): string {
  const led = rowsOf(rows, "led", ([target = "", port = ""]) => `${target} ${port} open`);
  const probed = rowsOf(led, "probed", ([port = "", node = ""]) => `${port} ${node} passed 99 891000 0`);
  return rowsOf(
    rowsOf(probed, "open", () => "0"),
    "opened",
    ([port = "", count = ""]) => `${port} ${count} 0`,
  );
}

/** As if a node had asked that nobody knows. */
const anotherNode = (rows: string): string => rows.replace(/^whole$/m, "probed 8086 192.0.2.7 passed 9 9000 1\nwhole");

export const framedLies = {
  "release files and a record that it wrote itself": rewriting({ releases: altered, history: () => `${MADE_UP}\n` }),
  "no release files and no record": rewriting({ releases: () => "", history: () => "" }),
  "a journal in which every order is done at once": rewriting({ journal: allDone }),
  "a journal in which the run has lapsed": rewriting({
    journal: (journal) => `${journal}0\tlapsed\tpwned\n0\tundone\tpwned\n0\tleft\tpwned\n`,
    end: () => "gone\n",
  }),
  "containers of a release that nobody rolled out": rewriting({
    containers: (rows) =>
      field(
        field(rows, IMAGE, () => `${EVIL_REGISTRY}/api@sha256:${"e".repeat(64)}`),
        RELEASE,
        () => "e".repeat(16),
      ),
  }),
  "health and probes that are always good": rewriting({
    health: () => "200\n",
    connections: () => "0\n",
    traffic: alwaysWell,
  }),
  "health that is always bad": rewriting({
    health: () => `curl: (7) ${ORDERS}`,
    connections: () => "0\n",
    traffic: () => "",
  }),
  "orders to the screen in whatever it says": rewriting({
    containers: (rows) => field(rows, IMAGE, (image) => (image ? `${image}${SCREEN_ORDERS}` : image)),
    journal: (journal) => journal.replaceAll(/\n(?=.)/g, `${SCREEN_ORDERS}${GITHUB_ORDER}\n`),
    traffic: (rows) =>
      rowsOf(rows, "container", ([id = "", ...words]) => [`${id}${SCREEN_ORDERS}`, ...words].join(" ")),
    architecture: (words) => `${words.trim()}${SCREEN_ORDERS}\n`,
    run: () => `held by ${SCREEN_ORDERS}${GITHUB_ORDER}\n1\tstep\t${SCREEN_ORDERS}\n`,
    [TEXT]: (text) => (text.trim() === "" ? text : `${ORDERS}${text}`),
  }),
  "a node of the balancer that there is not": rewriting({
    traffic: anotherNode,
  }),
  "orders to the screen as what it lacks": rewriting({ tools: () => ORDERS }),
  "parts that are longer than anything may be": rewriting({
    containers: (rows) => `${rows}${"x".repeat(1_000_000)}`,
    journal: (journal) => `${journal}${"y".repeat(1_500_000)}`,
    traffic: () => "z".repeat(1_000_000),
  }),
  "a part twice": within((sections) => [...sections, ...sections.slice(1, 2)]),
  "no parts": within((sections) => sections.slice(0, 1)),
  "invalid UTF-8 and NULs within every part": within((sections) =>
    sections.map(({ name, content }) => ({ name, content: content.replaceAll("\n", "\u00ff\u00fe\u0000\u00c3\n") })),
  ),
  "a failure of every script": within((sections) => sections, 7),
  "another digest that arrived": rewriting({
    [TEXT]: (text) => text.replaceAll(/@sha256:[0-9a-f]{64}/g, `@sha256:${"e".repeat(64)}`),
  }),
} as const satisfies Readonly<Record<string, Lie>>;
