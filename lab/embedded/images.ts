/** Images that an embedded site can push: the reference API (lab/app), and releases that fail in one way each. */
import { fileURLToPath } from "node:url";
import type { Break, ReferenceOptions } from "../releases.js";
import { bundleInto } from "./bundle.js";
import type { ImageSource } from "./docker/registry.js";

const REPOSITORY = "lab/api";

/** lab/app/server.ts as an image: the example of app/ and `/slow`; every version has a digest of its own. @param folder where the bundle goes */
export async function referenceImage(
  folder: string,
  version: string,
  { contract = "lifecycle", environment = {} }: ReferenceOptions = {},
): Promise<ImageSource> {
  const bundle = await bundleInto(folder, "lab/app/server.ts");
  return {
    repository: REPOSITORY,
    tag: version,
    command: [process.execPath, bundle],
    environment: { ...environment, NODE_ENV: "production", CONTRACT: contract, VERSION: version },
    stopsOnTerm: contract === "lifecycle",
  };
}

export const brokenImage = (how: Break): ImageSource => imageOf(how);

function imageOf(script: string): ImageSource {
  const file = fileURLToPath(new URL(`images/${script}.mjs`, import.meta.url));
  return { repository: REPOSITORY, tag: script, command: [process.execPath, file], environment: {} };
}

/**
 * A release in the hands of an intruder: it serves, and its health path and log lie as `/say?<text>`, `/mode?<name>` and
 * `/log?<text>` tell it (images/hostile.mjs).
 */
export const hostileImage = (): ImageSource => imageOf("hostile");

/** A release that cannot start and fills its log with orders to a terminal and to GitHub. */
export const loudImage = (): ImageSource => imageOf("loud");
