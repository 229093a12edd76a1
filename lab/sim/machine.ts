/** A droplet in memory: its containers and what is done to them. */
import type { Slot } from "../../contract/host.js";
import type { Release } from "../../contract/release.js";
import type { SecretValues } from "../../contract/secrets.js";
import type { Operation, Revival, SetAside } from "../../scripts/rollout/host-steps.js";
import type { ContainerState } from "../../scripts/rollout/ports.js";
import { isPass } from "../model/balancer.js";
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

interface SimContainer {
  readonly id: string;
  readonly release: Release;
  restart: "no" | "always";
  app: SimApp;
  /** Whether it was the container that clients were served from when the rollout began. */
  original: boolean;
}

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
const asksFirst: ReadonlySet<Operation["do"]> = new Set(["revive", "move", "remove", "expect-free", "set-aside"]);
/** Operations that ask the app, or nobody. */
const withoutDocker: ReadonlySet<Operation["do"]> = new Set([
  "drain",
  "expect-drained",
  "expect-down",
  "expect-space",
  "retire",
]);

export class SimMachine {
  readonly #containers = new Map<Slot, SimContainer>();
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
  #starts = 0;
  #on = true;
  #boots = 0;
  #dockerAwayUntilMs = 0;

  constructor(
    readonly name: string,
    /** Whether the manifest names it; a superseded one may go out of rotation for good. */
    readonly listed: boolean,
    private readonly clock: VirtualClock,
    private readonly behaviourOf: (release: Release) => Behaviour,
    private readonly watcher: MachineWatcher,
  ) {}

  /** What the host sees of its own health path; null without an answer. */
  get seenHealth(): number | null {
    return this.blind ? null : (this.serving?.health ?? null);
  }

  /** What the host gets when it sends a request to itself; null without an answer. */
  get seenAnswer(): number | null {
    return this.blind ? null : (this.serving?.answer ?? null);
  }

  /** The app that the service port leads to. */
  get serving(): SimApp | null {
    return this.#containers.get("current")?.app ?? null;
  }

  /** Starts a container that is there before any rollout. */
  seed(release: Release): void {
    this.releases.set(release.id, release);
    this.images.add(release.image);
    const container = this.#boot(release, "always");
    container.original = true;
    this.#containers.set("current", container);
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

  isReady(slot: Slot, release: string): boolean {
    const container = this.#containers.get(slot);
    const seen = !this.blind || slot === "smoke";
    const ready = seen && container?.app.health === 200 && container.app.release === release;
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
    this.#boots += 1;
    this.#dockerAwayUntilMs = 0;
    this.struck = true;
    for (const { app } of this.#containers.values()) app.kill();
    if (this.#task && this.#task.endMs > this.clock.now())
      this.#task = { ...this.#task, endMs: this.clock.now(), exitCode: 137 };
  }

  /** Docker starts what it is to start. */
  powerOn(): void {
    this.#on = true;
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
      case "bring-back": {
        this.#existing(operation.slot).restart = "always";
        this.#start(operation.slot);
        return;
      }
      case "drain": {
        const { app } = this.#existing("current");
        if (!app.listening) throw new StepFailure("nobody answers the request to drain");
        app.drain();
        return;
      }
      case "expect-drained": {
        this.#expectDrained(argument);
        return;
      }
      case "expect-down":
        if (isPass(this.seenHealth ?? 0)) throw new StepFailure("it did not serve, and does now");
        return;
      case "expect-space":
        // Disks are never full here.
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
      case "revive":
        return this.#revive(operation);
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
      case "retire":
        this.retired = true;
        return;
    }
  }

  async #revive({ via, slot, patienceSeconds, idleSeconds, timeoutSeconds }: Revival): Promise<void> {
    const patience = this.clock.now() + patienceSeconds * 1000;
    for (;;) {
      if (!this.isRunning(slot)) return;
      const { app } = this.#existing(slot);
      if ((via === "control" && app.undrain()) || isPass(app.health ?? 0)) return;
      if (this.clock.now() >= patience) break;
      await this.pause(TICK_MS);
    }
    const { app } = this.#existing(slot);
    const idle = this.clock.now() + idleSeconds * 1000;
    while ((app.lifecycle()?.inFlight ?? 0) > 0 && this.clock.now() < idle) await this.pause(TICK_MS);
    await this.#stop(app, timeoutSeconds);
    this.#start(slot);
  }

  #expectDrained(instance: string): void {
    const { app } = this.#existing("current");
    if (app.instance !== instance) throw new StepFailure("the process changed while it was drained");
    if (app.state !== "draining") throw new StepFailure("the process is no longer draining");
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
    if (retreat && isPass(container.app.health ?? 0)) {
      container.app.drain();
      await this.pause(retreat.ejectionSeconds * 1000);
      const idle = this.clock.now() + retreat.idleSeconds * 1000;
      while ((container.app.lifecycle()?.inFlight ?? 0) > 0 && this.clock.now() < idle) await this.pause(TICK_MS);
      if (!this.dockerAnswers) throw new StepFailure("Docker does not answer");
    }
    this.#remove("failed");
    await this.#stop(container.app, timeoutSeconds);
    this.#move(slot, "failed");
  }

  #run(slot: Slot, release: Release): void {
    if (this.#containers.has(slot)) throw new StepFailure(`the name of ${slot} is already in use`);
    if (!this.images.has(release.image)) throw new StepFailure(`the image ${release.image} is not here`);
    this.#containers.set(slot, this.#boot(release, "no"));
  }

  #boot(release: Release, restart: "no" | "always"): SimContainer {
    const app = this.#newApp(release);
    return { id: app.instance, release, restart, app, original: false };
  }

  #newApp(release: Release): SimApp {
    this.#starts += 1;
    return new SimApp(`${this.name}-${this.#starts}`, release.id, this.behaviourOf(release), this.clock);
  }

  #existing(slot: Slot): SimContainer {
    const container = this.#containers.get(slot);
    if (!container) throw new StepFailure(`there is no container in ${slot}`);
    return container;
  }
}
