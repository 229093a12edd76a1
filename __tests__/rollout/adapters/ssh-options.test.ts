/** What OpenSSH itself makes of the options, and what a server is offered, whatever the configuration of whoever runs this says. */
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import {
  DROPLET,
  EVERY_HOP,
  isUsablePath,
  optionWords,
  pathValue,
} from "../../../scripts/rollout/adapters/ssh-options.js";
import { SshConnection } from "../../../scripts/rollout/adapters/ssh.js";
import { LOGIN_COMMAND } from "../../../scripts/rollout/commands/frame.js";
import { sshAccess, type SshAccess } from "../../../contract/policy.js";
import { RecordingServer } from "./ssh-recorder.js";

let server: RecordingServer;
let opened: SshConnection[];
beforeEach(async () => {
  server = new RecordingServer();
  opened = [];
  await server.listen();
});
afterEach(async () => {
  await Promise.all(opened.map((connection) => connection.close()));
  await server.close();
});

interface Given {
  readonly knownHosts: string;
  readonly configFile: string;
  readonly id: string;
  readonly access: SshAccess;
}

/** What a command printed, or the code it ended with. */
async function run(given: Partial<Given> = {}): Promise<string> {
  const configFile = given.configFile ?? server.config("config");
  const knownHosts = given.knownHosts ?? path.join(server.folder, "known_hosts");
  const settings = { access: given.access ?? sshAccess.parse({}), configFile, knownHosts };
  const host = { name: "api-1", id: given.id ?? "100", address: "203.0.113.1", privateAddress: "10.0.0.1" };
  const socket = path.join(server.folder, `s${opened.length}`);
  const connection = new SshConnection(host, settings, socket, undefined, []);
  opened.push(connection);
  const options = { timeoutSeconds: 20, input: "some input, then " };
  return connection
    .run("cat && printf done", options)
    .catch((error: unknown) => (error as { code?: string }).code ?? String(error));
}

const DONE = "some input, then done";

describe("a host key", () => {
  it.each(["plain", "John Doe", "50%h off", "a%%b", "o'neill", "#1 $HOME ~", "naïve ключ"])(
    "is pinned in a state folder called %j: a droplet that shows another one is noticed",
    async (name) => {
      const folder = path.join(server.folder, name);
      mkdirSync(folder);
      const knownHosts = path.join(folder, "known_hosts");
      expect(await run({ knownHosts })).toBe(DONE);
      expect(readFileSync(knownHosts, "utf8")).toMatch(/^droplet-100 /);
      await server.exchangeKey();
      expect(await run({ knownHosts })).toBe("HostKeyChanged");
      expect(server.logins).toBe(1);
    },
  );

  it.each(['a"b', "a\\b", "${HOME}", "line\nbreak", "bell\u0007"])("is not pinned under a path such as %j", (name) => {
    expect(isUsablePath(`/home/${name}/known_hosts`)).toBe(false);
  });

  it("that was believed and not written down is refused before a second command", async () => {
    const knownHosts = path.join(server.folder, "a file", "known_hosts");
    writeFileSync(path.dirname(knownHosts), "which is no folder");
    expect(await run({ knownHosts })).toBe("HostKeyNotPinned");
    expect(server.commands).toHaveLength(1);
  });

  it("belongs to one droplet, also where ids differ by a capital", async () => {
    expect(await run({ id: "Web" })).toBe(DONE);
    await server.exchangeKey();
    expect(await run({ id: "web" })).toBe(DONE);
    expect(await run({ id: "Web" })).toBe("HostKeyChanged");
  });

  it("is the droplet's own, whoever else vouches for another", async () => {
    const vouches = path.join(server.folder, "vouches");
    const known = path.join(server.folder, "system");
    expect(await run()).toBe(DONE);
    await server.exchangeKey();
    writeFileSync(known, `droplet-100 ${server.publicKey}\n`);
    writeFileSync(vouches, `#!/bin/sh\ncat '${known}'\n`);
    chmodSync(vouches, 0o700);
    const lines = [
      `KnownHostsCommand ${vouches}`,
      `GlobalKnownHostsFile ${known}`,
      `UserKnownHostsFile ${known}`,
      "StrictHostKeyChecking no",
      "NoHostAuthenticationForLocalhost yes",
      "VerifyHostKeyDNS yes",
    ];
    expect(await run({ configFile: server.config("vouching", lines) })).toBe("HostKeyChanged");
  });
});

