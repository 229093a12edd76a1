/** Docker's engine on one droplet: the container table of lab/model with real processes behind it. */
import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import path from "node:path";
import { DockerError } from "../../model/docker-error.js";
import {
  ContainerTable,
  isAlive,
  type Container,
  type ContainerSpec,
  type Network,
  type Publication,
} from "../../model/containers.js";
import type { PortPool } from "../ports.js";
import type { PortPair } from "./connection-table.js";
import { ContainerPorts } from "./container-ports.js";
import { ImageStore, type StoredImage } from "./image-store.js";
import { LogBuffer } from "./log-buffer.js";
import { checkExecutable, ContainerProcess } from "./process.js";
import type { LabImage, Registries } from "./registry.js";

/** A folder of the host under another name in the container. */
export interface Mount {
  readonly source: string;
  readonly target: string;
}

/** What the engine keeps with a container besides what Docker's table knows. */
export interface Contents {
  readonly imageId: string;
  readonly command: readonly string[];
  /** Of image and `docker run` together. */
  readonly environment: Readonly<Record<string, string>>;
  readonly mounts: readonly Mount[];
  readonly init: boolean;
  readonly stopTimeoutSeconds: number;
  readonly memoryBytes: number;
  /** Whether process 1 ends on SIGTERM without an init. */
  readonly stopsOnTerm: boolean;
  readonly log: LogBuffer;
}

export type LabContainer = Container<Contents>;

/** What a droplet gives to its engine. */
export interface EngineHost {
  /** Folder of the containers' working folders. */
  readonly folder: string;
  readonly searchPath: string;
  readonly registries: Registries;
  readonly ports: PortPool;
  /** Variables that make a process belong to this world and droplet. */
  readonly environment: Readonly<Record<string, string>>;
  /** Containers started or ended: other ports may be published now. */
  changed(): void;
}

/** A port of the droplet, and the real one that it leads to. */
export interface Published {
  readonly publication: Publication;
  readonly real: number;
}

/** A container that runs in a network of the user's own. */
export interface Addressed {
  readonly address: string;
  readonly ports: readonly PortPair[];
}

const newId = (): string => randomBytes(32).toString("hex");

export class Engine {
  readonly images = new ImageStore();
  /** Nothing can be written: no image is kept, no container made, started or renamed. */
  diskFull = false;
  readonly #table = new ContainerTable<Contents>(newId);
  readonly #processes = new Map<string, ContainerProcess>();
  readonly #ports: ContainerPorts;
  #off = false;

  constructor(private readonly host: EngineHost) {
    this.#ports = new ContainerPorts(host.ports);
  }

  get registries(): Registries {
    return this.host.registries;
  }

  list(): LabContainer[] {
    return this.#table.list();
  }

  /** @throws DockerError when there is none */
  find(reference: string): LabContainer {
    return this.#table.find(reference);
  }

  /** Process id of a running container, else 0. */
  pid(container: LabContainer): number {
    return this.#processes.get(container.id)?.pid ?? 0;
  }

  /** The running container with that process id; null when there is none. */
  withPid(pid: number): LabContainer | null {
    return this.list().find((container) => this.pid(container) === pid) ?? null;
  }

  /** Gives back the network's id. @throws DockerError as Docker refuses it */
  createNetwork(network: Network): string {
    return this.#table.createNetwork(network);
  }

  /** @throws DockerError when there is none */
  findNetwork(name: string): Network & { readonly id: string } {
    return this.#table.findNetwork(name);
  }

  /** @throws DockerError when neither this droplet nor a registry that needs no login has it */
  imageOrPull(name: string): StoredImage {
    const found = this.images.find(name);
    if (found) return found;
    this.keep(this.registries.pull(name, null), name);
    return this.imageOrPull(name);
  }

  /** @throws DockerError on a full disk, unless the image is there already */
  keep(image: LabImage, name: string): void {
    if (this.diskFull && !this.images.find(name))
      throw new DockerError("write /var/lib/docker/tmp/GetImageBlob: no space left on device");
    this.images.keep(image, name);
  }

  /** @throws DockerError for a taken name, and on a full disk */
  create(spec: ContainerSpec<Contents>): LabContainer {
    if (this.diskFull) throw new DockerError("mkdir /var/lib/docker/overlay2/new-init: no space left on device");
    return this.#table.create(spec);
  }

  /** @throws DockerError for a taken port, a missing command, and on a full disk; the container then stays where it was */
  async start(reference: string): Promise<void> {
    const container = this.find(reference);
    if (!isAlive(container)) this.#write(container.id);
    checkExecutable(container.extra.command[0] ?? "", this.host.searchPath);
    const environment = await this.#environment(container);
    const started = this.#table.start(container.id, Date.now());
    if (started) this.#launch(started, environment);
  }

  /** @param timeoutSeconds -1 waits for as long as it takes */
  async stop(reference: string, timeoutSeconds: number): Promise<void> {
    const container = this.#table.stopping(reference);
    const running = container && this.#processes.get(container.id);
    if (!running) return;
    if (container.extra.init || container.extra.stopsOnTerm) running.signal("SIGTERM");
    const late = setTimeout(() => running.signal("SIGKILL"), Math.max(0, timeoutSeconds) * 1000);
    if (timeoutSeconds < 0) clearTimeout(late);
    await running.ended;
    clearTimeout(late);
  }

