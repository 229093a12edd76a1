/** One multiplexed OpenSSH connection to one host. The only place that knows ssh's options, exit codes and messages. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import pLimit from "p-limit";
import type { ManifestHost } from "../../../contract/manifest.js";
import type { SshAccess } from "../../../contract/policy.js";
import { InvalidInput } from "../../../contract/problems.js";
import { RolloutError } from "../core/errors.js";
import { proxyCommand } from "./jump.js";
import { jittered, tellNobody, type OnRetry } from "./retry.js";

export interface SshSettings {
  readonly access: SshAccess;
  /** OpenSSH configuration instead of the one in `access`. */
  readonly configFile: string | null;
  /** File of host keys, one entry a droplet id. */
  readonly knownHosts: string;
}

export interface CommandOptions {
  readonly timeoutSeconds: number;
  /** Given to the command's standard input. */
  readonly input?: string;
  /** Tries again when the connection breaks: every command of ours may be given twice. @default true */
  readonly retry?: boolean;
  /** Waits for something far away, such as a registry: it does not keep other commands from their turn. @default false */
  readonly slow?: boolean;
}

const CONNECT_SECONDS = 10;
/** Longest pauses before each new try after a broken connection. */
const RETRY_PAUSES_MS = [200, 500, 1000, 2000, 4000, 8000];
/** Printed after the command, so that a broken connection is told from a failed command: ssh's own code 255 does not. */
const TRAILER = "@@exit ";
/** Commands under way at once: more ssh processes would only wait for this machine's processors. */
const AT_ONCE = 32;
const inTurn = pLimit(AT_ONCE);
const MAX_OUTPUT_BYTES = 4_000_000;
/** Unix socket paths are limited to about 100 bytes, so the folder is a short one. */
const SOCKET_PARENT = "/tmp";

/** Folder for the sockets of one rollout's connections. */
export const makeSocketFolder = (): string => mkdtempSync(path.join(SOCKET_PARENT, "ek-"));
export const removeSocketFolder = (folder: string): void => rmSync(folder, { recursive: true, force: true });

/** @throws InvalidInput where this machine has no OpenSSH client, which a worker of HCP Terraform has not */
export function insistOnSsh(): void {
  const searched = process.env["PATH"] ?? "";
  if (searched.split(path.delimiter).some((folder) => existsSync(path.join(folder, "ssh")))) return;
  throw new InvalidInput("environment", [
    `PATH: got "${searched}"; needs a folder with ssh, as the rollout logs in to the droplets from here: install OpenSSH's client, or run where it is (docs/backends.md)`,
  ]);
}

export class SshConnection {
  readonly #options: string[];
  readonly #target: string;
  /** Where the ssh to a bastion says what is wrong. */
  readonly #wayLog: string;
  #closed = false;

