/**
 * Docker's container table: which container has which name, runs or not, and what its restart policy does next. No
 * processes and no timers: who drives it starts and ends what stands behind a container, and says when it ended.
 *
 * Texts and states are those of Docker Engine 20.10 (measured); the sources of each rule are in lab/SPEC.md.
 */
import { DockerError } from "./docker-error.js";
import { addressesOf, contains, overlap } from "./ranges.js";
import { firstRestartDelayMs, nextRestartDelayMs } from "./restarts.js";

export type RestartPolicy = "no" | "always";
export type Status = "created" | "running" | "restarting" | "exited";

/** One `-p`: a port of the host that leads to a port of the container. */
export interface Publication {
  /** `0.0.0.0` is every address of the host. */
  readonly address: string;
  /** Null: Docker chooses a free one at every start. */
  readonly hostPort: number | null;
  readonly containerPort: number;
}

/** A network of the user's own, a bridge. */
export interface Network {
  readonly name: string;
  /** Ranges in the form `172.31.255.240/28`; containers without an address of their own get one of `range`. */
  readonly subnet: string;
  readonly range: string;
  readonly gateway: string;
}

/** What a container is made of. `Extra` is whatever the driver wants to keep with it. */
export interface ContainerSpec<Extra = undefined> {
  readonly name: string;
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly restart: RestartPolicy;
  readonly publish: readonly Publication[];
  /** Of the user's own; null is Docker's default one, in which addresses are nobody's business. */
  readonly network: string | null;
  /** That it has in its network whenever it runs; null: Docker chooses one at every start. */
  readonly staticAddress: string | null;
  readonly extra: Extra;
}

/** One container as it is now. */
export interface Container<Extra = undefined> extends ContainerSpec<Extra> {
  readonly id: string;
  readonly status: Status;
  /** In its network of the user's own; empty while it neither runs nor waits for its restart. */
  readonly address: string;
  readonly exitCode: number;
  readonly restartCount: number;
  /** Milliseconds on the driver's clock; null before the first start. */
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
}

/** A container as tests look at it. */
export type ContainerView = Pick<
  Container<unknown>,
  "id" | "name" | "image" | "labels" | "restart" | "status" | "exitCode" | "restartCount" | "publish"
>;

interface Entry<Extra> {
  container: Container<Extra>;
  /** Stopped or killed by hand: no restart until it is started again, or the daemon is. */
  stopped: boolean;
  restartDelayMs: number;
}

/** What an ended process means for its container. */
export interface Ended<Extra> {
  readonly container: Container<Extra>;
  /** Milliseconds until the restart policy starts it again; null when it does not. */
  readonly restartInMs: number | null;
}

/** Containers of one host. Every method that takes a `reference` accepts a name, an id or the beginning of an id. */
export class ContainerTable<Extra = undefined> {
  readonly #entries: Entry<Extra>[] = [];
  readonly #networks: (Network & { readonly id: string })[] = [];

  /** @param newId gives 64 hex digits, different every time */
  constructor(private readonly newId: () => string) {}

  /** Oldest first. */
  list(): Container<Extra>[] {
    return this.#entries.map((entry) => entry.container);
  }

  /** @throws DockerError when there is none */
  find(reference: string): Container<Extra> {
    return this.#entry(reference).container;
  }

