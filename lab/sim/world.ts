/** A fleet, its balancer and its clients in memory, behind the rollout's own ports. Invariants are checked as things happen. */
import type { Slot } from "../../contract/host.js";
import { frontPorts, type Manifest, type ManifestHost } from "../../contract/manifest.js";
import { hostCount } from "../../contract/policy.js";
import type { Release } from "../../contract/release.js";
import { RolloutError } from "../../scripts/rollout/core/errors.js";
import type { RolloutEvent } from "../../scripts/rollout/core/events.js";
import type { OrderName } from "../../scripts/rollout/host-steps.js";
import type {
  Cloud,
  CloudDroplet,
  Examination,
  Host,
  LockRequest,
  LockResult,
  Followed,
  Observation,
  Ports,
  PullResult,
  Survey,
  Witness,
  WitnessReport,
} from "../../scripts/rollout/ports.js";
import type { Behaviour } from "./app.js";
import { NO_ANSWER, SimBalancer, type BarrierKind, type Late } from "./balancer.js";
import type { FrontPorts } from "../../scripts/rollout/core/target.js";
import { VirtualClock } from "./clock.js";
import { SimMachine, type SimTask } from "./machine.js";
import { SimSteward } from "./steward.js";

export interface SimOptions {
  readonly manifest: Manifest;
  /** Settings that the balancer really has, where they are not the manifest's. */
  readonly liveCheck?: Manifest["healthCheck"];
  /** What the cloud's API says of it. @default - what it really does */
  readonly reportedCheck?: Manifest["healthCheck"];
  /** Whether the balancer keeps a connection to each host for further requests. @default false */
  readonly keepsConnections?: boolean;
  /** Milliseconds until the first probe of each balancer node: one entry a node. */
  readonly phasesMs: readonly number[];
  /** Requests a second through the balancer. */
  readonly ratePerSecond: number;
  /** How long clients wait before the next request, as a share of what they wait on average. @default - always 1 */
  readonly gapShare?: () => number;
  /** Length of the next request in milliseconds. */
  readonly requestMs: () => number;
  /** Time that a command takes over SSH, in milliseconds. */
  readonly latencyMs: () => number;
  readonly behaviourOf: (release: Release) => Behaviour;
  /** Release that each host serves before the rollout; null for an empty host. */
  readonly seeds: ReadonlyMap<string, Release | null>;
  readonly superseded?: readonly { host: ManifestHost; release: Release }[];
  readonly witnessReachable?: boolean;
  /** Changes what a look at a host shows; `look` counts from 1 for each host. @default - the truth */
  readonly seen?: (survey: Survey, host: string, look: number) => Survey;
  /** Changes what a look of a rollout at its locked host shows. @default - the truth */
  readonly heard?: (observation: Observation, host: string) => Observation;
  /** Whether a droplet that loses its tag leaves the balancer. @default true */
  readonly untagWorks?: boolean;
  /** Before a look of a rollout at its locked host is answered; may take its time or throw. @default - nothing happens */
  readonly beforeLook?: (host: string, order: OrderName | null, clock: VirtualClock) => Promise<void>;
  /** Names of hosts that get no answer from their own private address, although the balancer does. @default - none */
  readonly blind?: ReadonlySet<string>;
  /** Droplets, by id, that SSH does not reach. @default - none */
  readonly unreachable?: ReadonlySet<string>;
  /** Ports that are changed: hosts have both, and the nodes take the change in. @default - none are */
  readonly moving?: Moving;
  /** What becomes of a release's pre-deploy command. @default - there must be none */
  readonly preDeploy?: (release: Release) => SimTask;
}

export interface Moving {
  /** Ports before the change; those after it are the manifest's. */
  readonly before: FrontPorts;
  /** Milliseconds from the rollout's start until each node goes to the new ones. */
  readonly lateMs: readonly number[];
}

/** For the start of what is seeded; then the load begins. */
const WARM_UP_MS = 60_000;
/** From Docker's start to that of the boot-time unit. */
const RECOVERY_MS = 500;
/** After which a host that is off counts as one that does not answer. */
const SILENCE_MS = 15_000;
/** Between two looks of a steward that waits for another run's recovery. */
const TICK_MS = 200;
/** Between two looks of a host that waits for the end of an order. */
const FOLLOW_TICK_MS = 100;

