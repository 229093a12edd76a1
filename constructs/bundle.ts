/** The bundled rollout that travels with the synthesized stack. */
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { InvalidInput } from "../contract/problems.js";

/**
 * The bundle's absolute path. A relative one counts from the working directory, not from cdktf.json.
 * @throws InvalidInput when no file is there
 */
export function bundleFile(path: string): string {
  const absolute = resolve(path);
  if (!statSync(absolute, { throwIfNoEntry: false })?.isFile()) {
    throw new InvalidInput("bundlePath", [
      `got ${JSON.stringify(path)}, where no file is; needs the bundled rollout: run "npm run build" first`,
    ]);
  }
  return absolute;
}
