/** A droplet's power switch: plugs its network in, boots it, and tells how far the boot is. */
import { EventEmitter, once } from "node:events";
import type { FirewallPolicy } from "../firewall-policy.js";
import type { Addresses, BootState } from "../site.js";
import { bootFault } from "./boot-fault.js";
import type { Claim } from "./claim.js";
import { Machine } from "./machine.js";
import type { NetworkNode } from "./network-node.js";
import type { Network } from "./network.js";

/** What is powered on and off. */
export interface Hardware extends Addresses {
  readonly claim: Claim;
  readonly network: Network;
  readonly id: string;
  readonly name: string;
  /** The disk, as the root of what runs on it. */
  readonly root: string;
  /** From power on to the start of the boot. */
  readonly delayMs: number;
  /** Told when it cannot boot or ends by itself. */
  readonly onFault: (fault: string) => void;
}

export class PowerSwitch {
  #state: BootState = "off";
  #fault: string | null = null;
  readonly #news = new EventEmitter<{ news: [] }>();
  #node: NetworkNode | null = null;
  #machine: Machine | null = null;
  #policy: FirewallPolicy | null = null;
  /** Switching on and off, one after the other. */
  #switching: Promise<void> = Promise.resolve();

  constructor(private readonly hardware: Hardware) {}

  get state(): BootState {
    return this.#state;
  }

  /** @throws Error when the droplet is off */
  get machine(): Machine {
    return this.#on(this.#machine);
  }

  /** @throws Error when the droplet is off */
  get node(): NetworkNode {
    return this.#on(this.#node);
  }

  /** Resolves once the boot is done. @throws Error when it fails */
  async booted(): Promise<void> {
    while (this.#state !== "done") {
      if (this.#fault !== null) throw new Error(this.#fault);
      await once(this.#news, "news");
    }
  }

  /** Does nothing when it is on. */
  on(): void {
    if (this.#state !== "off") return;
    this.#fault = null;
    this.#enter("starting");
    this.#switching = this.#switching.then(() => this.#start()).catch((error: unknown) => this.#fail(String(error)));
  }

  /** What its firewalls let through from now on, in power or not; null: everything. */
  async guard(policy: FirewallPolicy | null): Promise<void> {
    this.#policy = policy;
    const guarded = this.#switching.then(() => this.#node?.guard(policy));
    this.#switching = guarded.catch(() => undefined);
    await guarded;
  }

  /** Its cables are cut first: no connection is closed, as when power fails. */
  async off(): Promise<void> {
    this.#enter("off");
    const off = this.#switching.then(() => this.#stop());
    this.#switching = off.catch(() => undefined);
    await off;
  }

  async #start(): Promise<void> {
    // What is left of a machine that ended by itself or did not come on.
    await this.#stop();
    const { claim, network, id, name, root, delayMs, address, privateAddress } = this.hardware;
    const addresses = { publicAddress: address, privateAddresses: [privateAddress] };
    this.#node = await network.attach(id, addresses, this.#policy);
    this.#machine = await Machine.start({
      ...{ claim, name, root, delayMs, network: this.#node.argv },
      onStep: (step) => this.#step(step),
      onEnd: (words) => this.#end(words),
    });
  }

  async #stop(): Promise<void> {
    await this.#node?.unplug();
    await this.#machine?.off();
    this.#machine = null;
    await this.#node?.remove();
    this.#node = null;
  }

  /** Steps are what files/boot.sh prints. */
  #step(step: string): void {
    if (step === "ssh") this.#enter("running");
    if (step !== "done") return;
    const fault = bootFault(this.machine);
    if (fault === null) this.#enter("done");
    else this.#fail(fault);
  }

  #enter(state: BootState): void {
    this.#state = state;
    this.#news.emit("news");
  }

  #end(words: string): void {
    this.#state = "off";
    this.#fail(words ? `it ended by itself: ${words}` : "it ended by itself");
  }

  #fail(why: string): void {
    this.#fault = `droplet ${this.hardware.name}: ${why}`;
    this.hardware.onFault(this.#fault);
    this.#news.emit("news");
  }

  #on<Part>(part: Part | null): Part {
    if (part === null || this.#state === "off") throw new Error(`droplet ${this.hardware.name} is off`);
    return part;
  }
}
