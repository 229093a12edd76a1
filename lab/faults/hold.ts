/** A steward that stands still at one step, so that a fault strikes there and nowhere else. */
import type { TroubledDroplet } from "../trouble.js";
import { sleep } from "./fault.js";
import type { StepPhase } from "./phase.js";

const LOOK_MS = 50;
/** In the home of the fleet's user: a steward stands still for as long as it is there. */
const HELD = ".held";

/**
 * The steward writes each step down before it does anything of it, and has `sync` put that onto the disk: this one does not come back. `command -p`
 * finds the honest program.
 */
const holdingSync = (step: StepPhase): string => `#!/bin/sh
command -p sync "$@"
case $(tail -n 1 "$1" 2>/dev/null) in
  *"	step	${step}") : >"$HOME/${HELD}" && while [ -e "$HOME/${HELD}" ]; do sleep 0.1; done ;;
esac
`;

export class Hold {
  private constructor(private readonly droplets: readonly TroubledDroplet[]) {}

  /** Every steward that comes to the step stands still there from now on. One that stood still when its droplet lost its power is gone. */
  static async at(step: StepPhase, droplets: readonly TroubledDroplet[]): Promise<Hold> {
    for (const droplet of droplets) if (droplet.boot === "done") await droplet.shell(`rm -f ${HELD}`);
    await Promise.all(droplets.map((droplet) => droplet.shadow("sync", holdingSync(step))));
    return new Hold(droplets);
  }

  /** The first droplet whose steward stands still; null when the signal comes before. */
  async first(signal: AbortSignal): Promise<TroubledDroplet | null> {
    while (!signal.aborted) {
      for (const droplet of this.droplets)
        if (droplet.boot === "done" && (await droplet.shell(`test -e ${HELD}`)).exitCode === 0) return droplet;
      await sleep(LOOK_MS);
    }
    return null;
  }

  /** They go on, and stand still no more. A steward of a droplet without power is gone. */
  async end(): Promise<void> {
    await Promise.all(this.droplets.map((droplet) => droplet.shadow("sync", null)));
    for (const droplet of this.droplets) if (droplet.boot === "done") await droplet.shell(`rm -f ${HELD}`);
  }
}
