/** Bundles the rollout into one file that runs wherever Node does: `npm run build`. */
import { build } from "esbuild";

/** execa's dependencies are CommonJS and call `require`, which an ES module does not have. */
const banner = "import{createRequire}from'node:module';const require=createRequire(import.meta.url);";

await build({
  entryPoints: ["scripts/rollout.ts"],
  outfile: "dist/rollout.mjs",
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  legalComments: "none",
  banner: { js: banner },
});