/** Length of a witness request, and of its way. */
const WITNESS_MS = 5;
/** Witness requests under way at once; after so many without any answer there are no more, as the real witness has it. */
const WITNESS_AT_ONCE = 10;

/** The balancer loses a host. */
export interface Loss {
  readonly kind: BarrierKind;
  /** Index of the one node that loses it; null: all nodes do. A tag is lost to all. */
  readonly node: number | null;
  /** How long it lasts; null: for good. */
  readonly lastsMs: number | null;
  /** Whether the balancer hangs with a request whose packets are dropped, until the client gives up. @default false */
  readonly hangs?: boolean;
}

/** A client's failed request. */
export interface Failure {
  readonly atMs: number;
  readonly reason: string;
}

export class SimWorld {
  readonly clock = new VirtualClock();
  readonly events: RolloutEvent[] = [];
  readonly failures: Failure[] = [];
  /**
   * Requests that no rollout could have saved: inside a process that was killed, or sent to its host before the balancer let go; or nobody
   * is left while that host is down.
   */
  lost = 0;
  /** Broken safety invariants, in words. */
  readonly broken: string[] = [];
  readonly machines = new Map<string, SimMachine>();
  readonly balancer: SimBalancer;
  sent = 0;
  /** Images by digest that a pull by tag brings onto a host. No tag is known unless a test says so. */
  tagged: (host: string, tag: string) => readonly string[] = (_host, tag) => {
    throw new RolloutError("PullFailed", `the simulation has no tag ${tag}`);
  };
  /** The rollout's own way to the balancer is lost, and that of its clients is not. */
  witnessCut = false;
  /** No registry answers: only what a host has already can be pulled there. */
  registryGone = false;
  /** Every pull, with the Docker configuration that the host was given for it. */
  readonly pulls: { readonly host: string; readonly image: string; readonly login: string | null }[] = [];
  #runs = 0;
  readonly #locks = new Map<SimMachine, SimSteward>();
  readonly #serving = new Set<SimMachine>();
  /** Hosts that the balancer lost, until it has them again: no rollout took them out of rotation. */
  readonly #losses = new Map<SimMachine, number>();
  /** Listed hosts whose running container a step has stopped, until something listens there again. */
  readonly #stopped = new Set<SimMachine>();
  readonly #untagged = new Set<string>();
  readonly #looks = new Map<string, number>();

  constructor(private readonly options: SimOptions) {
    const check = options.liveCheck ?? options.manifest.healthCheck;
    this.balancer = new SimBalancer(
      check,
      options.phasesMs,
      this.clock,
      {
        rotated: (machine) => this.#checkCapacity(machine),
      },
      lateOf(options.moving),
      options.keepsConnections,
    );
    for (const host of options.manifest.hosts) this.#addMachine(host, options.seeds.get(host.name) ?? null, true);
    for (const { host, release } of options.superseded ?? []) this.#addMachine(host, release, false);
  }

