/** A droplet in memory: its containers and what is done to them. */
import type { Front, FrontEvidence, Slot, Traffic } from "../../contract/host.js";
import type { Release } from "../../contract/release.js";
import type { SecretValues } from "../../contract/secrets.js";
import type { Dismissal, Operation, SetAside } from "../../scripts/rollout/host-steps.js";
import type { FrontPorts } from "../../scripts/rollout/core/target.js";
import type { ContainerState } from "../../scripts/rollout/ports.js";
import { isPass } from "../model/balancer.js";
import { Evidence } from "../model/evidence.js";
import { SimApp, type Behaviour } from "./app.js";
import type { VirtualClock } from "./clock.js";

/** A step that could not be done, with the reason that the journal gets. */
export class StepFailure extends Error {}

/** Thrown to whoever was at work on a machine when its power failed: there is nobody any more. */
export class PowerLost extends Error {}

/** Until Docker starts a container again that ended by itself. */
const RESTART_MS = 200;
/** As commands/steward.ts has it. */
const DOCKER_PATIENCE_MS = 60_000;
const TICK_MS = 200;
const WARM_TICK_MS = 5000;
/** For which nothing may be open to a container that is to be dismissed. */
const QUIET_MS = 3500;

interface SimContainer {
  readonly id: string;
  /** On the network of the containers: its own for as long as it is there. */
  readonly address: string;
  readonly release: Release;
  restart: "no" | "always";
  app: SimApp;
  /** Whether it was the container that clients were served from when the rollout began. */
  original: boolean;
}

/** Where the host's ports lead. It is for a container, whatever that is called and whether or not it runs. */
interface Led {
  readonly container: SimContainer;
  readonly port: number;
  readonly ports: FrontPorts;
  /** Its health ports are refused. */
  readonly dropped?: boolean;
}

/** A simulated host has one address: who came to which port is all that is told apart. */
const HERE = "";

/** A command that ends. */
export interface SimTask {
  readonly seconds: number;
  readonly exitCode: number;
}

/** Told what happens, so that invariants can be checked at the moment that they break. */
export interface MachineWatcher {
  removed(machine: SimMachine, wasOriginal: boolean): void;
  /** A step is about to stop the container that runs there. */
  stopped(machine: SimMachine): void;
}

/** Operations that begin with a look whether a container is there, which waits for Docker. */
const asksFirst: ReadonlySet<Operation["do"]> = new Set([
  "move",
  "remove",
  "expect-free",
  "set-aside",
  "lead",
  "lead-back",
  "may-stay-down",
  "dismiss",
  "put-by",
]);
/** Operations that ask the app, the front, or nobody. */
const withoutDocker: ReadonlySet<Operation["do"]> = new Set([
  "drain",
  "raise",
  "expect-drained",
  "expect-down",
  "expect-space",
  "keep-lead",
  "lead-nowhere",
  "retire",
  "let-go",
]);

export class SimMachine {
  readonly #containers = new Map<Slot, SimContainer>();
  /** Who is to stop it: whoever wanted to last, or that it is being stopped. */
  readonly #dismissals = new Map<SimContainer, symbol | "stops">();
  readonly releases = new Map<string, Release>();
  /** Values of each release's secrets. */
  readonly secrets = new Map<string, SecretValues>();
  readonly images = new Set<string>();
  /** Its copy of the fleet's history. */
  history: string | null = null;
  retired = false;
  /** Whether the host has had a ready container of another release than its first. */
  replaced = false;
  /** Something befell what serves here, and clients have not been answered since. */
  struck = false;
  /** A look from the host itself at its private address gets no answer: a proxy, a firewall or a wrong address is in the way. */
  blind = false;
  /** Releases for which a pre-deploy command was begun here. */
  readonly tasks: string[] = [];
  #task: (Pick<SimTask, "exitCode"> & { runId: string; release: Release; endMs: number; boot: number }) | null = null;
  /** Where the front leads now, and where after a reboot; null: nowhere. */
  #front: { readonly live: Led | null; readonly kept: Led | null } = { live: null, kept: null };
  readonly #evidence: Evidence;
  /** Since when its health ports are refused, where they are. */
  #droppedMs = 0;
  #containersMade = 0;
  #starts = 0;
  #on = true;
  #boots = 0;
  #dockerAwayUntilMs = 0;

