/** Images that an embedded site can push: the reference API, and releases that fail in one way each. */
import { fileURLToPath } from "node:url";
import type { Break, ReferenceOptions } from "../releases.js";
import { bundleInto } from "./bundle.js";
import type { ImageSource } from "./docker/registry.js";

const REPOSITORY = "lab/api";

/** app/server.ts as an image; every version has a digest of its own. @param folder where the bundle goes */
export async function referenceImage(
  folder: string,
  version: string,
  { contract = "lifecycle", environment = {} }: ReferenceOptions = {},
): Promise<ImageSource> {
  const bundle = await bundleInto(folder, "app/server.ts");
  return {
    repository: REPOSITORY,
    tag: version,
    command: [process.execPath, bundle],
    environment: { ...environment, NODE_ENV: "production", CONTRACT: contract, VERSION: version },
    stopsOnTerm: contract === "lifecycle",
  };
}

export function brokenImage(how: Break): ImageSource {
  const script = fileURLToPath(new URL(`images/${how}.mjs`, import.meta.url));
  return { repository: REPOSITORY, tag: how, command: [process.execPath, script], environment: {} };
}
