/** Fleets to begin with: empty, or serving a release that was started by hand. */
import { FRONT_HELPER } from "../../contract/host.js";
import type { World } from "../world.js";
import { pullSteps, runStep, type ImageAndLogin, type RemoteStep } from "./article.js";
import { inRotation, outOfRotation } from "./fleet.js";
import { allAtOnce } from "./remote.js";

const removeAll: readonly RemoteStep[] = [
  {
    name: "remove all",
    command: 'docker ps --all --quiet | while read -r id; do docker rm -f "$id" </dev/null || exit 1; done',
  },
  // It would lead the ports past whatever Docker publishes there.
  { name: "clear the front", command: `sudo -n ${FRONT_HELPER} clear api` },
];

/** Takes every container off every droplet, whoever started it, and the front with it. Resolves when the balancer has seen it. */
export async function emptyFleet(world: World, signal: AbortSignal): Promise<void> {
  await allAtOnce(world, removeAll, { signal });
  await outOfRotation(world, signal);
}

/** The same, and then every droplet runs the release as the article starts it. Resolves when all are in rotation. */
export async function startByHand(world: World, release: ImageAndLogin, signal: AbortSignal): Promise<void> {
  await emptyFleet(world, signal);
  await allAtOnce(world, [...pullSteps(release), runStep(release)], { signal });
  await inRotation(world, signal);
}
