/** Finds the user's configuration. */
import { existsSync } from "node:fs";
import { basename, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Backend, ResolvedConfig } from "../contract/config.js";
import { configEnvironment, fleetConfig } from "../contract/config.js";
import { InvalidInput, parse } from "../contract/problems.js";

/** A reason stays one line that can be read. */
const LONGEST_REASON = 300;

/**
 * Loads and validates the module that `EVENKEEL_CONFIG` names.
 * @param usual Path of the module when the variable is not set or empty.
 * @throws InvalidInput when the module cannot be loaded, exports no default, holds a bad value, or lacks a backend that is required
 */
export async function loadConfig(environment: NodeJS.ProcessEnv, usual: string): Promise<ResolvedConfig> {
  const named = environment[configEnvironment.config];
  const path = resolve(named ? named : usual);
  if (!existsSync(path)) {
    throw new InvalidInput(configEnvironment.config, [
      `got ${JSON.stringify(named ?? usual)}, which is not there; needs the path of a configuration module such as fleet.config.ts`,
    ]);
  }
  const config = parse(basename(path), fleetConfig, await defaultExport(path));
  if (backendIsRequired(environment)) insistOnBackend(basename(path), config.backend);
  return config;
}

function backendIsRequired(environment: NodeJS.ProcessEnv): boolean {
  const value = environment[configEnvironment.requireBackend] ?? "";
  if (value === "" || value === "true") return value === "true";
  throw new InvalidInput("environment", [
    `${configEnvironment.requireBackend}: got ${JSON.stringify(value)}; needs "true" or nothing`,
  ]);
}

/** A deploy without the state of the one before would make a second fleet beside the first. */
function insistOnBackend(subject: string, { cloud, spaces }: Backend): void {
  if (cloud ?? spaces) return;
  throw new InvalidInput(subject, [
    `backend: got none, so that the state would be a file on this machine, which is gone after this deploy (${configEnvironment.requireBackend} is set); needs cloud or spaces (docs/backends.md)`,
  ]);
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
