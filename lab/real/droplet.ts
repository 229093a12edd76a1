/** A real droplet: a machine in namespaces of its own, set up by the real cloud-init with the declared user data. */
import { rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa, execaSync } from "execa";
import { FRONT_HELPER } from "../../contract/host.js";
import type { FirewallPolicy } from "../firewall-policy.js";
import type { ContainerView } from "../model/containers.js";
import type { Answer, BootState, DropletOrder } from "../site.js";
import { NO_MODULE, type FrontTrouble, type ShellOutput, type TroubledDroplet } from "../trouble.js";
import type { Claim } from "./claim.js";
import { Disk, trustedAuthorities } from "./disk.js";
import { DockerApi } from "./docker-api.js";
import { cgroupOf, dropletFiles, type DropletExtras } from "./droplet-files.js";
import { answerOf, requestFrom } from "./droplet-request.js";
import type { Side } from "./network-node.js";
import type { Network } from "./network.js";
import { PowerSwitch } from "./power-switch.js";

export interface RealDropletOptions extends DropletExtras {
  /** Size of the file system for Docker's data. @default 25000, the disk of the smallest droplet */
  readonly diskMb?: number;
  /** From power on to the start of the boot. @default 0 */
  readonly sshDelayMs?: number;
}

/** What a site gives to its droplets. */
export interface RealDropletContext {
  readonly claim: Claim;
  readonly network: Network;
  /** Told when the droplet cannot boot or ends by itself. */
  readonly onFault: (fault: string) => void;
}

/** What each takes away; sudo reads no file whose name has a dot, and the rule is cloud-init's. */
const FRONT_PARTS: Readonly<Record<FrontTrouble, string>> = {
  refused: "/etc/sudoers.d/90-cloud-init-users",
  missing: FRONT_HELPER,
  "no-module": "/usr/sbin/nft",
};
const takenAway = (part: string): string => `${part}.taken-away`;

/** Found by the helper in place of the droplet's own. */
const NFT_WITHOUT_MODULE = `#!/bin/sh
echo '${NO_MODULE.stderr}' >&2
exit ${NO_MODULE.exitCode}
`;

/** What tests disturb. */
export type DropletService = "ssh" | "docker";

const DEFAULT_DISK_MB = 25_000;

export class RealDroplet implements TroubledDroplet {
  readonly id: string;
  readonly name: string;
  readonly address: string;
  readonly privateAddress: string;
  readonly #power: PowerSwitch;

  private constructor(
    order: DropletOrder,
    private readonly context: RealDropletContext,
    private readonly disk: Disk,
    /** Whom cloud-init creates. */
    private readonly user: string,
    sshDelayMs: number,
  ) {
    this.id = order.id;
    this.name = order.name;
    this.address = order.address;
    this.privateAddress = order.privateAddress;
    this.#power = new PowerSwitch({ ...order, ...context, root: disk.root, delayMs: sshDelayMs });
  }

  /** Makes the disk and powers the droplet on; the boot is not waited for. */
  static async create(
    order: DropletOrder,
    context: RealDropletContext,
    { diskMb = DEFAULT_DISK_MB, sshDelayMs = 0, ...extras }: RealDropletOptions = {},
  ): Promise<RealDroplet> {
    const { claim } = context;
    const disk = await Disk.create(claim, order.id, diskMb);
    await disk.write(dropletFiles(order, extras, cgroupOf(claim.number, order.id), await trustedAuthorities()));
    const droplet = new RealDroplet(order, context, disk, order.user, sshDelayMs);
    droplet.powerOn();
    return droplet;
  }

  get boot(): BootState {
    return this.#power.state;
  }

  booted(): Promise<void> {
    return this.#power.booted();
  }

  /** Put before a command of this machine, it makes it run in the droplet's network. @throws Error when the droplet is off */
  get network(): readonly string[] {
    return this.#power.node.argv;
  }

