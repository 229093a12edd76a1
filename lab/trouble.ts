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
  /** Why nobody can call the front's helper to an end from now on; null: everybody can again. What the front leads goes on. */
  troubleFront(trouble: FrontTrouble | null): Promise<void>;
  /** Somebody takes every rule of the kernel's firewall away, the front's too. @throws LabFault where no firewall is stood for */
  flushFirewall(): Promise<void>;
  /** A script that is found before the droplet's own program of that name, in power or not; null: its own again. */
  shadow(program: string, script: string | null): Promise<void>;
}

/**
 * refused: sudo has no rule for it any more · missing: the program is gone · no-module: the kernel has no nf_tables for `nft`, as after an
 * upgrade whose modules are not there
 */
export type FrontTrouble = "refused" | "missing" | "no-module";

/** Exit code and words of `nft` on a kernel without nf_tables. */
export const NO_MODULE = {
  exitCode: 1,
  stderr: "mnl.c:60: Unable to initialize Netlink socket: Protocol not supported",
} as const;

/** down: nobody listens · slow: a pull takes longer than anybody waits · unauthorized, rate-limited: 401, 429 for everything */
export type RegistryTrouble = "down" | "slow" | "unauthorized" | "rate-limited";

export interface TroubledSite extends Site<TroubledDroplet> {
  /** Null: everything works again. */
  troubleRegistry(trouble: RegistryTrouble | null): Promise<void>;
  /**
   * Whether what a node of the balancer, or every one, sends to a droplet is dropped on its way, as a wrong firewall does. Nothing is refused.
   * @param node its number, from 0. @default - every node
   */
  cutOff(droplet: TroubledDroplet, cut: boolean, node?: number): Promise<void>;
}

export type TroubledWorld = World<TroubledDroplet, TroubledSite>;

/** A `date` with another time than the machine's. @see https://www.gnu.org/software/coreutils/manual/coreutils.html#date-invocation */
export const dateProgram = (aheadSeconds: number): string => `#!/bin/sh
exec /bin/date -d "@$(($(/bin/date +%s) + ${aheadSeconds}))" "$@"
`;
