/** Whether the pre-deploy command has to run: once for each release, whichever host it ran on and whatever became of the run that began it. */
import type { ContainerState, Survey } from "../ports.js";

/** A command that an earlier rollout began. */
export interface PreDeployUnderWay {
  readonly host: string;
  /** Null for one that no rollout started. */
  readonly release: string | null;
}

/** @param surveys of all hosts by name, superseded ones among them */
export function preDeployUnderWay(surveys: ReadonlyMap<string, Survey>): PreDeployUnderWay | null {
  const running = [...surveys].find(([, { containers }]) => containers["pre-deploy"]?.running);
  return running ? { host: running[0], release: running[1].containers["pre-deploy"]?.release ?? null } : null;
}

export type PreDeployTurn =
  /** A host runs the release, or the command has ended well for it there. */
  { readonly do: "nothing"; readonly why: string } | { readonly do: "run" };

/** @param surveys of all hosts by name, superseded ones among them; none is under way */
export function preDeployTurn(surveys: ReadonlyMap<string, Survey>, releaseId: string): PreDeployTurn {
  const hosts = [...surveys].map(([host, { containers }]) => ({ host, containers, ran: containers["pre-deploy"] }));
  const serving = hosts.find(({ containers }) => containers.current?.release === releaseId);
  if (serving) return { do: "nothing", why: `${serving.host} has this release already` };
  const done = hosts.find(({ ran }) => ran?.release === releaseId && hasPassed(ran));
  if (done) return { do: "nothing", why: `it has run for this release on ${done.host}` };
  return { do: "run" };
}

/** Docker shows exit code 0 for a container that was never started, too. */
export const hasEnded = ({ created, running, restarting }: ContainerState): boolean =>
  !created && !running && !restarting;

export const hasPassed = (container: ContainerState): boolean => hasEnded(container) && container.exitCode === 0;