  constructor(
    readonly name: string,
    /** Whether the manifest names it; a superseded one may go out of rotation for good. */
    readonly listed: boolean,
    /** Those that the front has once a rollout has led it. */
    readonly ports: FrontPorts,
    /** Milliseconds after which a probe without an answer has failed. */
    private readonly graceMs: number,
    private readonly clock: VirtualClock,
    private readonly behaviourOf: (release: Release) => Behaviour,
    private readonly watcher: MachineWatcher,
  ) {
    this.#evidence = new Evidence(() => this.clock.now());
  }

  /** What the host sees of its own health path; null without an answer. */
  get seenHealth(): number | null {
    return this.#seen?.health ?? null;
  }

  /** What the host gets when it sends a request to itself; null without an answer. */
  get seenAnswer(): number | null {
    return this.#seen?.answer ?? null;
  }

  /** Whom the host reaches at its private address. */
  get #seen(): SimApp | null {
    return this.blind ? null : this.serving;
  }

  /** The app that the front leads to. */
  get serving(): SimApp | null {
    const led = this.#front.live?.container;
    return led && [...this.#containers.values()].includes(led) ? led.app : null;
  }

  /** The app that requests or probes of the balancer get to on that port. */
  at(port: number): SimApp | null {
    if (this.#front.live?.dropped && this.#has("checks", port)) return null;
    return this.#has("services", port) || this.#has("checks", port) ? this.serving : null;
  }

  #has(kind: keyof FrontPorts, port: number): boolean {
    return this.#front.live?.ports[kind].includes(port) ?? false;
  }

  /** A node's connection to that port has come so far. */
  noteConnection(port: number, node: string): void {
    if (this.#has("services", port)) this.#evidence.noteOpened({ address: HERE, port });
    if (this.#has("checks", port))
      this.#evidence.noteProbe({ address: HERE, port }, node, this.#front.live?.dropped === true);
  }

  /** And was answered. @param isGood with 2xx or 3xx */
  noteAnswer(port: number, node: string, isGood: boolean): void {
    const { front } = this;
    const by = { target: front?.target ?? "", targetPort: front?.port ?? 0 };
    if (front && this.#has("checks", port)) this.#evidence.noteAnswer({ address: HERE, port }, node, by, isGood);
  }

  /** As the helper tells it; null without a front. */
  evidence(withinSeconds: number): FrontEvidence | null {
    const { live } = this.#front;
    return live && this.#evidence.within(HERE, live.ports, withinSeconds);
  }

  /** What comes to it; null where the front leads to another container than the one that has the host's name, or to none that runs. */
  get traffic(): Traffic | null {
    const { live } = this.#front;
    const { front } = this;
    const current = this.#containers.get("current");
    if (!live || !front || live.container !== current || current.app.state === "ended") return null;
    const leads = { target: front.target, targetPort: front.port };
    const opened = this.#evidence.opened(HERE, live.ports.services);
    return {
      instance: current.app.instance,
      target: front.target,
      state: live.dropped ? "draining" : "serving",
      open: current.app.open,
      probes: this.#evidence.runs(HERE, live.ports.checks, leads, this.graceMs),
      requests: opened.reduce((sum, { count }) => sum + count, 0),
      lastRequestAgoMs: opened.length === 0 ? null : Math.min(...opened.map(({ newestMs }) => newestMs)),
    };
  }

  /** Sockets of the container that has the host's name; null without one. */
  get open(): number | null {
    return this.#containers.get("current")?.app.open ?? null;
  }

  /** Somebody refuses its health ports. */
  drop(): void {
    this.#setDropped(true);
  }

  /** Its ports, with address and port of the container that it is for, also when that has been removed; null without a front. */
  get front(): Front | null {
    const { live } = this.#front;
    return (
      live && {
        ...{ services: [...live.ports.services], checks: [...live.ports.checks] },
        ...{ target: live.container.address, port: live.port, state: live.dropped ? "dropped" : "open" },
      }
    );
  }

  /** Slot of the container that the front leads to after a reboot; null: to none. */
  get keptSlot(): Slot | null {
    const kept = this.#front.kept?.container;
    return [...this.#containers].find(([, container]) => container === kept)?.[0] ?? null;
  }

  /** Starts a container that is there before any rollout. @param ports that the front has by then */
  seed(release: Release, ports: FrontPorts = this.ports): void {
    this.releases.set(release.id, release);
    this.images.add(release.image);
    const container = this.#boot(release, "always");
    container.original = true;
    this.#containers.set("current", container);
    const led = { container, port: release.service.port, ports };
    this.#front = { live: led, kept: led };
  }

  /** Runs the pre-deploy command in the place of the one before; a second time for the same run it is left alone. */
  startTask(runId: string, release: Release, { seconds, exitCode }: SimTask): void {
    if (this.#task?.runId === runId) return;
    this.#task = { runId, release, endMs: this.clock.now() + seconds * 1000, exitCode, boot: this.#boots };
    this.tasks.push(release.id);
  }

  /** It is put aside, and counts no more. */
  stopTask(): void {
    this.#task = null;
  }

  #taskState(): ContainerState | undefined {
    if (!this.#task) return undefined;
    const { release, endMs, exitCode, runId, boot } = this.#task;
    const running = this.clock.now() < endMs;
    return {
      ...{ id: `task-${runId}`, image: release.image, release: release.id, created: false, running },
      ...{ restarting: false, restartCount: 0, exitCode: running ? 0 : exitCode, endedBeforeBoot: boot < this.#boots },
    };
  }

  state(slot: Slot): ContainerState | undefined {
    if (slot === "pre-deploy") return this.#taskState();
    const container = this.#containers.get(slot);
    if (!container) return undefined;
    const running = container.app.state !== "ended";
    return {
      id: container.id,
      image: container.release.image,
      release: container.release.id,
      created: false,
      running,
      restarting: false,
      restartCount: 0,
      exitCode: running ? 0 : 1,
      endedBeforeBoot: false,
    };
  }

  restartPolicy(slot: Slot): "no" | "always" | undefined {
    return this.#containers.get(slot)?.restart;
  }

  isRunning(slot: Slot): boolean {
    return this.state(slot)?.running ?? false;
  }

  /** Asked at the container's own address: neither the front nor what blinds the host is on that way. */
  isReady(slot: Slot): boolean {
    const ready = this.#containers.get(slot)?.app.health === 200;
    if (ready && slot === "current") this.replaced = true;
    return ready;
  }

  get on(): boolean {
    return this.#on;
  }

  get dockerAnswers(): boolean {
    return this.clock.now() >= this.#dockerAwayUntilMs;
  }

  /** Everything on it is gone at once; the disk stays. */
  powerOff(): void {
    this.#on = false;
    this.#evidence.forget();
    this.#boots += 1;
    this.#dockerAwayUntilMs = 0;
    this.struck = true;
    for (const { app } of this.#containers.values()) app.kill();
    if (this.#task && this.#task.endMs > this.clock.now())
      this.#task = { ...this.#task, endMs: this.clock.now(), exitCode: 137 };
  }

  /** Docker starts what it is to start, and the front leads where it was kept. */
  powerOn(): void {
    this.#on = true;
    this.#front = { ...this.#front, live: this.#front.kept };
    for (const [slot, { restart }] of this.#containers) if (restart === "always") this.#start(slot);
  }

  /** The engine is being restarted: containers go on, commands fail. */
  dockerAway(milliseconds: number): void {
    this.#dockerAwayUntilMs = this.clock.now() + milliseconds;
  }

  /** The process that serves is gone; its container's policy decides what comes of that. */
  crash(): void {
    const container = this.#containers.get("current");
    if (!container || container.app.state === "ended") return;
    this.struck = true;
    const { app } = container;
    app.kill();
    const boot = this.#boots;
    this.clock.after(RESTART_MS, () => {
      if (boot === this.#boots && container.app === app && container.restart === "always")
        container.app = this.#newApp(container.release);
    });
  }

  /** @throws PowerLost */
  async pause(milliseconds: number): Promise<void> {
    const boot = this.#boots;
    await this.clock.sleep(milliseconds);
    if (boot !== this.#boots || !this.#on) throw new PowerLost(this.name);
  }

  /** Until Docker answers, for as long as the steward waits for that. @throws PowerLost */
  async awaitDocker(): Promise<boolean> {
    const deadline = this.clock.now() + DOCKER_PATIENCE_MS;
    while (!this.dockerAnswers && this.clock.now() < deadline) await this.pause(TICK_MS);
    return this.dockerAnswers;
  }

  /** @throws StepFailure when it cannot be done, PowerLost when the machine goes down meanwhile */
  async perform(operation: Operation, argument: string): Promise<void> {
    if (!this.#on) throw new PowerLost(this.name);
    if (asksFirst.has(operation.do)) await this.awaitDocker();
    if (!this.dockerAnswers && !withoutDocker.has(operation.do)) throw new StepFailure("Docker does not answer");
    switch (operation.do) {
      case "stay-down":
        this.#existing(operation.slot).restart = "no";
        return;
      case "may-stay-down": {
        const container = this.#containers.get(operation.slot);
        if (container) container.restart = "no";
        return;
      }
      case "dismiss":
        return this.dismiss(operation);
      case "bring-back": {
        this.#existing(operation.slot).restart = "always";
        this.#start(operation.slot);
        return;
      }
      case "drain":
        this.#setDropped(true);
        return;
      case "raise":
        this.#setDropped(false);
        return;
      case "let-go":
        this.#letGo(operation.slot);
        return;
      case "expect-drained": {
        this.#expectDrained(argument);
        return;
      }
      case "expect-down":
        if (isPass(this.seenHealth ?? 0)) throw new StepFailure("it did not serve, and does now");
        return;
      case "end-dismissal": {
        const container = this.#existing(operation.slot);
        if (this.#dismissals.get(container) === "stops") throw new StepFailure("it is being stopped");
        this.#dismissals.delete(container);
        return;
      }
      case "put-by": {
        if (!this.#containers.has(operation.from)) return;
        if (this.isRunning(operation.to)) return;
        this.#remove(operation.to);
        this.#move(operation.from, operation.to);
        return;
      }
      case "expect-space":
      case "expect-address":
        // Disks are never full here, and neither is the network.
        return;
      case "stop": {
        const { app } = this.#existing(operation.slot);
        if (operation.slot === "current" && app.state !== "ended") this.watcher.stopped(this);
        return this.#stop(app, operation.timeoutSeconds);
      }
      case "start": {
        this.#start(operation.slot);
        return;
      }
      case "move": {
        this.#move(operation.from, operation.to);
        return;
      }
      case "remove": {
        this.#remove(operation.slot);
        return;
      }
      case "expect-free":
        if (this.#containers.has(operation.slot)) throw new StepFailure(`a container is in ${operation.slot}`);
        return;
      case "set-aside":
        return this.#setAside(operation);
      case "run": {
        this.#run(operation.slot, operation.release);
        return;
      }
      case "lead":
        this.#lead(operation.slot, operation.port);
        return;
      case "lead-back":
        this.#leadBack(operation.slot);
        return;
      case "keep-lead":
        this.#keepLead();
        return;
      case "lead-nowhere":
        this.#front = { live: null, kept: null };
        return;
      case "retire":
        this.retired = true;
        return;
    }
  }

  #setDropped(dropped: boolean): void {
    const { live } = this.#front;
    if (!live && !dropped) return;
    if (!live) throw new StepFailure("there is no front to drop");
    if (dropped && !live.dropped) this.#droppedMs = this.clock.now();
    this.#front = { ...this.#front, live: { ...live, dropped } };
  }

  #letGo(slot: Slot): void {
    const { release, app } = this.#containers.get(slot) ?? {};
    if (this.dockerAnswers && app && release?.service.drainPort !== undefined)
      app.letsGo = app.behaviour.holdsOn !== true;
  }

  /** One that has another slot by then is left alone: somebody has gone back to it. */
  async dismiss({ slot, idleSeconds, cuts, timeoutSeconds, warmSeconds }: Dismissal): Promise<void> {
    const container = this.#containers.get(slot);
    if (!container || container.app.state === "ended") return;
    const leadsThere = (): boolean =>
      [null, container].includes(this.#front.live?.container ?? null) || this.#containers.get(slot) !== container;
    const own = Symbol();
    this.#dismissals.set(container, own);
    const isOurs = (): boolean => this.#dismissals.get(container) === own;
    this.#letGo(slot);
    for (const until = this.clock.now() + warmSeconds * 1000; this.clock.now() < until && isOurs();)
      await this.pause(WARM_TICK_MS);
    if (leadsThere()) throw new StepFailure("clients are led to the container that is to be stopped");
    const isIdle = await this.#awaitIdle(container, idleSeconds);
    if (!isIdle && !cuts)
      throw new StepFailure("connections are still open to the container that was handed over from");
    if (leadsThere()) throw new StepFailure("clients are led to the container that is to be stopped");
    if (!isOurs()) throw new StepFailure("somebody else is to stop it, or nobody is");
    this.#dismissals.set(container, "stops");
    await this.#stop(container.app, timeoutSeconds);
  }

  async #awaitIdle(container: SimContainer, limitSeconds: number): Promise<boolean> {
    const until = this.clock.now() + limitSeconds * 1000;
    let quietFrom: number | null = null;
    while (container.app.state !== "ended") {
      if (container.app.open > 0) quietFrom = null;
      else quietFrom ??= this.clock.now();
      if (quietFrom !== null && this.clock.now() - quietFrom >= QUIET_MS) return true;
      if (this.clock.now() >= until) return false;
      await this.pause(TICK_MS);
    }
    return true;
  }

  #expectDrained(instance: string): void {
    const { app } = this.#existing("current");
    if (app.instance !== instance) throw new StepFailure("the container changed while it was drained");
    if (!this.#front.live?.dropped) throw new StepFailure("it is no longer drained");
  }

  async #stop(app: SimApp, timeoutSeconds: number): Promise<void> {
    app.terminate();
    const deadline = this.clock.now() + timeoutSeconds * 1000;
    while (app.state !== "ended" && this.clock.now() < deadline) await this.pause(50);
    if (app.state !== "ended") app.kill();
  }

  #start(slot: Slot): void {
    const container = this.#existing(slot);
    if (container.app.state === "ended") container.app = this.#newApp(container.release);
  }

  #move(from: Slot, to: Slot): void {
    const container = this.#containers.get(from);
    if (!container) return;
    if (this.#containers.has(to)) throw new StepFailure(`the name of ${to} is already in use`);
    this.#containers.delete(from);
    this.#containers.set(to, container);
  }

  #remove(slot: Slot): void {
    const container = this.#containers.get(slot);
    if (!container) return;
    container.app.kill();
    this.#containers.delete(slot);
    this.watcher.removed(this, container.original);
  }

  async #setAside({ slot, release, timeoutSeconds, retreat }: SetAside): Promise<void> {
    const container = this.#containers.get(slot);
    if (container?.release.id !== release) return;
    if (retreat?.via === "led-away") {
      this.#letGo(slot);
      await this.#awaitIdle(container, retreat.idleSeconds);
    } else if (retreat && isPass(this.seenHealth ?? 0)) {
      // An order to retreat may have begun it.
      this.#setDropped(true);
      this.#letGo(slot);
      await this.pause(Math.max(0, this.#droppedMs + retreat.ejectionSeconds * 1000 - this.clock.now()));
      const idle = this.clock.now() + retreat.idleSeconds * 1000;
      while (container.app.open > 0 && this.clock.now() < idle) await this.pause(TICK_MS);
    }
    if (retreat && !this.dockerAnswers) throw new StepFailure("Docker does not answer");
    this.#remove("failed");
    container.restart = "no";
    await this.#stop(container.app, timeoutSeconds);
    this.#move(slot, "failed");
  }

  #run(slot: Slot, release: Release): void {
    if (this.#containers.has(slot)) throw new StepFailure(`the name of ${slot} is already in use`);
    if (!this.images.has(release.image)) throw new StepFailure(`the image ${release.image} is not here`);
    this.#containers.set(slot, this.#boot(release, "no"));
  }

  #lead(slot: Slot, port: number): void {
    const container = this.#existing(slot);
    this.#front = { ...this.#front, live: { container, port, ports: this.ports } };
  }

  #leadBack(slot: Slot): void {
    const container = this.#containers.get(slot);
    const { ports } = this;
    const live = container ? { container, port: container.release.service.port, ports } : null;
    this.#front = { live, kept: live };
  }

  #keepLead(): void {
    const { live } = this.#front;
    if (!live) throw new StepFailure("there is no front to keep");
    this.#front = { live, kept: live };
  }

  #boot(release: Release, restart: "no" | "always"): SimContainer {
    const app = this.#newApp(release);
    return { id: app.instance, address: this.#newAddress(), release, restart, app, original: false };
  }

  #newAddress(): string {
    this.#containersMade += 1;
    return `172.31.${Math.floor(this.#containersMade / 250)}.${(this.#containersMade % 250) + 2}`;
  }

  #newApp(release: Release): SimApp {
    this.#starts += 1;
    return new SimApp(`${this.name}-${this.#starts}:1`, release.id, this.behaviourOf(release), this.clock);
  }

  #existing(slot: Slot): SimContainer {
    const container = this.#containers.get(slot);
    if (!container) throw new StepFailure(`there is no container in ${slot}`);
    return container;
  }
}
