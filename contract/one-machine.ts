/** Rules for hosts that are containers on one machine: they keep out of each other's way there. */
import { containerName, slots } from "./host.js";

/** A host with all that its container is found by. */
export interface Placed {
  readonly address: string;
  readonly privateAddress: string;
  readonly container: string;
  readonly port: number;
  /** Null where the balancer's health check has none of its own. */
  readonly checkPort: number | null;
  /** Has ports that are not those of the service, between which there are rules already. */
  readonly ownPorts: boolean;
}

/** What ports of all hosts are to become: every host answers there beside its own. */
export interface NextPorts {
  readonly "service.nextPort": number | undefined;
  readonly "healthCheck.nextPort": number | undefined;
}

type Report = (message: string) => void;

/** A host and its place in the manifest, for messages. */
type Indexed = Placed & { readonly index: number };

/** One line for each pair of fields that cannot be so together, quoting both. @param sshPort taken on every machine */
export function apart(hosts: readonly Placed[], sshPort: number, next: NextPorts, report: Report): void {
  const indexed = hosts.map((host, index): Indexed => ({ ...host, index }));
  for (const [address, together] of byMachine(indexed, (host) => host.address)) {
    containersApart(address, together, report);
    if (together.length > 1 || together.some((host) => host.ownPorts)) portsApart(address, together, sshPort, report);
  }
  targetsApart(indexed, next, report);
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
  for (const { index, port, checkPort } of hosts) {
    const ports = { port, ...(checkPort === null ? {} : { checkPort }) };
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

/** A port of an address that leads to a host. */
interface Led {
  readonly host: Indexed;
  readonly field: string;
  readonly number: number;
}

/** What the balancer asks and sends requests to: two names of one machine would be one host to it. */
function targetsApart(hosts: readonly Indexed[], next: NextPorts, report: Report): void {
  const taken = new Map<string, Led>();
  for (const host of hosts) {
    const clashes = ledTo(host, next).flatMap((led) => {
      const target = `${host.privateAddress}:${led.number}`;
      const other = taken.get(target);
      if (!other) taken.set(target, led);
      // On one machine its own ports have been reported.
      return other && !(isOwn(led) && isOwn(other) && areTogether(led, other)) ? [{ target, led, other }] : [];
    });
    const [first] = clashes;
    if (first) report(clash(first));
  }
}

/** Each number once: a host that has the next port already has it as its own. */
function ledTo(host: Indexed, next: NextPorts): Led[] {
  const led = (field: string, number: number | null | undefined): Led[] =>
    typeof number === "number" ? [{ host, field, number }] : [];
  const following = (field: keyof NextPorts, own: number | null): Led[] =>
    own === null || next[field] === own ? [] : led(field, next[field]);
  return [
    ...led("port", host.port),
    ...following("service.nextPort", host.port),
    ...led("checkPort", host.checkPort),
    ...following("healthCheck.nextPort", host.checkPort),
  ];
}

const isOwn = ({ field }: Led): boolean => !field.includes(".");
const areTogether = (led: Led, other: Led): boolean => led.host.address === other.host.address;

/** Why two ports cannot both be. */
function clash({ target, led, other }: { readonly target: string; readonly led: Led; readonly other: Led }): string {
  const [place, otherPlace] = [`hosts[${led.host.index}]`, `hosts[${other.host.index}]`];
  if (isOwn(led) && led.field === other.field) {
    return `${place}.privateAddress and ${led.field} (${target}) are those of ${otherPlace} (${target}), at another address ("${led.host.address}", "${other.host.address}"); list each host once, or give the second a port of its own and the same address`;
  }
  return `${led.field} of ${place} (${target}) is the same as ${other.field} of ${otherPlace} (${target}); give each port of a privateAddress its own number`;
}
