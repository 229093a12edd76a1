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
  type Publication,
} from "../../model/containers.js";
import { LabFault } from "../../fault.js";
import type { DropletPorts } from "../droplet-ports.js";
import type { PortPair } from "./connection-table.js";
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
  readonly ports: DropletPorts;
  /** Variables that make a process belong to this world and droplet. */
  readonly environment: Readonly<Record<string, string>>;
  /** Containers started or ended: other ports may be published now. */
  changed(): void;
}

const newId = (): string => randomBytes(32).toString("hex");

export class Engine {
  readonly images = new ImageStore();
  /** Nothing can be written: no image is kept, no container made, started or renamed. */
  diskFull = false;
  readonly #table = new ContainerTable<Contents>(newId);
  readonly #processes = new Map<string, ContainerProcess>();
  #off = false;

  constructor(private readonly host: EngineHost) {}

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
    this.#refuseSharedPort(container);
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
    this.#table.remove(reference);
  }

  /** Where requests to an address of the droplet end up: the real port, or null when nothing is published there. */
  async lookUp(addresses: readonly string[], hostPort: number): Promise<number | null> {
    const found = this.published().some((one) => one.hostPort === hostPort && covers(one, addresses));
    return found ? this.host.ports.real(hostPort) : null;
  }

  /** The real port behind each publication of a container. */
  realPorts({ publish }: LabContainer): Promise<PortPair[]> {
    const pairs = publish.map(async ({ hostPort, containerPort }) => ({
      real: await this.host.ports.real(hostPort),
      container: containerPort,
    }));
    return Promise.all(pairs);
  }

  /** Publications of containers that run. */
  published(): Publication[] {
    return this.list()
      .filter(isAlive)
      .flatMap((container) => container.publish);
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

  /** The droplet's addresses are one address here, so that a port can lead to one container only. */
  #refuseSharedPort({ id, publish }: LabContainer): void {
    const others = this.list().filter((other) => other.id !== id && isAlive(other));
    for (const { hostPort, address } of publish) {
      const other = others.flatMap((one) => one.publish).find((one) => one.hostPort === hostPort);
      if (other && !covers(other, [address]) && address !== "0.0.0.0") {
        throw new LabFault(
          `port ${hostPort} published on ${other.address} and ${address} at once: the lab has one address`,
        );
      }
    }
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
      CONTROL_HOST: "127.0.0.1",
      ...this.host.environment,
    };
    for (const name of ["PORT", "CONTROL_PORT"]) {
      const declared = environment[name];
      if (declared === undefined) continue;
      const publication = publish.find((one) => one.containerPort === Number(declared));
      const real = publication ? this.host.ports.real(publication.hostPort) : this.host.ports.unreachable();
      environment[name] = String(await real);
    }
    await this.#shareReal(publish);
    return environment;
  }

  /** The app listens on one real port, to which every port leads that is published for it. */
  async #shareReal(publish: readonly Publication[]): Promise<void> {
    for (const { hostPort, containerPort } of publish) {
      const first = publish.find((one) => one.containerPort === containerPort)?.hostPort ?? hostPort;
      if (first !== hostPort) await this.host.ports.share(hostPort, first);
    }
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

const covers = (publication: Publication, addresses: readonly string[]): boolean =>
  publication.address === "0.0.0.0" || addresses.includes(publication.address);
