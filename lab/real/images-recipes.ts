/** What is built: the project's own Dockerfile as it is, variants of it for negative controls, and releases that fail. */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Break, ReferenceOptions } from "../releases.js";

export interface RealReferenceOptions extends ReferenceOptions {
  /** Whole seconds that the container only sleeps before the app starts. @default 0 */
  readonly startDelaySeconds?: number;
}

/** One `docker build`. */
export interface Recipe {
  /** Folder that is sent along. */
  readonly context: string;
  readonly dockerfile: string;
  /** Ends up in a label, so that every version has a digest of its own. */
  readonly version: string;
}

const folderOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
export const APP = folderOf("../../app");
const BROKEN = folderOf("../embedded/images");

/** @param dockerfile of the app */
export function referenceRecipe(dockerfile: string, version: string, options: RealReferenceOptions = {}): Recipe {
  const { contract = "lifecycle", environment = {}, startDelaySeconds = 0 } = options;
  const variables = { ...environment, ...(contract === "lifecycle" ? {} : { CONTRACT: contract }) };
  const lines = [
    ...Object.entries(variables).map(([name, value]) => `ENV ${name}=${quoted(value)}`),
    ...(startDelaySeconds > 0 ? [delayed(startDelaySeconds)] : []),
  ];
  return { context: APP, dockerfile: [dockerfile, ...lines.map((line) => `${line}\n`)].join(""), version };
}

/** @param base name of the image to build on */
export function brokenRecipe(base: string, how: Break): Recipe {
  const dockerfile = `FROM ${base}
ENV PORT=8080 CONTROL_HOST=0.0.0.0
WORKDIR /srv/api
COPY *.mjs ./
USER node
CMD ["node", "${how}.mjs"]
`;
  return { context: BROKEN, dockerfile, version: how };
}

const quoted = (value: string): string => `"${value.replaceAll(/["\\$]/g, "\\$&")}"`;

/** The app is process 1 after that, as without it. */
const delayed = (seconds: number): string =>
  `ENTRYPOINT ["sh", "-c", "sleep ${seconds} && exec docker-entrypoint.sh \\"$@\\"", "sh"]`;

/** Differs as soon as anything does that the build reads. */
export async function recipeKey(recipe: Recipe): Promise<string> {
  const entries = await readdir(recipe.context, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  const files = await Promise.all(
    names.sort().map(async (name) => [name, sha256(await readFile(path.join(recipe.context, name)))]),
  );
  return sha256(JSON.stringify([recipe.dockerfile, recipe.version, files]));
}

export const sha256 = (content: string | Buffer): string => createHash("sha256").update(content).digest("hex");
