/** The cloud firewalls of one world, enforced where its machines are plugged in: nothing on a droplet can change them. */
import type { FirewallPolicy } from "../firewall-policy.js";
import type { Claim } from "./claim.js";
import { rulesFor4, rulesFor6, type Guarded } from "./firewall-rules.js";
import { inNamespace } from "./ip.js";

/**
 * Connections are known by the ends that they have, and stay known when one end answers out of turn, as a droplet does that has just
 * lost its power.
 * @see https://docs.kernel.org/networking/nf_conntrack-sysctl.html
 */
const SETTINGS = ["net.bridge.bridge-nf-call-iptables=1", "net.netfilter.nf_conntrack_tcp_be_liberal=1"];

export class Perimeter {
  /** By cable. */
  readonly #guarded = new Map<string, Guarded>();
  #balancer: readonly string[] = [];
  #last: Promise<unknown> = Promise.resolve();

  /** @param hub file that holds the switch's namespace */
  constructor(
    private readonly claim: Claim,
    private readonly hub: string,
  ) {}

  async begin(): Promise<void> {
    await this.#restore();
    await this.#run(["sysctl", "-q", "-w", ...SETTINGS]);
  }

  /** Null: no firewall guards that machine, and everything passes. */
  async guard(place: Omit<Guarded, "policy">, policy: FirewallPolicy | null): Promise<void> {
    if (policy === null && !this.#guarded.has(place.cable)) return;
    if (policy === null) this.#guarded.delete(place.cable);
    else this.#guarded.set(place.cable, { ...place, policy });
    await this.#restore();
  }

  /** Where the balancer's nodes are. @param addresses that they ask hosts from */
  async placeBalancer(addresses: readonly string[]): Promise<void> {
    this.#balancer = addresses;
    await this.#restore();
  }

  /** One after the other: the last word is the newest one. */
  async #restore(): Promise<void> {
    const restored = this.#last.then(async () => {
      const guarded = [...this.#guarded.values()];
      await this.#run(["iptables-restore"], rulesFor4(guarded, this.#balancer));
      await this.#run(["ip6tables-restore"], rulesFor6(guarded));
    });
    this.#last = restored.catch(() => undefined);
    await restored;
  }

  async #run(argv: readonly string[], input?: string): Promise<void> {
    await this.claim.run([...inNamespace(this.hub), ...argv], input);
  }
}