/** A configuration of somebody who gives every host everything. @param touched socket and file that come of it */
const generous = (touched: string): string[] => [
  "ForwardAgent yes",
  "ForwardX11 yes",
  "ForwardX11Trusted yes",
  "RemoteForward 8022 127.0.0.1:22",
  `LocalForward ${touched} 127.0.0.1:22`,
  "SendEnv *",
  "SetEnv GIVEN=secret",
  "RequestTTY force",
  "PermitLocalCommand yes",
  `LocalCommand touch '${touched}.command'`,
  "GSSAPIDelegateCredentials yes",
];

describe("of a generous configuration", () => {
  const given = { DIGITALOCEAN_TOKEN: "token", DISPLAY: ":0", EVENKEEL_SECRETS_KEY: "key", APP_SECRET: "secret" };
  let agent: string;
  let agentId: number;
  beforeEach(() => {
    agent = path.join(server.folder, "agent");
    const said = execFileSync("ssh-agent", ["-s", "-a", agent], { encoding: "utf8" });
    agentId = Number(/SSH_AGENT_PID=(\d+)/.exec(said)?.[1]);
    Object.assign(process.env, given, { SSH_AUTH_SOCK: agent });
  });
  afterEach(() => {
    for (const name of [...Object.keys(given), "SSH_AUTH_SOCK"]) Reflect.deleteProperty(process.env, name);
    process.kill(agentId);
  });

  const offeredBeside = (): string[] => {
    const harmless = ["HOME", "USER", "LOGNAME", "PATH", "SHELL", "TMPDIR", "LANG", "SSH_AUTH_SOCK", "LC_ALL"];
    return server.offered.filter((what) => !harmless.some((name) => what === `environment ${name}`));
  };

  it("a droplet is offered the command, and neither agent nor token nor anything else", async () => {
    const touched = path.join(server.folder, "touched");
    expect(await run({ configFile: server.config("generous", generous(touched)) })).toBe(DONE);
    expect(offeredBeside()).toEqual([]);
    expect([touched, `${touched}.command`].filter((file) => existsSync(file))).toEqual([]);
  });

  it("a bastion is offered the way to the droplet, and nothing else", async () => {
    const touched = path.join(server.folder, "touched");
    writeFileSync(path.join(server.folder, "bastion"), `[127.0.0.1]:${server.port} ${server.publicKey}\n`);
    const known = `UserKnownHostsFile "${path.join(server.folder, "bastion")}"`;
    const configFile = server.config("generous %h 'config'", [known, ...generous(touched)]);
    const access = { ...sshAccess.parse({}), proxyJump: "ops@bastion.example.com" };
    expect(await run({ configFile, access })).toBe(DONE);
    expect(server.commands).toEqual([expect.stringMatching(/^to .*:\d+$/), LOGIN_COMMAND]);
    expect(offeredBeside()).toEqual([]);
    expect([touched, `${touched}.command`].filter((file) => existsSync(file))).toEqual([]);
  });

  it.each([
    ["RemoteCommand uptime"],
    ["SessionType none"],
    ["StdinNull yes"],
    ["ForkAfterAuthentication yes"],
    ["Tunnel yes"],
    ["VisualHostKey yes"],
    ["LogLevel DEBUG3"],
    ["ControlMaster no", "ControlPath none"],
    ["ProxyUseFdpass yes"],
  ])("the command is what it is: %s", async (...lines) => {
    expect(await run({ configFile: server.config("odd", lines) })).toBe(DONE);
    expect(server.commands).toEqual([LOGIN_COMMAND]);
  });
});

