/** Puts the real ports together for one manifest and one environment. */
import type { GuardInput } from "../../contract/guard.js";
import type { Manifest } from "../../contract/manifest.js";
import type { SshAccess } from "../../contract/policy.js";
import { BRIEF, DigitalOcean } from "./adapters/cloud.js";
import { knownHostsFile, sshConfigFile } from "./adapters/files.js";
import { SshHealth } from "./adapters/health.js";
import { SshHosts } from "./adapters/hosts.js";
import { tellNobody, type OnRetry } from "./adapters/retry.js";
import { insistOnSsh, type SshSettings } from "./adapters/ssh.js";
import { systemClock, systemRandom } from "./adapters/system.js";
import { HttpWitness } from "./adapters/witness.js";
import { eventOf } from "./core/events.js";
import type { DoctorPorts } from "./doctor.js";
import {
  insistOnToken,
  readApiUrl,
  readBalancerEndpoint,
  readToken,
  readTokenForLook,
  type Environment,
} from "./input.js";
import type { Cloud, Events, GuardPorts, Ports } from "./ports.js";

export interface RealPorts extends Ports {
  readonly runId: string;
  dispose(): Promise<void>;
}

/** @throws InvalidInput for an environment that cannot be used; nothing was opened then */
export function realPorts(
  manifest: Manifest,
  environment: Environment,
  eventsOf: (runId: string) => Events,
): RealPorts {
  const endpoint = readBalancerEndpoint(environment, manifest);
  const apiUrl = readApiUrl(environment);
  const token = readToken(environment, manifest);
  const runId = systemRandom.id();
  const witness = new HttpWitness(endpoint);
  const onRetry: OnRetry = (retried) => tellOf(retried);
  const hosts = sshHosts(manifest, environment, onRetry);
  // Opens the record: not for an environment that is refused.
  const events = eventsOf(runId);
  const tellOf = toldBy(events);
  return {
    runId,
    hosts,
    witness,
    cloud: token ? new DigitalOcean(token, apiUrl, onRetry) : null,
    clock: systemClock,
    random: { id: () => runId },
    events,
    async dispose() {
      hosts.dispose();
      await witness.close();
    },
  };
}

/** What is tried again is shown, wherever that happens. */
function toldBy(events: Events): OnRetry {
  const startedMs = systemClock.now();
  return ({ host, why, afterMs }) => {
    const at = { time: systemClock.date(), elapsedMs: systemClock.now() - startedMs, host };
    events.emit(eventOf("retried", { why, afterSeconds: afterMs / 1000 }, at));
  };
}

/** What a look asks of the account, once and for a short while; null without a token, or where there is nothing to ask. @throws InvalidInput */
export function lookCloud(manifest: Manifest, environment: Environment): Pick<Cloud, "balancer"> | null {
  const token = readTokenForLook(environment, manifest);
  return token === null ? null : new DigitalOcean(token, readApiUrl(environment), tellNobody, BRIEF);
}

/** @throws InvalidInput for an environment that cannot be used */
export function doctorPorts(manifest: Manifest, environment: Environment): DoctorPorts & { dispose(): Promise<void> } {
  const browser = new HttpWitness(readBalancerEndpoint(environment, manifest), { keepsConnection: true });
  const hosts = sshHosts(manifest, environment);
  return {
    ...{ hosts, browser, clock: systemClock },
    async dispose() {
      hosts.dispose();
      await browser.close();
    },
  };
}

/** @throws InvalidInput without ssh */
export function sshHosts(manifest: Manifest, environment: Environment, onRetry?: OnRetry): SshHosts {
  return new SshHosts(manifest, sshSettings(manifest.ssh, environment), systemClock, onRetry);
}

/** @throws InvalidInput without ssh */
function sshSettings(access: SshAccess, environment: Environment): SshSettings {
  insistOnSsh();
  return {
    access,
    configFile: sshConfigFile(environment),
    knownHosts: knownHostsFile(environment),
  };
}

/**
 * The guard's. A host is asked only when the balancer is to change over, so that ssh is not needed before.
 * @throws InvalidInput for an environment that cannot be used
 */
export function guardPorts(
  input: GuardInput,
  environment: Environment,
  events: Events,
): GuardPorts & { dispose(): Promise<void> } {
  const token = insistOnToken(environment, "the account is asked before anything is changed");
  const health = new SshHealth(input.fleet, () => sshSettings(input.ssh, environment));
  return {
    cloud: new DigitalOcean(token, readApiUrl(environment), toldBy(events)),
    health,
    clock: systemClock,
    events,
    dispose: () => health.dispose(),
  };
}