  /** Ports for one rollout. */
  ports(): Ports {
    return {
      hosts: { open: (info) => this.#host(info) },
      cloud: this.#cloud(),
      witness: this.#witness(),
      clock: this.clock,
      events: { emit: (event) => this.events.push(event) },
      random: { id: () => `run${(this.#runs += 1)}` },
    };
  }

  /** Lets clients send until the work has ended; time stands still otherwise. */
  async run<Result>(work: () => Promise<Result>, limitSeconds: number): Promise<Result> {
    await this.clock.run(this.clock.sleep(WARM_UP_MS), 2 * WARM_UP_MS);
    for (const [host, release] of this.options.seeds) if (release) this.#join(host);
    for (const { host } of this.options.superseded ?? []) this.#join(host.id);
    if (this.balancer.anyUp) this.#nextRequest();
    return this.clock.run(work(), this.clock.now() + limitSeconds * 1000);
  }

  machine(name: string): SimMachine {
    const machine = this.machines.get(name);
    if (!machine) throw new Error(`there is no machine ${name}`);
    return machine;
  }

  /** The balancer loses a host, and has it again later. */
  lose(machine: SimMachine, { kind, node, lastsMs, hangs = false }: Loss): void {
    this.#losses.set(machine, (this.#losses.get(machine) ?? 0) + 1);
    const takeAway = this.balancer.obstruct(machine, kind, hangs, node ?? undefined);
    if (lastsMs === null) return;
    this.clock.after(lastsMs, () => {
      this.#losses.set(machine, (this.#losses.get(machine) ?? 0) - 1);
      takeAway();
    });
  }

  /** A host drains, and nobody is left who would end that: whoever drained it is gone. It is out of rotation before any rollout. */
  leaveDraining(machine: SimMachine): void {
    machine.drop();
    this.#serving.delete(machine);
  }

  /** A host loses its power and gets it back; then its boot ends what a rollout had under way. */
  powerCycle(machine: SimMachine, offMs: number): void {
    machine.powerOff();
    this.#locks.get(machine)?.die();
    void this.#boot(machine, offMs);
  }

  /** Somebody ends the process of the steward there, and nothing else. */
  killSteward(machine: SimMachine): void {
    this.#locks.get(machine)?.die();
  }

  /** Somebody wakes: what the unit at its end begins goes on by itself. */
  async #boot(machine: SimMachine, offMs: number): Promise<void> {
    await this.clock.sleep(offMs);
    machine.powerOn();
    await this.clock.sleep(RECOVERY_MS);
    this.#recover(machine);
  }