  /** Runs a command on the droplet as root. Gives back what it printed. @throws ExecaError when it fails */
  async run(argv: readonly string[]): Promise<string> {
    return this.context.claim.run([...this.#power.machine.argv, ...argv]);
  }

  async containers(): Promise<ContainerView[]> {
    return this.#docker.containers();
  }

  async logs(container: string, lines = 20): Promise<string[]> {
    return this.#docker.logs(container, lines);
  }

  async images(): Promise<string[]> {
    return this.#docker.images();
  }

  async crash(container: string): Promise<void> {
    const pid = await this.#docker.pid(container);
    if (pid > 0) await this.#control("kill", String(pid));
  }

  /** A request to a port on the droplet's own loopback. */
  async askLoopback(method: string, route: string, port: number): Promise<Answer> {
    return answerOf(await this.run(requestFrom(method, `http://127.0.0.1:${port}${route}`)));
  }

  async ask(route: string, port = 80): Promise<Answer> {
    return answerOf(await this.run(requestFrom("GET", `http://${this.privateAddress}:${port}${route}`)));
  }

  async shell(script: string): Promise<ShellOutput> {
    const [file = "", ...rest] = this.#power.machine.argv;
    const { exitCode, stdout, stderr } = await execa(file, [...rest, "runuser", "-l", this.user, "-c", script], {
      ...{ env: this.context.claim.environment, extendEnv: false },
      ...{ reject: false, stdin: "ignore" },
    });
    return { exitCode: exitCode ?? -1, stdout, stderr };
  }

  cutSsh(): void {
    const [file = "", ...rest] = [...this.#power.machine.argv, ...controlScript("cut", "ssh")];
    execaSync(file, rest, { env: this.context.claim.environment, extendEnv: false });
  }

  /** Stops a service where it is: what is sent to it arrives, but nothing is answered. */
  freeze(service: DropletService): Promise<void> {
    return this.#control("freeze", service);
  }

  thaw(service: DropletService): Promise<void> {
    return this.#control("thaw", service);
  }

  /** Resolves once the service answers again. */
  restart(service: DropletService): Promise<void> {
    return this.#control("restart", service);
  }

  async freezeSsh(milliseconds: number): Promise<void> {
    await this.freeze("ssh");
    await sleep(milliseconds);
    await this.thaw("ssh");
  }

  async changeHostKey(changed: boolean): Promise<void> {
    await this.#control(changed ? "change" : "restore", "host-key");
    await this.restart("ssh");
  }

  async restartDocker(awayMs: number): Promise<void> {
    await this.#control("stop", "docker");
    await sleep(awayMs);
    await this.#control("start", "docker");
  }

  fillDisk(full: boolean): Promise<void> {
    return this.#control(full ? "fill" : "free", "disk");
  }

  async hideService(hidden: boolean): Promise<void> {
    await (hidden ? this.linkDown("private") : this.linkUp("private"));
  }

  async troubleFront(trouble: FrontTrouble | null): Promise<void> {
    for (const part of Object.values(FRONT_PARTS))
      await this.run(["/bin/sh", "-c", '[ ! -e "$1" ] || mv "$1" "$2"', "mend", takenAway(part), part]);
    if (trouble === null) return;
    const part = FRONT_PARTS[trouble];
    await this.run(["mv", part, takenAway(part)]);
    if (trouble === "no-module") await writeFile(this.#power.machine.path(part), NFT_WITHOUT_MODULE, { mode: 0o755 });
  }

  async flushFirewall(): Promise<void> {
    await this.run(["nft", "flush", "ruleset"]);
  }

  async shadow(program: string, script: string | null): Promise<void> {
    // Searched before the droplet's own programs.
    const file = path.join(this.disk.root, "usr/local/bin", program);
    if (script === null) await rm(file, { force: true });
    else await writeFile(file, script, { mode: 0o755 });
  }

  /** Pulls a cable: what is sent is lost, nothing is refused. */
  async linkDown(side: Side): Promise<void> {
    return this.#power.node.linkDown(side);
  }

  async linkUp(side: Side): Promise<void> {
    return this.#power.node.linkUp(side);
  }

  guard(policy: FirewallPolicy | null): Promise<void> {
    return this.#power.guard(policy);
  }

  powerOn(): void {
    this.#power.on();
  }

  powerOff(): Promise<void> {
    return this.#power.off();
  }

  async close(): Promise<void> {
    await this.#power.off();
    await this.disk.remove();
  }

  get #docker(): DockerApi {
    return new DockerApi(this.#power.machine.path("/run/docker.sock"));
  }

  async #control(what: string, which: string): Promise<void> {
    await this.run(controlScript(what, which));
  }
}

const controlScript = (what: string, which: string): string[] => ["/bin/sh", "/lab/control.sh", what, which];
