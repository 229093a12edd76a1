/** Machines that are not there: they note what an account has done, and wait or fail where a test says so. */
import type { FirewallPolicy } from "../../../../lab/firewall-policy.js";
import type { LoadBalancer } from "../../../../lab/api/load-balancer-request.js";
import type { BalancerFields, Machines, NewDroplet } from "../../../../lab/api/machines.js";

export class RecordingMachines implements Machines {
  /** Such as "create 400000001" and "sync 400000001 400000002". */
  readonly calls: string[] = [];
  readonly orders: NewDroplet[] = [];
  /** What the balancer runs otherwise. */
  otherwise: BalancerFields = {};
  readonly #powered = new Set<string>();
  readonly #failures: RegExp[] = [];
  #gate: Promise<void> = Promise.resolve();
  #given = 0;

  /** The next call that matches fails. */
  fail(call: RegExp): void {
    this.#failures.push(call);
  }

  /** Calls do not end before the function that is given back is called. */
  hold(): () => void {
    let open = (): void => undefined;
    this.#gate = new Promise((settle) => (open = settle));
    return open;
  }

  nextAddresses() {
    this.#given += 1;
    return { address: `203.0.113.${this.#given}`, privateAddress: `10.110.0.${this.#given}` };
  }

  async createDroplet(droplet: NewDroplet): Promise<void> {
    this.orders.push(droplet);
    await this.#do(`create ${droplet.id}`);
    this.#powered.add(droplet.id);
  }

  powered = (id: string): boolean => this.#powered.has(id);

  async powerOn(id: string): Promise<void> {
    await this.#do(`on ${id}`);
    this.#powered.add(id);
  }

  async powerOff(id: string): Promise<void> {
    await this.#do(`off ${id}`);
    this.#powered.delete(id);
  }

  destroyDroplet = (id: string): Promise<void> => this.#do(`destroy ${id}`);

  /** By droplet, the newest last. */
  readonly guards: [id: string, policy: FirewallPolicy | null][] = [];

  guardDroplet = async (id: string, policy: FirewallPolicy | null): Promise<void> =>
    void this.guards.push([id, policy]);

  balancerAddress = (): string => "198.51.100.10";

  createBalancer = ({ declared }: LoadBalancer): Promise<void> => this.#do(`balancer for ${declared.tag ?? "a list"}`);

  updateBalancer = ({ declared: { health_check: check } }: LoadBalancer): Promise<void> =>
    this.#do(`balancer checks every ${check.check_interval_seconds} s`);

  syncBalancer = (_id: string, droplets: readonly string[]): Promise<void> => this.#do(["sync", ...droplets].join(" "));

  destroyBalancer = (): Promise<void> => this.#do("no balancer");

  runsOtherwise = (): BalancerFields => this.otherwise;

  async #do(call: string): Promise<void> {
    this.calls.push(call);
    await this.#gate;
    const failing = this.#failures.findIndex((failure) => failure.test(call));
    if (failing === -1) return;
    this.#failures.splice(failing, 1);
    throw new Error(`no machine for ${call}`);
  }
}
