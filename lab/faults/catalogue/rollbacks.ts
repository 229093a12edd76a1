/** Going back, where it cannot be done as it was thought of. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import type { EmbeddedWorld } from "../../embedded/site.js";
import { another, type Fault } from "../fault.js";

/** What the release before runs first. */
function preload({ folder }: EmbeddedWorld, script: string): string {
  const file = path.join(folder, "preload.mjs");
  writeFileSync(file, script);
  return file;
}

export const rollbacks: readonly Fault[] = [
  {
    name: "going back: the release before is gone from a droplet",
    phases: ["before"],
    serving: async (world) => [await world.pushReference("v1"), await world.pushReference("v2")],
    release: null,
    strike: async ({ droplet, image }) => {
      const removed = await droplet.docker("rm", "api-previous");
      const pruned = await droplet.docker("rmi", image);
      if (removed.exitCode + pruned.exitCode > 0) throw new Error(`${removed.stderr}${pruned.stderr}`);
    },
    exitCodes: [0],
  },
  {
    name: "going back: the release before no longer starts",
    phases: ["before"],
    serving: async (world) => {
      const environment = { NODE_OPTIONS: `--import=${preload(world, "")}` };
      return [await world.pushReference("v1", { environment }), await world.pushReference("v2")];
    },
    release: null,
    again: "before",
    strike: ({ world }) => void preload(world, "process.exit(1);\n"),
    mend: ({ world }) => void preload(world, ""),
    exitCodes: [3],
    error: "SmokeBootFailed",
  },
  {
    name: "going back: told to stop (SIGTERM)",
    phases: ["starting"],
    serving: async (world) => [await world.pushReference("v1"), await world.pushReference("v2")],
    release: null,
    strike: ({ controller }) => controller?.signal("SIGTERM"),
    exitCodes: [130],
    error: "Interrupted",
  },
  {
    name: "going back: the last droplet's disk is full",
    phases: ["done"],
    serving: async (world) => [await world.pushReference("v1"), await world.pushReference("v2")],
    release: null,
    strike: (scene) => another(scene).fillDisk(true),
    mend: (scene) => another(scene).fillDisk(false),
    exitCodes: [6],
    error: "StepFailed",
  },
];
