/** The manifest of a world, as its stack puts it out. */
import { manifest, type Manifest } from "../../contract/manifest.js";
import type { RolloutPolicy } from "../../contract/policy.js";
import { parseJson } from "../../contract/problems.js";
import type { World } from "../world.js";

export const manifestOf = (world: World): Manifest => parseJson("manifest", manifest, String(world.output("manifest")));

/** As its stack would put it out with another strategy, on the same machines. */
export function manifestWith(world: World, strategy: RolloutPolicy["strategy"]): Manifest {
  const declared = manifestOf(world);
  return { ...declared, rollout: { ...declared.rollout, strategy } };
}
