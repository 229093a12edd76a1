/** One multiplexed OpenSSH connection to one host. The only place that knows ssh's options, exit codes and messages. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import pLimit from "p-limit";
import type { ManifestHost } from "../../../contract/manifest.js";
import type { SshAccess } from "../../../contract/policy.js";
import { InvalidInput } from "../../../contract/problems.js";
import { framed, LOGIN_COMMAND, newFrame, readAnswer, type Answer, type Parts } from "../commands/frame.js";
import { RolloutError } from "../core/errors.js";
import { homeFolder } from "./files.js";
import { proxyCommand } from "./jump.js";
import { jittered, tellNobody, type OnRetry } from "./retry.js";
import { DROPLET, EVERY_HOP, optionWords, pathValue, pinnedName, sshEnvironment } from "./ssh-options.js";

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
  /** What an exit code of the script means that is no failure of a command. @default - each is one */
  readonly meanings?: ReadonlyMap<number, () => RolloutError>;
}

/** Longest pauses before each new try after a broken connection. */
const RETRY_PAUSES_MS = [200, 500, 1000, 2000, 4000, 8000];
/** Commands under way at once: more ssh processes would only wait for this machine's processors. */
const AT_ONCE = 32;
const inTurn = pLimit(AT_ONCE);
/** Most bytes that a command may print; every part of an answer has a lower limit of its own. */
const MAX_OUTPUT_BYTES = 4_000_000;
/** ssh ends with this code where the connection fails or breaks; any other one is that of the host's login shell. */
const SSH_FAILED = 255;
/** @throws InvalidInput where this machine has no OpenSSH client, as a worker of HCP Terraform, or one that is too old */
export function insistOnSsh(): void {
  const searched = process.env["PATH"] ?? "";
  for (const program of ["ssh", "ssh-keygen"]) {
    if (searched.split(path.delimiter).some((folder) => existsSync(path.join(folder, program)))) continue;
    throw new InvalidInput("environment", [
      `PATH: got "${searched}"; needs a folder with ${program}, as the rollout logs in to the droplets from here: install OpenSSH's client, or run where it is (docs/backends.md)`,
    ]);
  }
  insistOnOptions();
}

/** @throws InvalidInput for an ssh that does not know an option which keeps something from the droplets */
function insistOnOptions(): void {
  const words = ["-G", "-F", "/dev/null", ...optionWords({ ...EVERY_HOP, ...DROPLET }), "droplet"];
  const { status, stderr, error } = spawnSync("ssh", words, { encoding: "utf8", env: sshEnvironment(process.env) });
  if (status === 0) return;
  const said = error ? error.message : lastLines(stderr);
  throw new InvalidInput("environment", [
    `ssh: got "${said}" when asked for its options; needs OpenSSH's client, version 8.7 or newer, and a user with an entry in /etc/passwd`,
  ]);
}

export class SshConnection {
  readonly #options: string[];
  readonly #target: string;
  /** Where the ssh to a bastion says what is wrong. */
  readonly #wayLog: string;
  readonly #knownHosts: string;
  readonly #environment: Readonly<Record<string, string>>;
  #pinned = false;
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
    this.#knownHosts = settings.knownHosts;
    // sh reads the ProxyCommand, not a login shell with other quotes.
    this.#environment = { ...sshEnvironment(process.env), ...(access.proxyJump ? { SHELL: "/bin/sh" } : {}) };
    // Of a bastion as well, whose key is the operator's own business: known_hosts and configuration are those of whoever runs this.
    const everyHop = [...(configFile ? ["-F", configFile] : []), ...optionWords(EVERY_HOP)];
    this.#options = [
      ...everyHop,
      "-k",
      ...(access.proxyJump
        ? optionWords({
            ProxyCommand: proxyCommand(access.proxyJump, [...everyHop, "-k", "-E", this.#wayLog]),
            ProxyUseFdpass: "no",
          })
        : []),
      ...(access.port === 22 ? [] : ["-p", String(access.port)]),
      ...optionWords({
        ...DROPLET,
        ControlMaster: "auto",
        ControlPath: pathValue(socket),
        ControlPersist: "60",
        HostKeyAlias: this.#alias,
        UserKnownHostsFile: pathValue(settings.knownHosts),
      }),
    ];
  }

