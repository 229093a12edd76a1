/** What an account has done by the world behind it. */
import type { FirewallPolicy } from "../firewall-policy.js";
import type { LoadBalancer, LoadBalancerRequest } from "./load-balancer-request.js";

/** Where a droplet is reached. */
export interface DropletAddresses {
  readonly address: string;
  readonly privateAddress: string;
}

/** A droplet that is to be powered on for the first time. */
export interface NewDroplet extends DropletAddresses {
  readonly id: string;
  readonly name: string;
  /** Text for cloud-init; empty when there is none. */
  readonly userData: string;
  /** Lines for root's authorized_keys. */
  readonly authorizedKeys: readonly string[];
}

/**
 * Ids are texts, as Terraform has them. Calls for one machine come one after the other; one that fails is a fault of the world,
 * and shows: a droplet that cannot be made is gone again, a balancer that does not start is `errored`.
 */
export interface Machines {
  /** Addresses for the next droplet. */
  nextAddresses(): DropletAddresses;
  /** Powers a new droplet on; its boot is not waited for. */
  createDroplet(droplet: NewDroplet): Promise<void>;
  /** Whether a droplet has power now. */
  powered(dropletId: string): boolean;
  powerOn(dropletId: string): Promise<void>;
  /** Everything on it ends; the disk stays. */
  powerOff(dropletId: string): Promise<void>;
  /** Only what its firewalls allow gets to a droplet and away from it from now on; null: everything. */
  guardDroplet(dropletId: string, policy: FirewallPolicy | null): Promise<void>;
  /** At once, whatever it serves. */
  destroyDroplet(dropletId: string): Promise<void>;
  /** The balancer's public address, known before it runs. */
  balancerAddress(): string;
  createBalancer(balancer: LoadBalancer): Promise<void>;
  /** The declaration of a running balancer is another now. */
  updateBalancer(balancer: LoadBalancer): Promise<void>;
  /** The droplets behind a balancer are these now. */
  syncBalancer(balancerId: string, dropletIds: readonly string[]): Promise<void>;
  destroyBalancer(balancerId: string): Promise<void>;
  /** Fields that a running balancer does otherwise than they are declared, which is what the API shows. */
  runsOtherwise(balancerId: string): BalancerFields;
}

/** Some fields of a balancer. */
export type BalancerFields = Partial<Omit<LoadBalancerRequest, "health_check">> & {
  readonly health_check?: Partial<LoadBalancerRequest["health_check"]>;
};
