/** Looks for secrets wherever text or files are. */
import { randomBytes } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import path from "node:path";
import { execa } from "execa";

/** The part that no encoder but base64 changes; everything is searched for it. */
export const core = (): string => randomBytes(12).toString("hex");

/** What stands for a secret wherever it turns up: its core as it is, and within base64 from any offset. */
export function needles(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const encoded = [0, 1, 2].flatMap((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString("base64");
    const inner = text.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6));
    return [inner, inner.replaceAll("+", "-").replaceAll("/", "_")];
  });
  return [secret, ...encoded];
}

/** Where any of the secrets stands, by name, shown without what stands around it. */
export function found(secrets: ReadonlyMap<string, string>, places: readonly Place[]): string[] {
  const wanted = [...secrets].flatMap(([name, secret]) => needles(secret).map((needle) => [name, needle] as const));
  const hits = places.flatMap(({ where, text }) =>
    wanted.filter(([, needle]) => text.includes(needle)).map(([name]) => `${name} in ${where}`),
  );
  return [...new Set(hits)];
}

export interface Place {
  readonly where: string;
  readonly text: string;
}

/** Every file and link below a folder. */
export function filesIn(folder: string): Place[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).flatMap((name) => {
    const where = path.join(folder, name);
    const state = lstatSync(where, { throwIfNoEntry: false });
    if (state?.isSymbolicLink()) return [{ where, text: `${name} ${readlinkSync(where)}` }];
    return state?.isFile() ? [{ where, text: `${name} ${readFileSync(where, "latin1")}` }] : [];
  });
}

/**
 * The same for a folder of any size: only those files that hold one of the secrets, besides all names and links. A core stands on a line of its
 * own, as whatever encodes it writes no line breaks.
 */
export async function suspectsIn(folder: string, secrets: ReadonlyMap<string, string>): Promise<Place[]> {
  const wanted = [...secrets.values()].flatMap(needles);
  const search = ["--recursive", "--files-with-matches", "--text", "--devices=skip", "--fixed-strings", "--file=-"];
  const grep = await execa("grep", [...search, folder], {
    ...{ input: `${wanted.join("\n")}\n`, env: { LC_ALL: "C" }, reject: false },
  });
  // 1: nothing was found. Anything else would be no search.
  if (grep.exitCode !== 0 && grep.exitCode !== 1) throw new Error(`grep in ${folder}: ${grep.stderr}`);
  const names = await execa("find", [folder, "-printf", "%P %l\\n"]);
  return [
    { where: `names in ${folder}`, text: names.stdout },
    ...grep.stdout
      .split("\n")
      .filter((where) => where !== "")
      .map((where) => ({ where, text: readFileSync(where, "latin1") })),
  ];
}
