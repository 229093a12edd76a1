/**
 * What ssh is told on its command line, which outranks every configuration file: how a value is written in the grammar of
 * ssh_config, and the options that droplets and bastions get whatever the operator's configuration says. Pure.
 * @see https://man.openbsd.org/ssh_config.5
 */

export type Options = Readonly<Record<string, string>>;

/** The other side gets the command alone: no agent, no forwarding, no terminal. Nothing runs here because of it. */
const NOTHING_BESIDE: Options = {
  ClearAllForwardings: "yes",
  ForkAfterAuthentication: "no",
  ForwardAgent: "no",
  ForwardX11: "no",
  ForwardX11Trusted: "no",
  PermitLocalCommand: "no",
  RemoteCommand: "none",
  RequestTTY: "no",
  StdinNull: "no",
  Tunnel: "no",
  VisualHostKey: "no",
};

/** The pinned key alone says who a droplet is: no other source vouches for it. */
const PINNED: Options = {
  CheckHostIP: "no",
  GlobalKnownHostsFile: "/dev/null",
  HashKnownHosts: "no",
  KnownHostsCommand: "none",
  NoHostAuthenticationForLocalhost: "no",
  StrictHostKeyChecking: "accept-new",
  UpdateHostKeys: "no",
  VerifyHostKeyDNS: "no",
};

/** Options of every connection, also to a bastion: ssh asks nobody for anything and notices a dead line. */
export const EVERY_HOP: Options = {
  BatchMode: "yes",
  ConnectTimeout: "10",
  ServerAliveInterval: "5",
  ServerAliveCountMax: "3",
  LogLevel: "ERROR",
  ...NOTHING_BESIDE,
};

/**
 * Further options of a connection to a droplet. ssh takes the first `SetEnv` that it finds, so this one keeps a configuration's own
 * from being sent. The command line has `-k` too, which every ssh takes, also one that was built without Kerberos.
 */
export const DROPLET: Options = { ...PINNED, SessionType: "default", SetEnv: "LC_ALL=C" };

/** Options as words of a command line. */
export const optionWords = (values: Options): string[] =>
  Object.entries(values).flatMap(([name, value]) => ["-o", `${name}=${value}`]);

/** What no quoting makes safe in a path: some versions of OpenSSH cannot escape a quote, and none can escape `${`. */
// eslint-disable-next-line no-control-regex
const UNUSABLE = /["\\\u0000-\u001f\u007f]|\$\{/;

/** Whether OpenSSH can be told that path. */
export const isUsablePath = (file: string): boolean => !UNUSABLE.test(file);

/** A path as the value of an option that takes file names: blanks would part it, and `%` begins a token. */
export const pathValue = (file: string): string => `"${verbatim(file)}"`;

/** What ssh gives back once it has filled in its tokens. */
export const verbatim = (text: string): string => text.replaceAll("%", "%%");

/** A droplet's name among the pinned keys. ssh lowers capitals there: "Web" and "web" would be one droplet. */
export const pinnedName = (id: string): string =>
  `droplet-${id.replaceAll(/[A-Z]/g, (letter) => `+${letter.toLowerCase()}`)}`;

/**
 * Variables that ssh finds in its environment. The command line cannot take back a configuration's `SendEnv`, which offers a
 * droplet whatever is there: the token, the registry's password, the app's secrets.
 */
const ENVIRONMENT: readonly string[] = [
  ...["HOME", "USER", "LOGNAME", "PATH", "SHELL", "TMPDIR", "LANG"],
  ...["SSH_AUTH_SOCK", "SSH_AGENT_PID", "SSH_SK_PROVIDER", "SSH_SK_HELPER", "SSH_PKCS11_HELPER"],
  ...["XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "KRB5CCNAME", "KRB5_CONFIG"],
];

/** The whole environment of ssh, taken from `environment`. */
export const sshEnvironment = (environment: Readonly<Record<string, string | undefined>>): Record<string, string> =>
  Object.fromEntries(
    ENVIRONMENT.flatMap((name) => {
      const value = environment[name];
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