  /** @throws DockerError when it does not run */
  async kill(reference: string, signal: NodeJS.Signals): Promise<void> {
    const { id } = this.find(reference);
    const running = this.#processes.get(id);
    if (!running) throw new DockerError(`Cannot kill container: ${reference}: Container ${id} is not running`);
    if (signal === "SIGKILL" || signal === "SIGTERM") this.#table.stopping(id);
    running.signal(signal);
    if (signal === "SIGKILL") await running.ended;
  }

  /** @throws DockerError on a full disk */
  rename(reference: string, name: string): void {
    this.#write(this.find(reference).id);
    this.#table.rename(reference, name);
  }

  /** @throws DockerError on a full disk */
  update(reference: string, restart: "no" | "always"): void {
    this.#write(this.find(reference).id);
    this.#table.update(reference, restart);
  }

  /** Docker keeps what it knows of a container in a file, which every change writes anew. */
  #write(id: string): void {
    if (this.diskFull)
      throw new DockerError(`write /var/lib/docker/containers/${id}/.tmp-config.v2.json: no space left on device`);
  }

  async remove(reference: string, force: boolean): Promise<void> {
    if (force) await this.stop(reference, 0);
    this.#ports.give(this.#table.remove(reference).id);
  }

  /** Where connections to an address of the droplet that Docker publishes on end up: the real port, or null when nothing is published there. */
  lookUp(address: string, hostPort: number): number | null {
    const found = this.published().find(
      ({ publication }) =>
        publication.hostPort === hostPort && (publication.address === "0.0.0.0" || publication.address === address),
    );
    return found?.real ?? null;
  }

  /** Where connections to a container's own address end up: the real port; null when nobody runs there, or listens on that port. */
  reach(address: string, containerPort: number): number | null {
    const found = this.addressed().find((one) => one.address === address);
    return found?.ports.find(({ container }) => container === containerPort)?.real ?? null;
  }

  /** The real port behind each port that a container listens on. */
  realPorts({ id }: LabContainer): PortPair[] {
    return this.#ports.pairs(id);
  }

  /** Publications of containers that run. One whose port Docker chooses is left out: nobody knows where to ask. */
  published(): Published[] {
    return this.list()
      .filter(isAlive)
      .flatMap(({ id, publish }) =>
        publish.flatMap((publication) => {
          const real = this.#ports.real(id, publication.containerPort);
          return real === undefined || publication.hostPort === null ? [] : [{ publication, real }];
        }),
      );
  }

  /** Containers that run in a network of the user's own. */
  addressed(): Addressed[] {
    const running = this.list().filter(({ address }) => address !== "");
    return running.map(({ address, id }) => ({ address, ports: this.#ports.pairs(id) }));
  }

  /** Everything ends at once and nothing is started again. */
  async powerOff(): Promise<void> {
    this.#off = true;
    this.#table.powerLost(Date.now());
    const running = [...this.#processes.values()];
    for (const process of running) process.signal("SIGKILL");
    await Promise.all(running.map((process) => process.ended));
  }

  /** The daemon starts and with it every container whose policy says so. A taken port leaves a container stopped. */
  async powerOn(): Promise<void> {
    this.#off = false;
    for (const container of this.#table.revived()) await this.start(container.id).catch(() => undefined);
  }

  #launch(container: LabContainer, environment: Readonly<Record<string, string>>): void {
    const folder = path.join(this.host.folder, container.id.slice(0, 12));
    mkdirSync(folder, { recursive: true });
    const { command, log } = container.extra;
    const onEnd = (exitCode: number): void => this.#ended(container.id, exitCode, environment);
    this.#processes.set(container.id, new ContainerProcess({ command, environment, folder, log, onEnd }));
    this.host.changed();
  }

  #ended(id: string, exitCode: number, environment: Readonly<Record<string, string>>): void {
    this.#processes.delete(id);
    if (!this.#off) {
      const { restartInMs } = this.#table.ended(id, exitCode, Date.now());
      if (restartInMs !== null) setTimeout(() => this.#restart(id, environment), restartInMs).unref();
    }
    this.host.changed();
  }

  #restart(id: string, environment: Readonly<Record<string, string>>): void {
    const container = this.#off ? null : this.#table.restart(id, Date.now());
    if (container) this.#launch(container, environment);
  }

  /**
   * A container has neither network nor files of its own here: the app is told the real ports behind the ones it would listen on, and the
   * real places of what is mounted.
   */
  async #environment({ extra, publish, id }: LabContainer): Promise<Record<string, string>> {
    const environment: Record<string, string> = {
      PATH: this.host.searchPath,
      HOSTNAME: id.slice(0, 12),
      ...inPlace(extra),
      HOST: "127.0.0.1",
      ...this.host.environment,
    };
    for (const { containerPort } of publish) await this.#ports.take(id, containerPort);
    for (const name of ["PORT", "DRAIN_PORT"]) {
      const declared = environment[name];
      if (declared !== undefined) environment[name] = String(await this.#ports.take(id, Number(declared)));
    }
    return environment;
  }
}

/** Variables that hold a path below a mount hold the one on the host. */
function inPlace({ environment, mounts }: Contents): Record<string, string> {
  const real = (value: string): string => {
    const mount = mounts.find(({ target }) => value === target || value.startsWith(`${target}/`));
    return mount ? `${mount.source}${value.slice(mount.target.length)}` : value;
  };
  return Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, real(value)]));
}