  /** Gives back the network's id. @throws DockerError for a name that is taken, or a range that overlaps */
  createNetwork(network: Network): string {
    if (this.#networks.some(({ name }) => name === network.name))
      throw new DockerError(`network with name ${network.name} already exists`);
    if (this.#networks.some(({ subnet }) => overlap(subnet, network.subnet)))
      throw new DockerError("Pool overlaps with other one on this address space");
    const id = this.newId();
    this.#networks.push({ ...network, id });
    return id;
  }

  /** @throws DockerError when there is none */
  findNetwork(name: string): Network & { readonly id: string } {
    const found = this.#networks.find((network) => network.name === name || network.id === name);
    if (!found) throw new DockerError(`No such network: ${name}`);
    return found;
  }

  /** Created, not started. @throws DockerError when the name is taken */
  create(spec: ContainerSpec<Extra>): Container<Extra> {
    this.#checkName(spec.name);
    const container: Container<Extra> = {
      ...spec,
      id: this.newId(),
      status: "created",
      address: "",
      exitCode: 0,
      restartCount: 0,
      startedAt: null,
      finishedAt: null,
    };
    this.#entries.push({ container, stopped: false, restartDelayMs: firstRestartDelayMs });
    return container;
  }

  /**
   * Null when it runs already, which Docker does not mind.
   * @throws DockerError when a port or an address is taken, or its network is not there; the container stays as it was
   */
  start(reference: string, now: number): Container<Extra> | null {
    const entry = this.#entry(reference);
    if (isAlive(entry.container)) return null;
    const address = this.#freeAddress(entry.container);
    this.#checkPorts(entry.container);
    entry.stopped = false;
    entry.restartDelayMs = firstRestartDelayMs;
    return change(entry, { status: "running", startedAt: now, exitCode: 0, restartCount: 0, address });
  }

  /** The restart policy's moment has come. Null when something happened meanwhile and it must not start. */
  restart(id: string, now: number): Container<Extra> | null {
    const entry = this.#entries.find((one) => one.container.id === id);
    if (entry?.container.status !== "restarting") return null;
    return change(entry, { status: "running", startedAt: now, restartCount: entry.container.restartCount + 1 });
  }

  /** The process of a container ended by itself or by a signal. */
  ended(id: string, exitCode: number, now: number): Ended<Extra> {
    const entry = this.#entry(id);
    const ranMs = now - (entry.container.startedAt ?? now);
    const restarts = entry.container.restart === "always" && !entry.stopped;
    const status = restarts ? "restarting" : "exited";
    const address = restarts ? entry.container.address : "";
    const container = change(entry, { status, exitCode, finishedAt: now, address });
    if (!restarts) return { container, restartInMs: null };
    const restartInMs = nextRestartDelayMs(entry.restartDelayMs, ranMs);
    entry.restartDelayMs = restartInMs * 2;
    return { container, restartInMs };
  }

  /**
   * Marks a container as stopped by hand: the driver then ends its process. Null when there is nothing to end, as between two
   * restarts.
   */
  stopping(reference: string): Container<Extra> | null {
    const entry = this.#entry(reference);
    if (!isAlive(entry.container)) return null;
    entry.stopped = true;
    if (entry.container.status === "running") return entry.container;
    change(entry, { status: "exited", address: "" });
    return null;
  }

  /** @throws DockerError when the new name is taken */
  rename(reference: string, name: string): void {
    const entry = this.#entry(reference);
    this.#checkName(name, "Error when allocating new name: ");
    change(entry, { name });
  }

  update(reference: string, restart: RestartPolicy): void {
    change(this.#entry(reference), { restart });
  }

  /** @throws DockerError for a container that runs: who forces it stops it first */
  remove(reference: string): Container<Extra> {
    const { container } = this.#entry(reference);
    if (isAlive(container)) {
      throw new DockerError(
        `You cannot remove a running container ${container.id}. Stop the container before attempting removal or force remove`,
      );
    }
    this.#entries.splice(
      this.#entries.findIndex((entry) => entry.container === container),
      1,
    );
    return container;
  }

  /** The host lost its power: nothing runs, and Docker could not note why. */
  powerLost(now: number): void {
    for (const entry of this.#entries.filter(({ container }) => isAlive(container))) {
      change(entry, { status: "exited", exitCode: 255, finishedAt: now, address: "" });
    }
  }

  /** After a start of the daemon: containers that it starts, also those that were stopped by hand. */
  revived(): Container<Extra>[] {
    return this.list().filter((container) => container.restart === "always" && !isAlive(container));
  }

  #entry(reference: string): Entry<Extra> {
    const name = reference.replace(/^\//, "");
    const named = this.#entries.find(({ container }) => container.name === name || container.id === name);
    const byId = this.#entries.filter(({ container }) => name.length > 0 && container.id.startsWith(name));
    const found = named ?? (byId.length === 1 ? byId[0] : undefined);
    if (!found) throw new DockerError(`No such container: ${reference}`);
    return found;
  }

  #checkName(name: string, prefix = ""): void {
    const holder = this.list().find((container) => container.name === name);
    if (!holder) return;
    throw new DockerError(
      `${prefix}Conflict. The container name "/${name}" is already in use by container "${holder.id}". You have to remove (or rename) that container to be able to reuse that name.`,
    );
  }

  /** Address in its network for a container that is about to start; empty in Docker's default one. */
  #freeAddress({ network: name, staticAddress }: Container<Extra>): string {
    if (name === null) {
      if (staticAddress === null) return "";
      throw new DockerError("user specified IP address is supported on user defined networks only");
    }
    const network = this.#networks.find((one) => one.name === name);
    if (!network) throw new DockerError(`network ${name} not found`);
    if (staticAddress !== null && !contains(network.subnet, staticAddress))
      throw new DockerError(`Invalid address ${staticAddress}: It does not belong to any of this network's subnets`);
    const alive = this.list().filter((container) => container.network === name && isAlive(container));
    const taken = new Set([network.gateway, ...alive.map(({ address }) => address)]);
    if (staticAddress !== null) {
      if (taken.has(staticAddress)) throw new DockerError("Address already in use");
      return staticAddress;
    }
    // Neither the network's own address nor the one that reaches all.
    const ends = addressesOf(network.subnet);
    const free = addressesOf(network.range).find(
      (address) => address !== ends[0] && address !== ends.at(-1) && !taken.has(address),
    );
    if (free === undefined)
      throw new DockerError(`no available IPv4 addresses on this network's address pools: ${name} (${network.id})`);
    return free;
  }

  #checkPorts(container: Container<Extra>): void {
    const taken = this.list()
      .filter((other) => other.id !== container.id && isAlive(other))
      .flatMap((other) => other.publish);
    const clash = container.publish.find((mine) => taken.some((other) => overlaps(mine, other)));
    if (!clash) return;
    throw new DockerError(
      `driver failed programming external connectivity on endpoint ${container.name} (${container.id}): Bind for ${clash.address}:${clash.hostPort} failed: port is already allocated`,
    );
  }
}

/** Docker calls a container that waits for its restart running as well. */
export const isAlive = ({ status }: { readonly status: Status }): boolean =>
  status === "running" || status === "restarting";

function overlaps(one: Publication, other: Publication): boolean {
  const anywhere = one.address === "0.0.0.0" || other.address === "0.0.0.0";
  return one.hostPort !== null && one.hostPort === other.hostPort && (anywhere || one.address === other.address);
}

function change<Extra>(entry: Entry<Extra>, fields: Partial<Container<Extra>>): Container<Extra> {
  entry.container = { ...entry.container, ...fields };
  return entry.container;
}
