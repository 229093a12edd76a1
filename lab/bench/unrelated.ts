/** A container that has nothing to do with the fleet: what any start and end on a host costs its clients. Pure. */
import { quote } from "../../scripts/rollout/commands/shell.js";
import type { RemoteStep } from "./article.js";

/** Until it is removed: a container that is handed over to starts, and is watched, for about as long. */
const UP_SECONDS = 3;

/** For one droplet. No port leads to it. @param image is there already */
export const unrelatedSteps = (image: string): RemoteStep[] => [
  { name: "run", command: `docker run -d --name unrelated ${quote(image)}` },
  { name: "wait for its start", command: `sleep ${UP_SECONDS}` },
  { name: "remove", command: "docker rm -f unrelated" },
];
