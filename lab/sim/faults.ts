/**
 * What may befall a rollout from outside, put between it and its ports: at one call to a host, or to the cloud's API, chosen by phase and
 * number, a fault begins. One may be put around another.
 * A client may lose what is inside a process that the fault itself ends, and what the balancer sends there before it has noticed; whatever
 * else it loses is the rollout's own doing.
 */
import type { ManifestHost } from "../../contract/manifest.js";
import type { SimMachine } from "./machine.js";
import { RolloutError } from "../../scripts/rollout/core/errors.js";
import type { RolloutEvent } from "../../scripts/rollout/core/events.js";
import type { SimWorld } from "./world.js";
import type { Clock, Cloud, Host, Ports, Witness } from "../../scripts/rollout/ports.js";

/**
 * cut-before and cut-after: SSH to one host breaks for a while, before a command does its work there or after it · killed-before and
 * killed-after: the controller is gone at once · paused: the controller stands still for longer than the lease, and goes on · api: the
 * cloud's API fails for a while · power: the host is off for a while · docker: its engine is being restarted for a while · crash: the
 * process that serves there is gone
 */
export const faultKinds = [
  "cut-before",
  "cut-after",
  "killed-before",
  "killed-after",
  "paused",
  "api",
  "power",
  "docker",
  "crash",
] as const;
export type FaultKind = (typeof faultKinds)[number];

/** How far a rollout has come with a host. */
export const faultPhases = ["preflight", "prepared", "draining", "ejected", "starting", "ready", "done"] as const;
export type FaultPhase = (typeof faultPhases)[number];

export interface FaultPlan {
  readonly kind: FaultKind;
  /** It begins at a call to a host with which the rollout has come so far; one that is about no host, at a call to the API then, too. */
  readonly phase: FaultPhase;
  /** Which of those calls, from 0. */
  readonly call: number;
  /** How long it lasts. */
  readonly lastsMs: number;
}

/** Faults of the controller and of the API, which a call to the API may meet as well. */
const withoutHost: ReadonlySet<FaultKind> = new Set(["killed-before", "killed-after", "paused", "api"]);

/** Time after which OpenSSH and our retries give a host up. */
const GIVEN_UP_MS = 15_000;

export class Faults {
  /** Name of the call at which the fault began; null: the rollout ended before. */
  struck: string | null = null;
  /** Resolves when the controller is killed. */
  readonly killed: Promise<void>;
  #kill: () => void = () => undefined;
  #dead = false;
  #calls = 0;
  #cut: { readonly host: string; readonly untilMs: number } | null = null;
  #stillUntilMs = 0;
  #apiFailsUntilMs = 0;
  #planned = false;
  readonly #status = new Map<string, FaultPhase>();

