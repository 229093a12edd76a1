/** Rules for hosts that are containers on one machine: they keep out of each other's way there. */
import { containerName, slots } from "./host.js";

/** A host with all that its container is found by. */
export interface Placed {
  readonly address: string;
  readonly privateAddress: string;
  readonly container: string;
  readonly port: number;
  readonly controlPort: number;
  readonly smokePort: number;
  /** Has ports that are not those of the service, between which there are rules already. */
  readonly ownPorts: boolean;
}

type Report = (message: string) => void;

/** A host and its place in the manifest, for messages. */
type Indexed = Placed & { readonly index: number };

/** One line for each pair of fields that cannot be so together, quoting both. @param sshPort taken on every machine */
export function apart(hosts: readonly Placed[], sshPort: number, report: Report): void {
  const indexed = hosts.map((host, index): Indexed => ({ ...host, index }));
  for (const [address, together] of byMachine(indexed, (host) => host.address)) {
    containersApart(address, together, report);
    if (together.length > 1 || together.some((host) => host.ownPorts)) portsApart(address, together, sshPort, report);
  }
  targetsApart(indexed, report);
}

/** By the address for SSH; in the given order. */
export function byMachine<Host>(hosts: readonly Host[], addressOf: (host: Host) => string): Map<string, Host[]> {
  const machines = new Map<string, Host[]>();
  for (const host of hosts) machines.set(addressOf(host), [...(machines.get(addressOf(host)) ?? []), host]);
  return machines;
}

/** Also of those that a rollout keeps beside the one that serves. */
function containersApart(address: string, hosts: readonly Indexed[], report: Report): void {
  const taken = new Map<string, Indexed>();
  for (const host of hosts) {
    const names = slots.map((slot) => containerName(host.container, slot));
    const clash = names.find((name) => taken.has(name));
    const other = clash === undefined ? undefined : taken.get(clash);
    if (other) {
      report(
        `hosts[${host.index}].container ("${host.container}") and hosts[${other.index}].container ("${other.container}") would both name a container "${clash}" on one machine ("${address}"); give each host a container of its own`,
      );
    }
    for (const name of names) if (!taken.has(name)) taken.set(name, host);
  }
}

function portsApart(address: string, hosts: readonly Indexed[], sshPort: number, report: Report): void {
  const taken = new Map([[sshPort, "ssh.port"]]);
  for (const { index, port, controlPort, smokePort } of hosts) {
    const ports = { port, controlPort, smokePort, "smokePort + 1": smokePort + 1 };
    for (const [name, number] of Object.entries(ports)) {
      const field = `hosts[${index}].${name}`;
      const other = taken.get(number);
      if (other) {
        report(
          `${field} (${number}) is the same as ${other} (${number}) on one machine ("${address}"); give each port its own number`,
        );
      } else taken.set(number, field);
    }
  }
}

/** What the balancer asks: two names of one machine would be one host to it. */
function targetsApart(hosts: readonly Indexed[], report: Report): void {
  const taken = new Map<string, Indexed>();
  for (const host of hosts) {
    const target = `${host.privateAddress}:${host.port}`;
    const other = taken.get(target);
    // On one machine its ports have been reported.
    if (other && other.address !== host.address) {
      report(
        `hosts[${host.index}].privateAddress and port (${target}) are those of hosts[${other.index}] (${target}), at another address ("${host.address}", "${other.address}"); list each host once, or give the second a port of its own and the same address`,
      );
    }
    taken.set(target, host);
  }
}
