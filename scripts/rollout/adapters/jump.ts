/**
 * The way to a host over bastions. OpenSSH's own ProxyJump gives the ssh that it starts for a bastion nothing of the command line but the
 * configuration file: it would ask at the terminal for a password or an unknown key, and wait for ever. So that ssh is spelled out.
 * @see https://man.openbsd.org/ssh_config.5#ProxyCommand
 */
import { line } from "../commands/shell.js";
import { verbatim } from "./ssh-options.js";

/**
 * Value for ssh's ProxyCommand. What its ssh says goes to a file: where connections are shared, OpenSSH throws away what a ProxyCommand says.
 * @param proxyJump bastions in the order in which they are passed, as ProxyJump takes them: `user@host:port`, with commas between
 * @param options for the ssh to each of them, `-E` with that file among them
 */
export const proxyCommand = (proxyJump: string, options: readonly string[]): string =>
  proxyJump.split(",").reduce((before, hop) => hopCommand(hop, [...options, ...through(before)].map(verbatim)), "");

/** User, IPv6 address in brackets or other host, port: the schema lets in no other form. */
const HOP = /^([^@]*@)?(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/;

function hopCommand(hop: string, options: readonly string[]): string {
  const [, user = "", bracketed, plain = hop, port] = HOP.exec(hop) ?? [];
  const destination = user + (bracketed ?? plain);
  return line(["ssh", ...options, ...(port ? ["-p", port] : []), "-W", "[%h]:%p", destination]);
}

const through = (command: string): string[] => (command === "" ? [] : ["-o", `ProxyCommand=${command}`]);
