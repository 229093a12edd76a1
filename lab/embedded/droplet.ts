/** One droplet: an SSH server, Docker, cloud-init and addresses of its own, in a folder on this machine. */
import { EventEmitter, once } from "node:events";
import { readFileSync } from "node:fs";
import type { Server } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import type { ContainerView } from "../model/containers.js";
import type { Answer, BootState, DropletOrder } from "../site.js";
import { newKeyPair } from "../ssh-client.js";
import { LabFault } from "../fault.js";
import type { FrontTrouble, ShellOutput, TroubledDroplet } from "../trouble.js";
import { ask } from "./ask.js";
import { closeServer } from "./close.js";
import type { Route } from "./curlrc.js";
import { docker } from "./docker/cli.js";
import { openSockets } from "./docker/connection-table.js";
import { Engine, type Published } from "./docker/engine.js";
import type { Registries } from "./docker/registry.js";
import { shimServer } from "./docker/shim.js";
import { DropletFiles, SYSTEM_PATH } from "./droplet-files.js";
import { frontConfiguration } from "./front/configuration.js";
import { Front } from "./front/front.js";
import { sudo, troubledSudo } from "./front/sudo.js";
import type { Lie, LyingProgram } from "./liar.js";
import type { PortPool } from "./ports.js";
import { recoverScript, runRecovery } from "./recovery.js";
import { SshServer } from "./ssh-server.js";
import { awaitEnd, endMarked } from "./watchdog.js";

const LOOPBACK = "127.0.0.1";

/** A `df -P` of a disk on which nothing is left. */
const FULL_DISK = `#!/bin/sh
echo 'Filesystem 1024-blocks Used Available Capacity Mounted on'
echo '/dev/vda1 25000000 25000000 0 100% /'
`;

/** What a site gives to its droplets. */
export interface DropletContext {
  /** The droplet's own folder, with a short path: a Unix socket lies in it. */
  readonly folder: string;
  readonly ports: PortPool;
  readonly registries: Registries;
  /** Id of the site: every process carries it. */
  readonly siteId: string;
  /** Milliseconds from power on until SSH answers. */
  readonly sshDelayMs: number;
  /** Milliseconds from then until cloud-init is done and Docker there. */
  readonly cloudInitDelayMs: number;
  readonly onFault: (fault: string) => void;
}

/** Emits `boot` whenever {@link EmbeddedDroplet.boot} changes, and `input` with what came over a command's standard input. */
export class EmbeddedDroplet extends EventEmitter<{ boot: [BootState]; input: [string] }> implements TroubledDroplet {
  /** Commands that were given over SSH, oldest first. */
  readonly commands: string[] = [];
  readonly #firstHostKey = newKeyPair("droplet").private;
  #hostKey = this.#firstHostKey;
  readonly #files: DropletFiles;
  readonly #engine: Engine;
  readonly #front: Front;
  #boot: BootState = "off";
  #hidden = false;
  #lie: Lie | null = null;
  #bootFault: string | null = null;
  #timer: NodeJS.Timeout | undefined;
  #ssh: SshServer | null = null;
  #shim: Server | null = null;
  #sudo: Server | null = null;

