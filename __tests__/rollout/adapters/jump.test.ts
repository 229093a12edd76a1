import { execFileSync } from "node:child_process";
import { expect, it } from "@jest/globals";
import { proxyCommand } from "../../../scripts/rollout/adapters/jump.js";

it("is one ssh that passes the connection on", () => {
  expect(proxyCommand("bastion", ["-o", "BatchMode=yes"])).toBe("ssh -o BatchMode=yes -W '[%h]:%p' bastion");
});

it("takes user and port of each bastion", () => {
  expect(proxyCommand("ops@bastion.example.com:2222", [])).toBe("ssh -p 2222 -W '[%h]:%p' ops@bastion.example.com");
});

it("takes an IPv6 address in brackets, whose colons begin no port", () => {
  expect(proxyCommand("ops@[2001:db8::1]:2222", [])).toBe("ssh -p 2222 -W '[%h]:%p' ops@2001:db8::1");
  expect(proxyCommand("[2001:db8::1]", [])).toBe("ssh -W '[%h]:%p' 2001:db8::1");
});

/** As ssh fills in a ProxyCommand: once, from left to right. */
const filledIn = (command: string, host: string): string =>
  command.replaceAll(
    /%(.)/g,
    (_all, letter: string) => ({ h: host, p: "22", "%": "%" })[letter] ?? `unknown ${letter}`,
  );

/** Arguments of the ssh in a command, as sh reads them, and of every ssh that one starts on its way. */
function chain(command: string): string[][] {
  const words = execFileSync("sh", ["-c", `ssh() { printf '%s\\n' "$@"; }; ${command}`], { encoding: "utf8" });
  const argv = words.trimEnd().split("\n");
  const before = argv.find((word) => word.startsWith("ProxyCommand="))?.slice("ProxyCommand=".length);
  return [argv, ...(before === undefined ? [] : chain(filledIn(before, argv.at(-1) ?? "")))];
}

it("passes three bastions in their order, whatever the configuration file is called", () => {
  const file = "/home/o'neill/50%h off";
  const hops = chain(filledIn(proxyCommand("a,b,c", ["-F", file]), "droplet"));
  expect(hops.map((argv) => argv.filter((word) => !word.startsWith("ProxyCommand=") && word !== "-o"))).toEqual([
    ["-F", file, "-W", "[droplet]:22", "c"],
    ["-F", file, "-W", "[c]:22", "b"],
    ["-F", file, "-W", "[b]:22", "a"],
  ]);
});
