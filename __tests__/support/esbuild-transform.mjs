import { createHash } from "node:crypto";
import path from "node:path";
import { transformSync } from "esbuild";

/** A bug to put in while a file is read; `npm run test:mutation` sets it, and nobody else. */
const mutation = globalThis.process.env["EVENKEEL_MUTATION"];

function mutated(source, file) {
  if (!mutation) return source;
  const { file: name, find, replace } = JSON.parse(mutation);
  return file === path.resolve(name) ? source.replace(find, () => replace) : source;
}

const process = (source, file) => ({
  code: transformSync(mutated(source, file), {
    loader: "ts",
    format: "esm",
    target: "node20",
    sourcemap: "inline",
    sourcefile: file,
  }).code,
});

export default {
  process,
  processAsync: async (source, file) => process(source, file),
  getCacheKey: (source, file) =>
    createHash("sha256").update(mutated(source, file)).update("\0").update(file).digest("hex"),
};
