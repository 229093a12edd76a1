/** Whether the pre-deploy command has to run: once for each release, whichever host it ran on and whatever became of the run that began it. */
import type { ContainerState, Survey } from "../ports.js";

/** A command that an earlier rollout began. */
export interface PreDeployUnderWay {
  readonly host: string;
  /** Null for one that no rollout started. */
  readonly release: string | null;
  readonly image: string;
}

/** @param surveys of all hosts by name, superseded ones among them */
export function preDeployUnderWay(surveys: ReadonlyMap<string, Survey>): PreDeployUnderWay | null {
  for (const [host, { containers }] of surveys) {
    const container = containers["pre-deploy"];
    if (container?.running) return { host, release: container.release, image: container.image };
  }
  return null;
}

export type PreDeployTurn =
  /** A host runs the release, or the command has ended well for it there. */
  | { readonly do: "nothing"; readonly why: string }
  | {
      readonly do: "run";
      /** Host where it ended well before that host booted last: it may have been told to stop. Null where there is none. */
      readonly doubtful: string | null;
    };

/** @param surveys of all hosts by name, superseded ones among them; none is under way */
export function preDeployTurn(surveys: ReadonlyMap<string, Survey>, releaseId: string): PreDeployTurn {
  const hosts = [...surveys].map(([host, { containers }]) => ({ host, containers, ran: containers["pre-deploy"] }));
  const serving = hosts.find(({ containers }) => containers.current?.release === releaseId);
  if (serving) return { do: "nothing", why: `${serving.host} has this release already` };
  const done = hosts.find(({ ran }) => ran?.release === releaseId && hasPassed(ran));
  if (done) return { do: "nothing", why: `it has run for this release on ${done.host}` };
  const doubtful = hosts.find(({ ran }) => ran?.release === releaseId && endedWell(ran));
  return { do: "run", doubtful: doubtful?.host ?? null };
}

/** Docker shows exit code 0 for a container that was never started, too. */
export const hasEnded = ({ created, running, restarting }: ContainerState): boolean =>
  !created && !running && !restarting;

const endedWell = (container: ContainerState): boolean => hasEnded(container) && container.exitCode === 0;

/**
 * Not for one that ended before its host booted last: a shutdown tells every container to stop, and a command that obeys with exit code 0 has not done
 * its work. For how long the host was off nobody knows, so one that ended by itself long before counts no more either, and is run once more.
 */
export const hasPassed = (container: ContainerState): boolean => endedWell(container) && !container.endedBeforeBoot;

/**
 * Both ages by the clock of the host, so that no two clocks are compared. One that is not known (not a number) is no reason to doubt.
 * @param endedAgoMs since the container ended, in milliseconds
 * @param upMs since the host booted, in milliseconds
 */
export const endedBeforeBoot = (endedAgoMs: number, upMs: number): boolean => endedAgoMs > upMs;
