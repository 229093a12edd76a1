import { createHash } from "node:crypto";
import { transformSync } from "esbuild";

const process = (source, file) => ({
  code: transformSync(source, { loader: "ts", format: "esm", target: "node20", sourcemap: "inline", sourcefile: file })
    .code,
});

export default {
  process,
  processAsync: async (source, file) => process(source, file),
  getCacheKey: (source, file) => createHash("sha256").update(source).update("\0").update(file).digest("hex"),
};
