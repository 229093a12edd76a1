/** Stop, remove, run: what is done where nobody thinks of the balancer. Pure. */
import { pullSteps, swapSteps, type ImageAndLogin, type RemoteStep } from "./article.js";

/** For one droplet. */
export const naiveSteps = (release: ImageAndLogin): RemoteStep[] => [...pullSteps(release), ...swapSteps(release)];