  private constructor(
    private readonly order: DropletOrder,
    /** Loopback port that stands for port 22. */
    readonly sshPort: number,
    /** A port that nobody listens on. */
    private readonly refusedPort: number,
    private readonly context: DropletContext,
  ) {
    super();
    this.#files = new DropletFiles(context.folder);
    this.#engine = new Engine({
      folder: this.#files.containers,
      searchPath: SYSTEM_PATH,
      registries: context.registries,
      ports: context.ports,
      environment: this.#marks,
      changed: () => this.#route(),
    });
    this.#front = new Front({
      configuration: frontConfiguration(order.userData),
      addresses: [LOOPBACK, order.privateAddress, order.address],
      openSockets: (pid, port) => this.#openSockets(pid, port),
      changed: () => this.#route(),
    });
    this.#route();
  }

  /** Creates the droplet and powers it on; the boot is not waited for. */
  static async create(order: DropletOrder, context: DropletContext): Promise<EmbeddedDroplet> {
    const { ports } = context;
    const droplet = new EmbeddedDroplet(order, await ports.take(), await ports.take(), context);
    droplet.powerOn();
    return droplet;
  }

  get name(): string {
    return this.order.name;
  }

  get id(): string {
    return this.order.id;
  }

  get address(): string {
    return this.order.address;
  }

  get privateAddress(): string {
    return this.order.privateAddress;
  }

  get boot(): BootState {
    return this.#boot;
  }

  get home(): string {
    return this.#files.home;
  }

  /** Resolves once the droplet is done booting. @throws Error when it cannot boot */
  async booted(): Promise<void> {
    while (this.#boot !== "done") {
      if (this.#bootFault !== null) throw new Error(this.#bootFault);
      await once(this, "boot");
    }
  }

  /** Every container of the droplet, oldest first. */
  async containers(): Promise<ContainerView[]> {
    return this.#engine.list();
  }

  /** Process id of a container that runs, else 0. */
  pid(container: string): number {
    return this.#engine.pid(this.#engine.find(container));
  }

  /** Last lines that a container wrote. */
  async logs(container: string, lines = 20): Promise<string[]> {
    const log = this.#engine.find(container).extra.log.tail(lines);
    return log.map((line) => line.text);
  }

  /** Names of the pulled images, by digest. */
  async images(): Promise<string[]> {
    return this.#engine.images.list().flatMap((image) => image.repoDigests);
  }

  /** Ends the process behind a container as the kernel would, not as `docker kill` does: its restart policy applies. */
  async crash(container: string): Promise<void> {
    const pid = this.pid(container);
    if (pid === 0) return;
    process.kill(-pid, "SIGKILL");
    // The balancer is on this thread: it passes nothing on before the process is gone for certain.
    awaitEnd(pid);
  }

  /** A request to the service port, from the droplet itself. */
  async ask(route: string, port = 80): Promise<Answer> {
    const realPort = this.#reach(this.privateAddress, port);
    if (realPort === null) throw new Error(`nothing is published on ${this.privateAddress}:${port} of ${this.name}`);
    return ask("GET", realPort, route);
  }

  /**
   * The real port behind a port of the private address, as the network sees it: null where it refuses, undefined where nothing
   * answers at all.
   */
  async endpoint(port: number): Promise<number | null | undefined> {
    if (this.#boot === "off" || this.#hidden) return undefined;
    return this.#front.refuses(this.privateAddress, port) ? null : this.#reach(this.privateAddress, port);
  }

  /** A node of the balancer connects to a port of the private address. */
  connecting(port: number, node: string): void {
    this.#front.noteConnection(this.privateAddress, port, node);
  }

  /** A node of the balancer was answered, well or not. */
  answered(port: number, node: string, realPort: number, isGood: boolean): void {
    for (const { address, ports } of this.#engine.addressed()) {
      const found = ports.find(({ real }) => real === realPort);
      const by = { target: address, targetPort: found?.container ?? 0 };
      if (found) this.#front.noteAnswer(this.privateAddress, port, node, by, isGood);
    }
  }

  async hideService(hidden: boolean): Promise<void> {
    this.#hidden = hidden;
  }

  /** Breaks every SSH connection; commands go on. */
  cutSsh(): void {
    this.#ssh?.cutConnections();
  }

  async freezeSsh(milliseconds: number): Promise<void> {
    this.#ssh?.freeze(milliseconds);
    await sleep(milliseconds);
  }

  async changeHostKey(changed: boolean): Promise<void> {
    this.#hostKey = changed ? newKeyPair("droplet").private : this.#firstHostKey;
    await this.#ssh?.close();
    await this.#startSsh();
  }

  async restartDocker(awayMs: number): Promise<void> {
    const shim = this.#shim;
    this.#shim = null;
    if (shim) await closeServer(shim);
    await sleep(awayMs);
    if (this.#boot === "done") await this.#startDocker();
  }

  async fillDisk(full: boolean): Promise<void> {
    this.#engine.diskFull = full;
    if (full) this.#files.writeProgram("df", FULL_DISK);
    else this.#files.removeProgram("df");
  }

  /** Every command over SSH is answered by that lie from now on; null: honestly. */
  lie(lie: Lie | null): void {
    this.#lie = lie;
  }

  /** A program of its own that lies from now on, also to its steward; null: none. A lying steward ends with its lie. */
  lieWith(program: LyingProgram | null): void {
    this.#files.writeLie(program);
  }

  async troubleFront(trouble: FrontTrouble | null): Promise<void> {
    this.lieWith(trouble && { name: "sudo", script: troubledSudo(trouble) });
  }

  async flushFirewall(): Promise<void> {
    throw new LabFault(`${this.name} has no firewall that could be flushed`);
  }

  async shadow(program: string, script: string | null): Promise<void> {
    if (script === null) this.#files.removeProgram(program);
    else this.#files.writeProgram(program, script);
  }

  /** @throws Error when the droplet is off */
  async shell(script: string): Promise<ShellOutput> {
    if (this.#boot === "off") throw new Error(`${this.name} is off`);
    const { exitCode, stdout, stderr } = await execa("/bin/sh", ["-c", script], {
      ...{ cwd: this.home, env: this.#environment, extendEnv: false },
      ...{ reject: false, stdin: "ignore" },
    });
    return { exitCode: exitCode ?? -1, stdout, stderr };
  }

  /** Boots: SSH, then cloud-init, then Docker with the containers whose policy says so. */
  powerOn(): void {
    if (this.#boot !== "off") return;
    const { sshDelayMs, cloudInitDelayMs } = this.context;
    this.#enter("starting");
    this.#after(sshDelayMs, async () => {
      await this.#startSsh();
      this.#enter("running");
      this.#after(cloudInitDelayMs, async () => {
        await this.#startServices();
        this.#enter("done");
      });
    });
  }

  /** Its ports are this machine's own, with no network before them to hold anything back. */
  async guard(): Promise<void> {}

  /** Everything on it ends at once; the disk stays. */
  async powerOff(): Promise<void> {
    await this.halt();
    await endMarked(`LAB_DROPLET=${this.#marks.LAB_DROPLET}`);
  }

  /** Its folder stays for as long as the site does. */
  close(): Promise<void> {
    return this.powerOff();
  }

  /** Ends servers and containers, not what commands left in the background: at the site's end the watchdog does that. */
  async halt(): Promise<void> {
    this.#enter("off");
    clearTimeout(this.#timer);
    const { ssh, shims } = { ssh: this.#ssh, shims: [this.#shim, this.#sudo] };
    this.#ssh = null;
    this.#shim = null;
    this.#sudo = null;
    this.#front.powerOff();
    await Promise.all([ssh?.close(), ...shims.map((shim) => shim && closeServer(shim)), this.#engine.powerOff()]);
  }

  /** Variables by which the droplet's processes are found. Ids of droplets repeat from site to site. */
  get #marks(): { readonly LAB_WORLD: string; readonly LAB_DROPLET: string } {
    const { siteId } = this.context;
    return { LAB_WORLD: siteId, LAB_DROPLET: `${this.id}-${siteId}` };
  }

  /** Of every process that a user starts. */
  get #environment(): Record<string, string> {
    return { ...this.#files.environment(this.order.user), ...this.#marks };
  }

  #enter(state: BootState): void {
    this.#boot = state;
    if (state === "starting" || state === "done") this.#files.writeBootState(state === "done" ? "done" : "running");
    this.emit("boot", state);
  }

  #after(milliseconds: number, work: () => Promise<void>): void {
    this.#timer = setTimeout(() => {
      work().catch((error: unknown) => this.#failBoot(error));
    }, milliseconds);
  }

  #failBoot(error: unknown): void {
    this.#bootFault = `droplet ${this.name} cannot boot: ${String(error)}`;
    this.context.onFault(this.#bootFault);
    this.emit("boot", this.#boot);
  }

  async #startSsh(): Promise<void> {
    const { user, authorizedKeys } = this.order;
    this.#ssh = new SshServer({
      hostKey: this.#hostKey,
      user,
      authorizedKeys,
      home: this.home,
      environment: this.#environment,
      onCommand: (command) => this.commands.push(command),
      onInput: (input) => this.emit("input", input),
      lie: () => this.#lie,
    });
    await this.#ssh.listen(this.sshPort);
  }

  async #startServices(): Promise<void> {
    const { onFault } = this.context;
    this.#front.powerOn();
    this.#sudo = shimServer((_, words) => sudo(words, this.#front, onFault));
    this.#sudo.listen(this.#files.sudoSocket);
    await once(this.#sudo, "listening");
    await this.#startDocker();
    const script = recoverScript(this.order.userData);
    if (script !== null)
      runRecovery(script, { home: this.home, environment: this.#environment }, (error) => onFault(String(error)));
  }

  async #startDocker(): Promise<void> {
    const { onFault } = this.context;
    const engine = this.#engine;
    this.#shim = shimServer((folder, words) => docker(words, { engine, folder }, onFault));
    this.#shim.listen(this.#files.dockerSocket);
    await once(this.#shim, "listening");
    await engine.powerOn();
  }

  /** Leads the droplet's curl to where the front leads, to containers' own addresses and to what is published, all as of now. */
  #route(): void {
    const { refusedPort } = this;
    const fronts = this.#front.list().flatMap(({ address, services, checks }) =>
      [...services, ...checks].map((port): Route => {
        return { addresses: [address], port, realPort: this.#reach(address, port) ?? refusedPort };
      }),
    );
    const containers = this.#engine
      .addressed()
      .flatMap(({ address, ports }) =>
        ports.map(({ container, real }): Route => ({ addresses: [address], port: container, realPort: real })),
      );
    const published = this.#engine.published().flatMap((one) => this.#publishedRoute(one));
    // The first that fits counts: where a front has a port, Docker's own publication of it is not reached.
    this.#files.writeRoutes([...fronts, ...containers, ...published], refusedPort);
  }

  #publishedRoute({ publication: { address, hostPort }, real }: Published): Route[] {
    const { address: publicAddress, privateAddress } = this;
    const everywhere = [LOOPBACK, "localhost", privateAddress, publicAddress];
    const local = address === LOOPBACK ? [LOOPBACK, "localhost"] : [address];
    return hostPort === null
      ? []
      : [{ addresses: address === "0.0.0.0" ? everywhere : local, port: hostPort, realPort: real }];
  }

  /** The real port behind a port of one of the droplet's addresses, or of a container's own; null when nothing is there. */
  #reach(address: string, port: number): number | null {
    const lead = this.#front.at(address, port);
    if (lead) return this.#engine.reach(lead.target, lead.port);
    return this.#engine.reach(address, port) ?? this.#engine.lookUp(address, port);
  }

  #openSockets(pid: number, port: number): number | null {
    const container = this.#engine.withPid(pid);
    if (!container) return null;
    const real = this.#engine.realPorts(container).find((pair) => pair.container === port)?.real;
    return real === undefined ? 0 : openSockets(TABLES.map(readIfThere), real);
  }
}

/** Of this machine: its kernel has the connections of all droplets. Elsewhere than on Linux there are none. */
const TABLES = ["/proc/net/tcp", "/proc/net/tcp6"];

function readIfThere(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