  constructor(
    private readonly plan: FaultPlan,
    private readonly clock: Clock,
    private readonly world: Pick<SimWorld, "powerCycle" | "machineOf">,
  ) {
    this.killed = new Promise((resolve) => (this.#kill = resolve));
  }

  /** The same ports with the fault between them and the rollout. */
  around(ports: Ports): Ports {
    const { hosts, cloud, witness, clock, events, random } = ports;
    return {
      random,
      hosts: { open: (info) => this.#host(hosts.open(info), info) },
      cloud: cloud ? this.#cloud(cloud) : null,
      witness: this.#witness(witness),
      clock: {
        ...{ now: () => clock.now(), date: () => clock.date() },
        sleep: (milliseconds, signal) => this.#alive(() => clock.sleep(milliseconds, signal)),
      },
      events: {
        emit: (event) => {
          this.#notice(event);
          events.emit(event);
        },
      },
    };
  }

  #host(host: Host, info: ManifestHost): Host {
    const at =
      <Args extends unknown[], Result>(method: string, work: (...args: Args) => Promise<Result>) =>
      (...args: Args): Promise<Result> =>
        this.#call(info, method, () => work(...args));
    return {
      name: host.name,
      survey: at("survey", (...args) => host.survey(...args)),
      lock: at("lock", (...args) => host.lock(...args)),
      pull: at("pull", (...args) => host.pull(...args)),
      missingMounts: at("missingMounts", (release) => host.missingMounts(release)),
      prepare: at("prepare", (...args) => host.prepare(...args)),
      startPreDeploy: at("startPreDeploy", (...args) => host.startPreDeploy(...args)),
      stopPreDeploy: at("stopPreDeploy", (...args) => host.stopPreDeploy(...args)),
      order: at("order", (...args) => host.order(...args)),
      observe: at("observe", () => host.observe()),
      follow: at("follow", (...args) => host.follow(...args)),
      evidence: at("evidence", (...args) => host.evidence(...args)),
      examine: at("examine", () => host.examine()),
      answer: at("answer", (path) => host.answer(path)),
      recover: at("recover", () => host.recover()),
      logs: at("logs", (...args) => host.logs(...args)),
      keepHistory: at("keepHistory", (signed) => host.keepHistory(signed)),
      prune: at("prune", (...args) => host.prune(...args)),
      close: () => this.#alive(() => host.close()),
    };
  }

  async #call<Result>(info: ManifestHost, method: string, work: () => Promise<Result>): Promise<Result> {
    const { kind, lastsMs } = this.plan;
    const host = info.name;
    const strikes = this.#strikes(this.#phaseOf(host), method);
    if (strikes) {
      if (kind === "cut-before") this.#cut = { host, untilMs: this.clock.now() + lastsMs };
      this.#strikeHost(this.world.machineOf(info), kind, lastsMs);
    }
    return this.#alive(async () => {
      await this.#whole(host);
      const result = await work();
      if (strikes && kind === "killed-after") this.#die();
      if (strikes && kind === "cut-after") {
        this.#cut = { host, untilMs: this.clock.now() + lastsMs };
        await this.#whole(host);
      }
      return result;
    });
  }

  /** Whether this is the call that it begins at; what befalls the controller and the API has begun then. */
  #strikes(reached: FaultPhase, method: string): boolean {
    const { kind, phase, call, lastsMs } = this.plan;
    if (reached !== phase) return false;
    this.#calls += 1;
    if (this.#calls !== call + 1) return false;
    this.struck = method;
    const untilMs = this.clock.now() + lastsMs;
    if (kind === "killed-before") this.#die();
    if (kind === "paused") this.#stillUntilMs = untilMs;
    if (kind === "api") this.#apiFailsUntilMs = untilMs;
    return true;
  }

  #strikeHost(machine: SimMachine, kind: FaultKind, lastsMs: number): void {
    if (kind === "power") this.world.powerCycle(machine, lastsMs);
    if (kind === "docker") machine.dockerAway(lastsMs);
    if (kind === "crash") machine.crash();
  }

  /** @throws RolloutError HostUnreachable while the connection to the host is cut for longer than it is waited for */
  async #whole(host: string): Promise<void> {
    if (this.#cut?.host !== host) return;
    const leftMs = this.#cut.untilMs - this.clock.now();
    await this.clock.sleep(Math.min(Math.max(0, leftMs), GIVEN_UP_MS));
    if (leftMs > GIVEN_UP_MS) throw new RolloutError("HostUnreachable", `${host} cannot be reached over SSH`);
  }

  #cloud(cloud: Cloud): Cloud {
    const { kind } = this.plan;
    const call = <Result>(method: string, work: () => Promise<Result>): Promise<Result> => {
      const strikes = withoutHost.has(kind) && this.#strikes(this.#phase, method);
      return this.#alive(async () => {
        if (this.clock.now() < this.#apiFailsUntilMs) throw new RolloutError("CloudFailed", "the API answers 500");
        const result = await work();
        if (strikes && kind === "killed-after") this.#die();
        return result;
      });
    };
    return {
      balancer: (id) => call("balancer", () => cloud.balancer(id)),
      dropletsWithTag: (tag) => call("dropletsWithTag", () => cloud.dropletsWithTag(tag)),
      untag: (id, tag) => call("untag", () => cloud.untag(id, tag)),
      registryLogin: (registry) => call("registryLogin", () => cloud.registryLogin(registry)),
    };
  }

  #witness(witness: Witness): Witness {
    return {
      whyUnreachable: () => this.#alive(() => witness.whyUnreachable()),
      send: (count) => this.#alive(() => witness.send(count)),
    };
  }

  /** A controller that is dead neither does anything nor learns of anything; one that stands still does later. */
  async #alive<Result>(work: () => Promise<Result>): Promise<Result> {
    await this.#going();
    const result = await work();
    await this.#going();
    return result;
  }

  async #going(): Promise<void> {
    if (this.#dead) await new Promise<never>(() => undefined);
    const stillMs = this.#stillUntilMs - this.clock.now();
    if (stillMs > 0) await this.clock.sleep(stillMs);
  }

  #die(): void {
    this.#dead = true;
    this.#kill();
  }

  /** Of a host that nothing was done with yet. */
  get #phase(): FaultPhase {
    return this.#planned ? "prepared" : "preflight";
  }

  #phaseOf(host: string): FaultPhase {
    return this.#status.get(host) ?? this.#phase;
  }

  #notice(event: RolloutEvent): void {
    if (event.name === "planned") this.#planned = true;
    const { host } = event;
    if (host === null) return;
    if (event.name !== "hostStatus") return;
    const { status } = event.data;
    if (status === "draining" || status === "ejected" || status === "starting" || status === "ready")
      this.#status.set(host, status);
    else if (this.#planned) this.#status.set(host, "done");
  }
}
