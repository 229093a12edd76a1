/** Commands on the droplets of a world, over OpenSSH and one kept connection each, as a build server would give them. */
import path from "node:path";
import { environmentNames } from "../../contract/manifest.js";
import { makeSocketFolder, removeSocketFolder } from "../../scripts/rollout/adapters/sockets.js";
import { SshConnection } from "../../scripts/rollout/adapters/ssh.js";
import { RolloutError } from "../../scripts/rollout/core/errors.js";
import type { World } from "../world.js";
import type { RemoteStep } from "./article.js";
import { unlessAborted } from "./interrupt.js";
import { manifestOf } from "./manifest.js";

/** Longest time for one command, the waits among them. */
const LIMIT_SECONDS = 900;

/** A command that is given now. */
export interface BegunStep {
  readonly droplet: string;
  readonly step: string;
  /** `Date.now()` of the moment. */
  readonly atMs: number;
}

/** Seconds that all steps of a name took together: each ends when the next of its droplet begins. */
export function secondsOf(begun: readonly BegunStep[], name: string): number {
  return begun.reduce((sum, { droplet, step, atMs }, index) => {
    const next = begun.slice(index + 1).find((later) => later.droplet === droplet);
    return step === name && next ? sum + (next.atMs - atMs) / 1000 : sum;
  }, 0);
}

export interface ProcedureOptions {
  readonly signal: AbortSignal;
  readonly onStep?: (begun: BegunStep) => void;
}

/**
 * Gives every droplet the steps, one droplet after the other.
 * @throws RolloutError HostCommandFailed for a step that must not fail: the droplets after it are not touched
 */
export async function oneByOne(world: World, steps: readonly RemoteStep[], options: ProcedureOptions): Promise<void> {
  await connected(world, options.signal, async (droplets) => {
    for (const droplet of droplets) await droplet.follow(steps, options);
  });
}

/** The same on all droplets at once. */
export async function allAtOnce(world: World, steps: readonly RemoteStep[], options: ProcedureOptions): Promise<void> {
  await connected(world, options.signal, async (droplets) => {
    await Promise.all(droplets.map((droplet) => droplet.follow(steps, options)));
  });
}

async function connected(
  world: World,
  signal: AbortSignal,
  work: (droplets: readonly RemoteDroplet[]) => Promise<void>,
): Promise<void> {
  const folder = makeSocketFolder();
  const { hosts, ssh: access } = manifestOf(world);
  const configFile = world.environment()[environmentNames.sshConfig] ?? null;
  const settings = { access, configFile, knownHosts: path.join(folder, "known_hosts") };
  const droplets = hosts.map(
    (host) => new RemoteDroplet(host.name, new SshConnection(host, settings, path.join(folder, host.id))),
  );
  try {
    await unlessAborted(signal, work(droplets));
  } finally {
    await Promise.all(droplets.map((droplet) => droplet.close()));
    removeSocketFolder(folder);
  }
}

class RemoteDroplet {
  constructor(
    private readonly name: string,
    private readonly connection: SshConnection,
  ) {}

  async follow(steps: readonly RemoteStep[], { signal, onStep }: ProcedureOptions): Promise<void> {
    for (const step of steps) {
      signal.throwIfAborted();
      onStep?.({ droplet: this.name, step: step.name, atMs: Date.now() });
      await this.#give(step);
    }
  }

  /** Ends the connection, and with it what is waited for. */
  close(): Promise<void> {
    return this.connection.close();
  }

  /** Never twice: a step may have been done although the connection broke. */
  async #give({ command, input, mayFail = false }: RemoteStep): Promise<void> {
    const options = { timeoutSeconds: LIMIT_SECONDS, retry: false, ...(input === undefined ? {} : { input }) };
    try {
      await this.connection.run(command, options);
    } catch (error) {
      const failed = error instanceof RolloutError && error.code === "HostCommandFailed";
      if (!(failed && mayFail)) throw error;
    }
  }
}
