/** TypeScript made into one file that plain Node runs, once per process. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** Packages in CommonJS call `require` for Node's own modules. */
const BANNER = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

const texts = new Map<string, Promise<string>>();

/** An ES module with everything that it imports. @param entry path from the project's root */
export function bundled(entry: string): Promise<string> {
  const text = texts.get(entry) ?? bundle(entry);
  texts.set(entry, text);
  return text;
}

/** @param folder where the file goes, under its own name with .mjs */
export async function bundleInto(folder: string, entry: string): Promise<string> {
  const file = path.join(folder, `${entry.replaceAll("/", "-").replace(/\.ts$/, "")}.mjs`);
  writeFileSync(file, await bundled(entry));
  return file;
}

async function bundle(entry: string): Promise<string> {
  const result = await build({
    ...{ entryPoints: [path.join(ROOT, entry)], bundle: true, write: false, logLevel: "silent" },
    ...{ platform: "node", target: "node20", format: "esm", banner: { js: BANNER } },
  });
  return result.outputFiles[0]?.text ?? "";
}
