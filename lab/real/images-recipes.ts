/**
 * What is built: the example's Dockerfile as it is, the lab's own app on top of it, variants of that for negative controls, and
 * releases that fail.
 */
import { createHash } from "node:crypto";
import { copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Break, OtherApp, ReferenceOptions } from "../releases.js";
import { PYTHON_BASE } from "./base-image.js";

export interface RealReferenceOptions extends ReferenceOptions {
  /** Whole seconds that the container only sleeps before the app starts. @default 0 */
  readonly startDelaySeconds?: number;
}

/** One `docker build`. */
export interface Recipe {
  /** Folder that is sent along. @default - none */
  readonly context?: string;
  /** Further files at its top, by name. @default - none */
  readonly added?: Readonly<Record<string, string | Buffer>>;
  readonly dockerfile: string;
  /** Ends up in a label, so that every version has a digest of its own. */
  readonly version: string;
}

const folderOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
export const APP = folderOf("../../app");
const BROKEN = folderOf("../embedded/images");

/** The example of app/, as whoever copies it builds it. @param dockerfile of the app */
export const exampleRecipe = (dockerfile: string, version: string): Recipe => ({ context: APP, dockerfile, version });

const SERVER = "lab-server.mjs";

/** What the reference is made of. */
export interface ReferenceSource {
  /** Of the example. */
  readonly dockerfile: string;
  /** lab/app/server.ts, bundled: the example's image serves that instead of its own. */
  readonly server: string;
}

export function referenceRecipe(
  { dockerfile, server }: ReferenceSource,
  version: string,
  options: RealReferenceOptions = {},
): Recipe {
  const { contract = "lifecycle", environment = {}, startDelaySeconds = 0 } = options;
  const variables = { ...environment, ...(contract === "lifecycle" ? {} : { CONTRACT: contract }) };
  const lines = [
    `COPY ${SERVER} ./`,
    `CMD ["node", "${SERVER}"]`,
    ...Object.entries(variables).map(([name, value]) => `ENV ${name}=${quoted(value)}`),
    ...(startDelaySeconds > 0 ? [delayed(startDelaySeconds)] : []),
  ];
  const example = exampleRecipe([dockerfile, ...lines.map((line) => `${line}\n`)].join(""), version);
  return { ...example, added: { [SERVER]: server } };
}

/** @param base name of the image to build on */
export function brokenRecipe(base: string, how: Break): Recipe {
  const dockerfile = `FROM ${base}
ENV PORT=8080
WORKDIR /srv/api
COPY *.mjs ./
USER node
CMD ["node", "${how}.mjs"]
`;
  return { context: BROKEN, dockerfile, version: how };
}

/**
 * An app that is not Node's, alone in its image but for what runs it.
 * @param program its text, or the program itself
 */
export function otherRecipe(app: OtherApp, program: Buffer, version: string): Recipe {
  const from = {
    python: `FROM ${PYTHON_BASE}\nCOPY server /server.py\nCMD ["python3", "-u", "/server.py"]\n`,
    static: `FROM scratch\nCOPY server /server\nCMD ["/server"]\n`,
  };
  return { added: { server: program }, dockerfile: from[app], version };
}

const quoted = (value: string): string => `"${value.replaceAll(/["\\$]/g, "\\$&")}"`;

/** The app is process 1 after that, as without it. */
const delayed = (seconds: number): string =>
  `ENTRYPOINT ["sh", "-c", "sleep ${seconds} && exec docker-entrypoint.sh \\"$@\\"", "sh"]`;

/** Differs as soon as anything does that the build reads. */
export async function recipeKey(recipe: Recipe): Promise<string> {
  const { dockerfile, version, context, added = {} } = recipe;
  const files = await Promise.all(
    (await filesOf(context)).map(async (file) => [path.basename(file), sha256(await readFile(file))]),
  );
  const more = Object.entries(added).map(([name, text]) => [name, sha256(text)]);
  return sha256(JSON.stringify([dockerfile, version, files, more]));
}

/** Puts everything that the build reads into a folder, which is made. */
export async function gather({ context, added = {} }: Recipe, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const file of await filesOf(context)) await copyFile(file, path.join(folder, path.basename(file)));
  for (const [name, content] of Object.entries(added))
    await writeFile(path.join(folder, name), content, { mode: 0o755 });
}

/** The files at the top of a folder: no build reads what lies deeper. */
async function filesOf(folder: string | undefined): Promise<string[]> {
  if (folder === undefined) return [];
  const entries = await readdir(folder, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ name }) => path.join(folder, name))
    .sort();
}

export const sha256 = (content: string | Buffer): string => createHash("sha256").update(content).digest("hex");