  /**
   * Runs a script with the host's sh and gives back what it printed.
   * @throws RolloutError HostUnreachable, HostTimeout, HostKeyChanged, HostKeyNotPinned, BastionKeyUnknown, HostCommandFailed, HostUnfit,
   *   HostUnreadable
   */
  async run(script: string, options: CommandOptions): Promise<string> {
    return (await this.#answer(script, options)).text;
  }

  /** The same for a script that prints parts. @throws RolloutError as {@link run} */
  async ask(script: string, options: CommandOptions): Promise<Parts> {
    return (await this.#answer(script, options)).parts;
  }

  async #answer(script: string, options: CommandOptions): Promise<Answer> {
    const { timeoutSeconds, input = "", retry = true, slow = false, meanings } = options;
    for (let tries = 0; ; tries += 1) {
      try {
        const once = () => this.#once(script, timeoutSeconds, input, meanings);
        const output = await (slow ? once() : inTurn(once));
        await this.#insistOnPin();
        return output;
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
      env: this.#environment,
      extendEnv: false,
      reject: false,
      timeout: 5000,
      stdin: "ignore",
    });
  }

  async #once(
    script: string,
    timeoutSeconds: number,
    input: string,
    meanings: CommandOptions["meanings"],
  ): Promise<Answer> {
    const frame = newFrame();
    const result = await execa("ssh", [...this.#options, "-T", this.#target, LOGIN_COMMAND], {
      env: this.#environment,
      extendEnv: false,
      reject: false,
      timeout: timeoutSeconds * 1000,
      maxBuffer: MAX_OUTPUT_BYTES,
      stripFinalNewline: false,
      encoding: "buffer",
      input: framed(script, frame) + input,
    });
    if (result.timedOut)
      throw new RolloutError("HostTimeout", `${this.#name}: no end of a command within ${timeoutSeconds} s`);
    if (result.isMaxBuffer) {
      const why = `a command prints more than ${MAX_OUTPUT_BYTES} bytes; look at what the host's login shell and Docker print`;
      throw new RolloutError("HostCommandFailed", `${this.#name}: ${why}`);
    }
    const stderr = Buffer.from(result.stderr).toString("utf8");
    const answer = readAnswer(result.stdout, frame, this.#name);
    if (!answer) throw this.#noAnswer(result, stderr);
    if (answer.code === 0) return answer;
    const meaning = meanings?.get(answer.code);
    if (meaning) throw meaning();
    throw new RolloutError(
      "HostCommandFailed",
      `${this.#name}: ${lastLines(stderr || answer.text) || `a command ended with code ${answer.code}`}`,
    );
  }

  /** ssh ended well, and yet there is no answer: the login shell has not run what it was asked to. */
  #noAnswer(result: Ended, stderr: string): RolloutError {
    const { exitCode, stdout, originalMessage } = result;
    if (exitCode === undefined || exitCode === SSH_FAILED)
      return this.#connectionError(this.#saidOnTheWay() + stderr, originalMessage);
    const said = lastLines(stderr || Buffer.from(stdout).toString("utf8")) || `it ended with code ${exitCode}`;
    return new RolloutError(
      "HostUnfit",
      `${this.#name}: the login shell did not run "sh" (${said}); give the user another one there, as with "chsh -s /bin/sh", and let its startup files read no input`,
    );
  }

  /**
   * ssh goes on where it cannot write the key that it has just believed, and would believe any other the next time.
   * @throws RolloutError HostKeyNotPinned
   */
  async #insistOnPin(): Promise<void> {
    if (this.#pinned) return;
    const words = ["-F", this.#alias, "-f", this.#knownHosts];
    const found = await execa("ssh-keygen", words, { env: this.#environment, extendEnv: false, reject: false });
    if (found.failed) {
      throw new RolloutError(
        "HostKeyNotPinned",
        `the host key of ${this.#name} is not in ${this.#knownHosts} as ${this.#alias}, so that another one would go unnoticed; make that file one that can be written to, on a disk with room`,
      );
    }
    this.#pinned = true;
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
    return pinnedName(this.host.id);
  }

  get #name(): string {
    return `${this.host.name} (${this.host.address})`;
  }
}

/** What execa tells of an ssh that has ended. */
interface Ended {
  readonly exitCode?: number;
  readonly stdout: Uint8Array;
  readonly originalMessage?: string | undefined;
}

const lastLines = (text: string): string => text.trim().split("\n").slice(-3).join(" ").trim();

const expandHome = (file: string): string => (file.startsWith("~/") ? path.join(homeFolder(), file.slice(2)) : file);