  /** What the boot-time unit does, and the next run's steward: nobody else may have taken the lock meanwhile. */
  #recover(machine: SimMachine): void {
    const before = this.#locks.get(machine);
    if (!before || !machine.on || before.alive || before.settled) return;
    this.#locks.set(machine, new SimSteward(before.request, machine, this.clock, before));
  }

  /** A superseded host may have the name of a listed one. */
  machineOf({ id, name }: Pick<ManifestHost, "id" | "name">): SimMachine {
    const listed = this.options.manifest.hosts.some((host) => host.id === id);
    return this.machine(listed ? name : id);
  }

  #addMachine(host: ManifestHost, release: Release | null, listed: boolean): void {
    const ports = frontPorts(this.options.manifest, host);
    const graceMs = this.options.manifest.healthCheck.responseTimeoutSeconds * 1000;
    const machine = new SimMachine(host.name, listed, ports, graceMs, this.clock, this.options.behaviourOf, {
      removed: (where, wasOriginal) => {
        if (wasOriginal && !where.replaced && !where.retired)
          this.broken.push(`${where.name}: the old container was removed before a new one was ready`);
      },
      stopped: (where) => this.#checkStops(where),
    });
    machine.blind = this.options.blind?.has(host.name) ?? false;
    if (release) machine.seed(release, both(ports, this.options.moving));
    this.machines.set(listed ? host.name : host.id, machine);
    if (!release) this.balancer.add(machine, false);
  }

  #join(key: string): void {
    const machine = this.machine(key);
    this.balancer.add(machine, true);
    if (machine.listed) this.#serving.add(machine);
  }

  #checkCapacity(changed: SimMachine): void {
    // A host that was empty counts once its new container is committed: until then, going back leaves the fleet as it was.
    const stays = changed.restartPolicy("current") === "always";
    if (changed.listed && stays && this.balancer.isUp(changed)) this.#serving.add(changed);
    if (this.#losses.get(changed) === 0 && this.balancer.isUp(changed)) this.#losses.delete(changed);
    const { hosts, rollout } = this.options.manifest;
    const out = [...this.#serving]
      .filter((machine) => !this.balancer.isUp(machine) && !machine.struck && !this.#losses.has(machine))
      .map((machine) => machine.name);
    const most = hostCount(rollout.maxUnavailable, hosts.length);
    if (out.length > most)
      this.broken.push(`${out.join(", ")} were out of rotation at once, above maxUnavailable (${most})`);
  }

  /** At most maxUnavailable hosts may be without the container that ran there, whatever they were taken for. */
  #checkStops(stopped: SimMachine): void {
    if (!stopped.listed) return;
    // One that has no power since it came back is not stopped by the rollout.
    for (const machine of this.#stopped)
      if (machine.serving?.listening || machine.struck) this.#stopped.delete(machine);
    this.#stopped.add(stopped);
    const { hosts, rollout } = this.options.manifest;
    const most = hostCount(rollout.maxUnavailable, hosts.length);
    if (this.#stopped.size <= most) return;
    const names = [...this.#stopped].map(({ name }) => name).join(", ");
    this.broken.push(`${names} had their running containers stopped at once, above maxUnavailable (${most})`);
  }

  #nextRequest(): void {
    this.sent += 1;
    const atMs = this.clock.now();
    this.balancer.request(this.options.requestMs(), (ok, reason, machine) => {
      if (ok) return;
      if (machine?.struck ?? this.#anyStruck()) this.lost += 1;
      else this.failures.push({ atMs, reason });
    });
    const share = this.options.gapShare?.() ?? 1;
    this.clock.after((share * 1000) / this.options.ratePerSecond, () => this.#nextRequest());
  }

  #anyStruck(): boolean {
    return [...this.machines.values()].some((machine) => machine.struck);
  }

  #latency(): Promise<void> {
    return this.clock.sleep(this.options.latencyMs());
  }

  #witness(): Witness {
    const one = (): Promise<string> =>
      new Promise((resolve) =>
        this.balancer.request(WITNESS_MS, (ok, reason) => {
          void this.clock.sleep(WITNESS_MS).then(() => resolve(ok ? "" : reason));
        }),
      );
    const timed = async (): Promise<{ why: string; tookMs: number }> => {
      const beganMs = this.clock.now();
      const isCut = this.witnessCut || this.options.witnessReachable === false;
      const why = isCut ? "ECONNREFUSED" : await one();
      return { why, tookMs: this.clock.now() - beganMs };
    };
    const send = async (count: number): Promise<WitnessReport> => {
      const outcomes: { why: string; tookMs: number }[] = [];
      for (let hangs = false; !hangs && outcomes.length < count;) {
        const wave = Array.from({ length: Math.min(WITNESS_AT_ONCE, count - outcomes.length) }, timed);
        const ends = await Promise.all(wave);
        outcomes.push(...ends);
        hangs = ends.every(({ why }) => why === NO_ANSWER);
      }
      const answered = outcomes.filter(({ why }) => why === "");
      return {
        ...{ sent: outcomes.length, answered: answered.length },
        failures: outcomes.flatMap(({ why }) => (why === "" ? [] : [why])),
        slowestMs: Math.max(0, ...answered.map(({ tookMs }) => tookMs)),
      };
    };
    const why = this.options.witnessReachable === false ? "ECONNREFUSED" : null;
    return { send, whyUnreachable: () => Promise.resolve(why) };
  }

  #cloud(): Cloud {
    const { manifest, superseded = [], liveCheck, reportedCheck, keepsConnections = false } = this.options;
    const droplet = (host: ManifestHost): CloudDroplet => ({
      ...host,
      active: true,
      tags: this.#untagged.has(host.id) ? [manifest.stackTag] : [manifest.fleetTag, manifest.stackTag],
    });
    return {
      balancer: async () => ({
        ...{ check: reportedCheck ?? liveCheck ?? manifest.healthCheck, tag: manifest.fleetTag },
        targetPorts: [manifest.service.port],
        backendKeepalive: keepsConnections,
      }),
      dropletsWithTag: async (tag) =>
        [...manifest.hosts, ...superseded.map((entry) => entry.host)]
          .map(droplet)
          .filter(({ tags }) => tags.includes(tag)),
      untag: async (id) => this.#untag(id),
      registryLogin: async () => "{}",
    };
  }

  #untag(id: string): void {
    this.#untagged.add(id);
    if (this.options.untagWorks === false) return;
    const listed = this.options.manifest.hosts.find((host) => host.id === id);
    this.balancer.remove(this.machine(listed?.name ?? id));
  }

  #host(info: ManifestHost): Host {
    const machine = this.machineOf(info);
    const isOn = (): boolean => machine.on;
    /** @throws RolloutError HostUnreachable */
    const reach = async (): Promise<void> => {
      await this.#latency();
      if (isOn()) return;
      await this.clock.sleep(SILENCE_MS);
      if (!isOn()) throw new RolloutError("HostUnreachable", `${info.name} does not answer`);
    };
    let mine: SimSteward | null = null;
    const steward = (): SimSteward => {
      if (!mine) throw new Error(`${info.name} is not locked`);
      return mine;
    };
    /** @throws RolloutError HostUnreachable, StewardLost */
    const reachLocked = async (): Promise<void> => {
      await reach();
      if (!steward().alive)
        throw new RolloutError("StewardLost", `${info.name}: the lock is lost, nothing was written`);
    };
    return {
      name: info.name,
      survey: async () => {
        await reach();
        return this.#seen(info, this.#survey(machine));
      },
      lock: async (request) => {
        await reach();
        const taken = await this.#lock(machine, request);
        if (taken instanceof SimSteward) mine = taken;
        return taken instanceof SimSteward ? { type: "held" } : taken;
      },
      pull: async (image, login) => {
        await reachLocked();
        this.pulls.push({ host: info.name, image, login });
        return this.#pull(machine, image);
      },
      missingMounts: async () => {
        await reach();
        return [];
      },
      startPreDeploy: async (release) => {
        await reachLocked();
        const task = this.options.preDeploy;
        if (!task) throw new Error("nobody told the simulation how long the pre-deploy command takes");
        if (!machine.images.has(release.image)) throw new Error(`${release.image} was not pulled`);
        machine.startTask(steward().request.runId, release, task(release));
      },
      stopPreDeploy: async () => {
        await reachLocked();
        machine.stopTask();
      },
      prepare: async (plan, secrets) => {
        await reachLocked();
        const { release } = plan;
        if (release && secrets) {
          machine.secrets.set(release.id, secrets);
          machine.releases.set(release.id, release);
        } else if (release && !machine.releases.has(release.id)) {
          throw new Error(`${info.name} is given no files of release ${release.id}, and has none`);
        }
        steward().plan = plan;
      },
      order: async (name: OrderName, argument = "") => {
        await reach();
        return steward().order(name, argument);
      },
      observe: async () => {
        await this.options.beforeLook?.(info.name, steward().lastOrder, this.clock);
        await reach();
        const observation = this.#observe(machine, steward());
        return this.options.heard?.(observation, info.name) ?? observation;
      },
      follow: async (sequence, seconds) => {
        await this.options.beforeLook?.(info.name, steward().lastOrder, this.clock);
        await reach();
        steward().beat();
        const untilMs = this.clock.now() + seconds * 1000;
        for (;;) {
          const followed = this.#followed(machine, steward());
          if (!followed.stewardAlive || isOver(followed, sequence) || this.clock.now() >= untilMs) return followed;
          await this.clock.sleep(FOLLOW_TICK_MS);
          await reach();
        }
      },
      evidence: async (withinSeconds) => {
        await reach();
        return machine.evidence(withinSeconds);
      },
      examine: async () => {
        await reach();
        return EXAMINED;
      },
      answer: async (path) => {
        await reach();
        return path === this.options.manifest.healthCheck.path ? machine.seenHealth : machine.seenAnswer;
      },
      recover: async () => {
        await reach();
        this.#recover(machine);
      },
      logs: async (slot: Slot) => {
        await reach();
        return machine.state(slot) ? [`log of ${info.name}`] : [];
      },
      keepHistory: async (signed) => {
        await reachLocked();
        machine.history = signed;
      },
      prune: async (keep, filesOnly) => {
        await reachLocked();
        const files = [...keep.map(({ id }) => id), ...filesOnly];
        for (const kept of [machine.releases, machine.secrets])
          for (const id of [...kept.keys()]) if (!files.includes(id)) kept.delete(id);
        for (const image of [...machine.images])
          if (!keep.some((release) => release.image === image)) machine.images.delete(image);
      },
      close: async () => undefined,
    };
  }

  /** What a look shows, which may not be the truth. */
  #seen({ id, name }: ManifestHost, survey: Survey): Survey {
    if (this.options.unreachable?.has(id)) throw new RolloutError("HostUnreachable", `${name} cannot be reached`);
    const look = (this.#looks.get(id) ?? 0) + 1;
    this.#looks.set(id, look);
    return this.options.seen?.(survey, name, look) ?? survey;
  }

  #survey(machine: SimMachine): Survey {
    const slots: Slot[] = machine.dockerAnswers ? ["current", "previous", "failed", "pre-deploy"] : [];
    return {
      boot: "done",
      missing: [],
      architecture: "x86_64",
      dockerAnswers: machine.dockerAnswers,
      dockerNotIn: null,
      freeDiskMb: 10_000,
      freeMemoryMb: 1000,
      usedMemoryMb: null,
      containers: Object.fromEntries(
        slots.flatMap((slot) => (machine.state(slot) ? [[slot, machine.state(slot)]] : [])),
      ),
      front: machine.front,
      frontRefuses: null,
      traffic: machine.traffic,
      health: machine.seenHealth,
      healthError: healthErrorOf(machine),
      connections: machine.seenHealth === 200 ? null : (machine.open ?? 0),
      // Its own ports are those of the front, and nobody else has any.
      answered: [],
      releases: [...machine.releases.values()],
      history: machine.history,
      retired: machine.retired,
      run: null,
    };
  }

  async #lock(machine: SimMachine, request: LockRequest): Promise<SimSteward | LockResult> {
    this.#recover(machine);
    if (this.#locks.get(machine)?.recovers) while (this.#locks.get(machine)?.alive) await this.clock.sleep(TICK_MS);
    if (!machine.on) throw new RolloutError("HostUnreachable", `${machine.name} does not answer`);
    const holder = this.#locks.get(machine);
    if (holder?.recovers && !holder.left) return { type: "refused", holder: "nobody: Docker does not answer" };
    if (holder?.alive) return { type: "refused", holder: `${holder.request.runId}:${holder.request.owner}` };
    const steward = new SimSteward(request, machine, this.clock);
    this.#locks.set(machine, steward);
    return steward;
  }

  #pull(machine: SimMachine, image: string): PullResult {
    if (!machine.dockerAnswers) return { type: "failed", reason: "Docker does not answer" };
    if (this.registryGone && !machine.images.has(image)) return { type: "failed", reason: "the registry is gone" };
    const images = image.includes("@sha256:") ? [image] : this.tagged(machine.name, image);
    for (const arrived of images) machine.images.add(arrived);
    return { type: "pulled", images, architecture: "amd64" };
  }

  #observe(machine: SimMachine, steward: SimSteward): Observation {
    steward.beat();
    return { ...this.#followed(machine, steward), traffic: machine.traffic, health: machine.seenHealth };
  }

  #followed(machine: SimMachine, steward: SimSteward): Followed {
    // Whoever ends its run writes into the same journal.
    const last = this.#locks.get(machine);
    const { journal } = last?.recovers && last.request.runId === steward.request.runId ? last : steward;
    return { journal: [...journal], stewardAlive: steward.alive };
  }
}

/** As on a droplet that cloud-init has set up. */
const EXAMINED: Examination = {
  network: { code: 0, words: "" },
  show: { code: 0, words: "" },
  cgroups: 2,
  privateRange: null,
};

const isOver = ({ journal }: Followed, order: number): boolean =>
  journal.some(({ sequence, state }) => sequence === order && (state === "done" || state === "failed"));

/** As curl says it where nobody takes the connection. */
const healthErrorOf = (machine: SimMachine): string | null =>
  machine.seenHealth === null ? "curl: (7) Failed to connect: Connection refused" : null;

const lateOf = (moving: Moving | undefined): Late | null =>
  moving ? { before: moving.before, untilMs: moving.lateMs.map((late) => WARM_UP_MS + late) } : null;

/** Each port once. */
function both(after: FrontPorts, moving: Moving | undefined): FrontPorts {
  const { services, checks } = moving?.before ?? after;
  const all = (before: readonly number[], later: readonly number[]): number[] => [...new Set([...before, ...later])];
  return { services: all(services, after.services), checks: all(checks, after.checks) };
}
