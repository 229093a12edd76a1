/** Bundles the rollout into one file that runs wherever Node does: `npm run build`. */
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const FILE = "dist/rollout.mjs";
/** execa's dependencies are CommonJS and call `require`, which an ES module does not have. */
const banner = "import{createRequire}from'node:module';const require=createRequire(import.meta.url);";

const { outputFiles } = await build({
  entryPoints: ["scripts/rollout.ts"],
  outfile: FILE,
  write: false,
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  legalComments: "none",
  banner: { js: banner },
});
// In place whole or not at all: somebody may be running it, or building it too.
mkdirSync("dist", { recursive: true });
writeFileSync(`${FILE}.${process.pid}`, outputFiles[0]?.contents ?? "");
renameSync(`${FILE}.${process.pid}`, FILE);
