/** What a droplet's front goes by: the file that its user data puts there. */
import { addressesOf, addressOf, numberOf, rangeAround } from "../../model/ranges.js";
import { LabFault } from "../../fault.js";
import { declaredFile } from "../user-data.js";

const FILE = "/etc/evenkeel/front";

/** For user data that declares none. */
const USUAL = "subnet 172.31.255.240/28\nbridge ek0\nssh 22\n";

export interface FrontConfiguration {
  /** Range that containers have their addresses in. */
  readonly subnet: string;
  readonly bridge: string;
  /** Ports that sshd listens on. */
  readonly sshPorts: readonly number[];
}

export function frontConfiguration(userData: string): FrontConfiguration {
  const text = declaredFile(userData, FILE) ?? USUAL;
  const values = (name: string): string[] =>
    text.split("\n").flatMap((line) => (line.startsWith(`${name} `) ? [line.slice(name.length + 1)] : []));
  const [[declared = ""], [bridge = ""]] = [values("subnet"), values("bridge")];
  const subnet = rangeAround(declared);
  if (subnet === null || bridge === "") throw new LabFault(`${FILE} names no range or no bridge:\n${text}`);
  return { subnet, bridge, sshPorts: values("ssh").map(Number) };
}

/** `SUBNET GATEWAY BRIDGE DYNAMIC SLOT SLOT…`: Docker chooses of the upper half; the lower one is for addresses that a rollout chooses. */
export function networkLine({ subnet, bridge }: FrontConfiguration): string {
  const [first = "", bits = ""] = subnet.split("/");
  const all = addressesOf(subnet);
  const upper = addressOf((numberOf(first) ?? 0) + all.length / 2);
  const [gateway = "", ...slots] = all.slice(1, all.length / 2);
  return [subnet, gateway, bridge, `${upper}/${Number(bits) + 1}`, ...slots].join(" ");
}

/** Whether containers may have it: not the network's own address, the bridge's, or the one that reaches all. */
export const isContainerAddress = ({ subnet }: FrontConfiguration, address: string): boolean =>
  addressesOf(subnet).slice(2, -1).includes(address);
