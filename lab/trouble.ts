/** What a fault does to a site's machines and its registry: the same controls on every site that can be troubled. */
import type { Site, SiteDroplet } from "./site.js";
import type { World } from "./world.js";

/** What a command on a droplet came to. */
export interface ShellOutput {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface TroubledDroplet extends SiteDroplet {
  /** Runs a script there as the fleet's user, in its home folder, without SSH. A droplet that is off has no shell. */
  shell(script: string): Promise<ShellOutput>;
  /**
   * Holds every SSH connection up for a while, as a path that loses its packets does: nothing is refused, nothing is answered. Resolves
   * when that is over.
   */
  freezeSsh(milliseconds: number): Promise<void>;
  /** Whether it shows another host key, as after a rebuild behind the same address. */
  changeHostKey(changed: boolean): Promise<void>;
  /** Docker's daemon ends and is back after a while; containers go on, as with live restore. */
  restartDocker(awayMs: number): Promise<void>;
  /** Whether the disk of its Docker is full: no image can be kept, no container be made, started or changed. */
  fillDisk(full: boolean): Promise<void>;
  /** Whether nothing behind the private address answers whoever is not on the droplet itself. */
  hideService(hidden: boolean): Promise<void>;
  /** Whether sudo no longer lets the fleet's user call the front's helper, as after somebody has changed its rules. What the front leads goes on. */
  refuseFront(refused: boolean): Promise<void>;
  /** So far from the right time is what `date` tells there. */
  setClock(aheadSeconds: number): Promise<void>;
}

/** down: nobody listens · slow: a pull takes longer than anybody waits · unauthorized, rate-limited: 401, 429 for everything */
export type RegistryTrouble = "down" | "slow" | "unauthorized" | "rate-limited";

export interface TroubledSite extends Site<TroubledDroplet> {
  /** Null: everything works again. */
  troubleRegistry(trouble: RegistryTrouble | null): Promise<void>;
}

export type TroubledWorld = World<TroubledDroplet, TroubledSite>;

/** A `date` with another time than the machine's. @see https://www.gnu.org/software/coreutils/manual/coreutils.html#date-invocation */
export const dateProgram = (aheadSeconds: number): string => `#!/bin/sh
exec /bin/date -d "@$(($(/bin/date +%s) + ${aheadSeconds}))" "$@"
`;