/** Every keyword of ssh_config(5) in OpenSSH 9.2 that the options do not settle, with the reason. */
const LEFT: Readonly<Record<string, readonly string[]>> = {
  "it says how an address is reached, which is what the operator's configuration is for": [
    ...["AddressFamily", "BindAddress", "BindInterface", "CanonicalDomains", "CanonicalizeFallbackLocal"],
    ...["CanonicalizeHostname", "CanonicalizeMaxDots", "CanonicalizePermittedCNAMEs", "ConnectionAttempts", "Host"],
    ...["HostName", "Include", "IPQoS", "Match", "Port", "ProxyCommand", "ProxyJump", "ProxyUseFdpass", "TCPKeepAlive"],
  ],
  "it says who logs in; the user is on the command line": [
    ...["AddKeysToAgent", "CertificateFile", "EnableSSHKeysign", "GSSAPIAuthentication", "HostbasedAuthentication"],
    ...["IdentitiesOnly", "IdentityAgent", "IdentityFile", "KbdInteractiveAuthentication", "KbdInteractiveDevices"],
    ...["NumberOfPasswordPrompts", "PasswordAuthentication", "PKCS11Provider", "PreferredAuthentications"],
    ...["PubkeyAuthentication", "SecurityKeyProvider", "User"],
  ],
  "it chooses ciphers and keys, or refuses more of them": [
    ...["CASignatureAlgorithms", "Ciphers", "Compression", "HostbasedAcceptedAlgorithms", "HostKeyAlgorithms"],
    ...["KexAlgorithms", "MACs", "PubkeyAcceptedAlgorithms", "RekeyLimit", "RequiredRSASize", "RevokedHostKeys"],
  ],
  "it belongs to forwardings, of which there are none": [
    ...["DynamicForward", "ExitOnForwardFailure", "ForwardX11Timeout", "GatewayPorts", "LocalForward"],
    ...["PermitRemoteOpen", "RemoteForward", "StreamLocalBindMask", "StreamLocalBindUnlink", "TunnelDevice"],
    ...["XAuthLocation"],
  ],
  "it belongs to a terminal, of which there is none": ["EnableEscapeCommandline", "EscapeChar"],
  "it is a program of PermitLocalCommand": ["LocalCommand"],
  "-k stands for it": ["GSSAPIDelegateCredentials"],
  "the environment has nothing for it": ["SendEnv"],
  "it changes only what ssh says, or how it takes its own options": [
    ...["FingerprintHash", "IgnoreUnknown", "LogVerbose", "SyslogFacility"],
  ],
};
const OF_ONE_CONNECTION = ["ControlMaster", "ControlPath", "ControlPersist", "HostKeyAlias", "UserKnownHostsFile"];

describe("every keyword of ssh_config", () => {
  const settled = [...Object.keys({ ...EVERY_HOP, ...DROPLET }), ...OF_ONE_CONNECTION];
  const parsed = (words: readonly string[]): string[] =>
    execFileSync("ssh", ["-G", ...words, "droplet"], { encoding: "utf8" }).split("\n");

  it("is settled by the options, or left to the operator for a reason", () => {
    const left = Object.values(LEFT).flat();
    expect(settled.filter((name) => left.includes(name))).toEqual([]);
    expect(new Set([...settled, ...left]).size).toBe(settled.length + left.length);
    expect(settled.length + left.length).toBe(98);
  });

  it("that is settled has its value, whatever the configuration says", () => {
    const others: Readonly<Record<string, string>> = { yes: "no", no: "yes", none: "/other", default: "none" };
    const words = optionWords({ ...EVERY_HOP, ...DROPLET });
    const alone = parsed(["-F", "/dev/null", ...words]);
    const lines = Object.entries({ ...EVERY_HOP, ...DROPLET }).flatMap(([name, value]) =>
      others[value] === undefined ? [] : [`${name} ${others[value]}`],
    );
    expect(lines.length).toBeGreaterThan(15);
    const contrary = parsed(["-F", server.config("contrary", lines), ...words]);
    const own = (line: string): boolean => !/^(hostname|port|identityfile) /.test(line);
    expect(contrary.filter(own)).toEqual(alone.filter(own));
  });

  it("reads the path of a file back as it was", () => {
    const file = "/Users/John Doe/50%h off/o'neill #1/known_hosts";
    const lines = parsed(["-F", "/dev/null", ...optionWords({ UserKnownHostsFile: pathValue(file) })]);
    expect(lines).toContain(`userknownhostsfile ${file}`);
  });
});
