/** The manifest of a world, as its stack puts it out. */
import { manifest, type Manifest } from "../../contract/manifest.js";
import { parseJson } from "../../contract/problems.js";
import type { World } from "../world.js";

export const manifestOf = (world: World): Manifest => parseJson("manifest", manifest, String(world.output("manifest")));
