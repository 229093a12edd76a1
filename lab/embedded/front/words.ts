/** The helper's words, checked as the real one checks them. */
import { numberOf } from "../../model/ranges.js";
import { isContainerAddress, type FrontConfiguration } from "./configuration.js";
import type { Fronts, Lead } from "./fronts.js";

/** A word that is not taken: nothing is changed. */
export class Refusal extends Error {
  override readonly name = "Refusal";
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/;

export function nameOf(word = ""): string {
  if (!NAME.test(word)) throw new Refusal(`not a front's name: ${word}`);
  return word;
}

/** Of 1 to `most`, without leading zeros. */
export function numberFrom(word: string, most: number, what: string): number {
  if (!/^[1-9]\d{0,6}$/.test(word) || Number(word) > most) throw new Refusal(`not ${what}: ${word}`);
  return Number(word);
}

export const portFrom = (word: string): number => numberFrom(word, 65_535, "a port of 1 to 65535");

/** One or two, with a comma. */
function portsFrom(word: string): number[] {
  const ports = word.split(",").map(portFrom);
  if (ports.length > 2 || new Set(ports).size < ports.length) throw new Refusal(`not one or two ports: ${word}`);
  return ports;
}

/** Where a front is: an address of the machine, and its ports. */
type Places = Omit<Lead, "target" | "port">;

/** @param own addresses of the machine */
export function placesFrom(words: readonly string[], { sshPorts }: FrontConfiguration, own: readonly string[]): Places {
  const [address = "", services = "", checks = ""] = words;
  if (numberOf(address) === null) throw new Refusal(`not an IPv4 address: ${address}`);
  if (!own.includes(address)) throw new Refusal(`not an address of this machine: ${address}`);
  const places = { address, services: portsFrom(services), checks: checks === "-" ? [] : portsFrom(checks) };
  const both = places.checks.find((check) => places.services.includes(check));
  if (both !== undefined) throw new Refusal(`a health port is a service port: ${both}`);
  const ssh = [...places.services, ...places.checks].find((one) => sshPorts.includes(one));
  if (ssh !== undefined) throw new Refusal(`sshd listens on this port: ${ssh}`);
  return places;
}

/** What a switch is told after the front's name. @param own addresses of the machine */
export function leadFrom(words: readonly string[], configuration: FrontConfiguration, own: readonly string[]): Lead {
  const [target = "", port = ""] = words.slice(3);
  if (words.length !== 5)
    throw new Refusal(`switch takes a name, an address, two lists of ports, an address and a port: ${words.join(" ")}`);
  const lead = { ...placesFrom(words, configuration, own), target, port: portFrom(port) };
  if (numberOf(target) === null) throw new Refusal(`not an IPv4 address: ${target}`);
  if (!isContainerAddress(configuration, target))
    throw new Refusal(`not a container's address in ${configuration.subnet}: ${target}`);
  return lead;
}

/**
 * A port of an address belongs to one front, and has one use on the machine: replies are told apart by the port that was asked. What is kept counts:
 * another front may go back to it.
 */
export function refuseTaken(name: string, lead: Places, fronts: Fronts): void {
  for (const [other, { address, services, checks }] of fronts.others(name)) {
    const crossed =
      lead.services.find((port) => checks.includes(port)) ?? lead.checks.find((port) => services.includes(port));
    if (crossed !== undefined)
      throw new Refusal(`a health port of one front is the service port of another: ${other} ${crossed}`);
    const taken = [...services, ...checks];
    const shared = [...lead.services, ...lead.checks].find((port) => taken.includes(port));
    if (address === lead.address && shared !== undefined)
      throw new Refusal(`another front has this port: ${other} ${shared}`);
  }
}
