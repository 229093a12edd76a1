/** Finds the user's configuration. */
import { existsSync } from "node:fs";
import { basename, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { ResolvedConfig } from "../contract/config.js";
import { configEnvironment, fleetConfig } from "../contract/config.js";
import { InvalidInput, parse } from "../contract/problems.js";

/** A reason stays one line that can be read. */
const LONGEST_REASON = 300;

/**
 * Loads and validates the module that `EVENKEEL_CONFIG` names.
 * @param usual Path of the module when the variable is not set or empty.
 * @throws InvalidInput when the module cannot be loaded, exports no default, or holds a bad value
 */
export async function loadConfig(environment: NodeJS.ProcessEnv, usual: string): Promise<ResolvedConfig> {
  const named = environment[configEnvironment.config];
  const path = resolve(named ? named : usual);
  if (!existsSync(path)) {
    throw new InvalidInput(configEnvironment.config, [
      `got ${JSON.stringify(named ?? usual)}, which is not there; needs the path of a configuration module such as fleet.config.ts`,
    ]);
  }
  return parse(basename(path), fleetConfig, await defaultExport(path));
}

async function defaultExport(path: string): Promise<unknown> {
  let module: { readonly default?: unknown };
  try {
    module = (await import(pathToFileURL(path).href)) as { readonly default?: unknown };
  } catch (error) {
    const reason = String(error)
      .replace(/\s*\n\s*/g, " ")
      .slice(0, LONGEST_REASON);
    throw new InvalidInput(basename(path), [
      `cannot be loaded (${reason}); needs a module that exports a configuration`,
    ]);
  }
  if (module.default === undefined) {
    throw new InvalidInput(basename(path), [
      `got no default export; needs "export default { … } satisfies FleetConfig"`,
    ]);
  }
  return module.default;
}
