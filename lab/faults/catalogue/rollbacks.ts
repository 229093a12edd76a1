/** Going back, where it cannot be done as it was thought of. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import type { TroubledWorld } from "../../trouble.js";
import { another, type Fault } from "../fault.js";

/** What the release before runs first. */
function preload({ folder }: TroubledWorld, script: string): string {
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
      const { exitCode, stderr } = await droplet.shell(`docker rm api-previous && docker rmi ${image}`);
      if (exitCode !== 0) throw new Error(stderr);
    },
    exitCodes: [0],
  },
  {
    name: "going back: the release before no longer starts",
    // What it runs first is a file of this machine.
    sites: ["embedded"],
    phases: ["before"],
    serving: async (world) => {
      const environment = { NODE_OPTIONS: `--import=${preload(world, "")}` };
      return [await world.pushReference("v1", { environment }), await world.pushReference("v2")];
    },
    release: null,
    again: "before",
    strike: ({ world }) => void preload(world, "process.exit(1);\n"),
    mend: ({ world }) => void preload(world, ""),
    exitCodes: [5],
    error: "StepFailed",
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
    unrested: another,
  },
];