  constructor(
    private readonly host: ManifestHost,
    settings: SshSettings,
    socket: string,
    private readonly onRetry: OnRetry = tellNobody,
    private readonly pausesMs: readonly number[] = RETRY_PAUSES_MS,
  ) {
    const { access } = settings;
    const configFile = settings.configFile ?? (access.configFile ? expandHome(access.configFile) : null);
    this.#target = `${access.user}@${host.address}`;
    this.#wayLog = `${socket}.way`;
    // Of a bastion as well, whose key is the operator's own business: known_hosts and configuration are those of whoever runs this.
    const everyHop = [
      ...(configFile ? ["-F", configFile] : []),
      ...options({
        BatchMode: "yes",
        ConnectTimeout: String(CONNECT_SECONDS),
        ServerAliveInterval: "5",
        ServerAliveCountMax: "3",
        LogLevel: "ERROR",
      }),
    ];
    this.#options = [
      ...everyHop,
      ...(access.proxyJump
        ? options({ ProxyCommand: proxyCommand(access.proxyJump, [...everyHop, "-E", this.#wayLog]) })
        : []),
      ...(access.port === 22 ? [] : ["-p", String(access.port)]),
      ...options({
        ControlMaster: "auto",
        ControlPath: socket,
        ControlPersist: "60",
        HostKeyAlias: this.#alias,
        UserKnownHostsFile: settings.knownHosts,
        GlobalKnownHostsFile: "/dev/null",
        StrictHostKeyChecking: "accept-new",
        UpdateHostKeys: "no",
      }),
    ];
  }

  /**
   * Runs a script with the host's sh and gives back what it printed.
   * @throws RolloutError HostUnreachable, HostTimeout, HostKeyChanged, BastionKeyUnknown, HostCommandFailed
   */
  async run(script: string, { timeoutSeconds, input, retry = true, slow = false }: CommandOptions): Promise<string> {
    for (let tries = 0; ; tries += 1) {
      try {
        const once = () => this.#once(script, timeoutSeconds, input);
        return await (slow ? once() : inTurn(once));
      } catch (error) {
        const pauseMs = this.pausesMs[tries];
        const broken = error instanceof RolloutError && error.code === "HostUnreachable";
        // Whoever waited no longer for a command has closed the connection under it.
        if (!retry || !broken || pauseMs === undefined || this.#closed) throw error;
        const afterMs = jittered(pauseMs);
        this.onRetry({ host: this.host.name, why: error.message, afterMs });
        await sleep(afterMs);
      }
    }
  }

  /** Ends what is under way as well. */
  async close(): Promise<void> {
    this.#closed = true;
    await execa("ssh", [...this.#options, "-O", "exit", this.#target], {
      reject: false,
      timeout: 5000,
      stdin: "ignore",
    });
  }

  async #once(script: string, timeoutSeconds: number, input: string | undefined): Promise<string> {
    const command = `(\n${script}\n)\nprintf '\\n${TRAILER}%s' "$?"`;
    const result = await execa("ssh", [...this.#options, "-T", this.#target, command], {
      reject: false,
      timeout: timeoutSeconds * 1000,
      maxBuffer: MAX_OUTPUT_BYTES,
      stripFinalNewline: false,
      ...(input === undefined ? { stdin: "ignore" } : { input }),
    });
    if (result.timedOut)
      throw new RolloutError("HostTimeout", `${this.#name}: no end of a command within ${timeoutSeconds} s`);
    const cut = result.stdout.lastIndexOf(`\n${TRAILER}`);
    if (cut < 0) throw this.#connectionError(this.#saidOnTheWay() + result.stderr, result.originalMessage);
    const output = result.stdout.slice(0, cut);
    const code = Number(result.stdout.slice(cut + 1 + TRAILER.length));
    if (code === 0) return output;
    throw new RolloutError(
      "HostCommandFailed",
      `${this.#name}: ${lastLines(result.stderr || output) || `a command ended with code ${code}`}`,
    );
  }

  #saidOnTheWay(): string {
    if (!existsSync(this.#wayLog)) return "";
    const said = readFileSync(this.#wayLog, "utf8");
    rmSync(this.#wayLog, { force: true });
    return said;
  }

  #connectionError(stderr: string, otherwise: string | undefined): RolloutError {
    const said = lastLines(stderr);
    if (stderr.includes(`Host key for ${this.#alias} has changed`)) {
      return new RolloutError(
        "HostKeyChanged",
        `${this.#name} shows another host key than before; if the droplet was reinstalled on purpose, remove the entry ${this.#alias} from the known hosts file`,
      );
    }
    // The droplet's own key is taken at first sight: it is another machine's, on the way.
    if (stderr.includes("Host key verification failed")) {
      return new RolloutError(
        "BastionKeyUnknown",
        `the bastion on the way to ${this.#name} shows a host key that your known_hosts does not have; log in to it once by hand and compare its key, or mend the entry: ${said}`,
      );
    }
    return new RolloutError(
      "HostUnreachable",
      `${this.#name} cannot be reached over SSH: ${said || otherwise || "the connection broke"}`,
    );
  }

  /** Name in the file of host keys. */
  get #alias(): string {
    return `droplet-${this.host.id}`;
  }

  get #name(): string {
    return `${this.host.name} (${this.host.address})`;
  }
}

const options = (values: Readonly<Record<string, string>>): string[] =>
  Object.entries(values).flatMap(([name, value]) => ["-o", `${name}=${value}`]);

const lastLines = (text: string): string => text.trim().split("\n").slice(-3).join(" ").trim();

const expandHome = (file: string): string => (file.startsWith("~/") ? path.join(homedir(), file.slice(2)) : file);
