/**
 * The Terraform provider as an account sees it: for each step of a fleet's life the calls that version 2.71.0 was recorded
 * to make, in their order and with their bodies, without its waits.
 */
import { expect } from "@jest/globals";
import type { z } from "zod";
import { PUBLIC_KEY } from "../../support/stack.js";
import type { TestApi } from "./client.js";
import * as shapes from "./shapes.js";

type Droplet = z.output<typeof shapes.droplet>;
type LoadBalancer = z.output<typeof shapes.loadBalancer>;

const TAGS = ["http-api", "evenkeel:production:api"];
const EVERYWHERE = { addresses: ["0.0.0.0/0", "::/0"] };

const rules = [{ entry_protocol: "http", entry_port: 80, target_protocol: "http", target_port: 80 }];

const healthCheck = (seconds: number) => ({
  protocol: "http",
  port: 80,
  path: "/health",
  check_interval_seconds: seconds,
  response_timeout_seconds: 3,
  healthy_threshold: 3,
  unhealthy_threshold: 2,
});

/** Ids of what was created. */
export interface State {
  readonly key: string;
  readonly fingerprint: string;
  readonly vpc: string;
  readonly balancer: string;
  readonly firewall: string;
  /** By name. */
  readonly droplets: Map<string, number>;
}

export class Provider {
  #state: State | null = null;
  #userData = "#cloud-config\n";
  #interval = 10;

  constructor(private readonly lab: TestApi) {}

  get state(): State {
    if (!this.#state) throw new Error("nothing was applied yet");
    return this.#state;
  }

  /** The first apply. */
  async apply(names: readonly string[]): Promise<void> {
    for (const name of TAGS) {
      await this.#read("POST", "/v2/tags", "tag", shapes.tag, { name });
      await this.#read("GET", `/v2/tags/${name}`, "tag", shapes.tag);
    }
    const keyRequest = { name: "production-api", public_key: PUBLIC_KEY };
    const { id: key, fingerprint } = await this.#read("POST", "/v2/account/keys", "ssh_key", shapes.sshKey, keyRequest);
    await this.#read("GET", `/v2/account/keys/${key}`, "ssh_key", shapes.sshKey);
    const vpcRequest = { name: "production-api-sfo3", region: "sfo3" };
    const { id: vpc } = await this.#read("POST", "/v2/vpcs", "vpc", shapes.vpc, vpcRequest);
    await this.#read("GET", `/v2/vpcs/${vpc}`, "vpc", shapes.vpc);
    const balancer = await this.#createBalancer(vpc);
    const firewall = await this.#createFirewall(balancer);
    this.#state = { key: String(key), fingerprint, vpc, balancer, firewall, droplets: new Map() };
    await this.create(names);
  }

  /** New droplets, until they are active. */
  async create(names: readonly string[]): Promise<void> {
    for (const name of names) this.state.droplets.set(name, await this.#createDroplet(name));
  }

  /** Droplets that are declared no more. */
  async destroyDroplets(ids: readonly number[]): Promise<void> {
    for (const id of ids) {
      await this.#read("GET", `/v2/droplets/${id}`, "droplet", shapes.droplet);
      expect((await this.lab.call("DELETE", `/v2/droplets/${id}`)).status).toBe(204);
      expect((await this.lab.call("GET", `/v2/droplets/${id}`)).status).toBe(404);
    }
    for (const [name, id] of this.state.droplets) if (ids.includes(id)) this.state.droplets.delete(name);
  }

  /** Other user data: every droplet anew, and then the old ones away. */
  async rebuild(userData: string): Promise<void> {
    this.#userData = userData;
    const old = [...this.state.droplets.values()];
    await this.create([...this.state.droplets.keys()]);
    await this.destroyDroplets(old);
  }

  /** A change of the balancer's check, in place. */
  async changeInterval(seconds: number): Promise<void> {
    this.#interval = seconds;
    const path = `/v2/load_balancers/${this.state.balancer}`;
    const { project_id } = await this.#read("GET", path, "load_balancer", shapes.loadBalancer);
    const known = { type: "REGIONAL", sticky_sessions: { type: "none" }, project_id, firewall: {} };
    const body = { ...this.#balancerRequest(this.state.vpc), ...known };
    await this.#read("PUT", path, "load_balancer", shapes.loadBalancer, body);
    await this.#read("GET", path, "load_balancer", shapes.loadBalancer);
  }

  /** Other tags on a droplet, in place. */
  async retag(id: number, { off, on }: { readonly off: string; readonly on: string }): Promise<void> {
    const body = { resources: [{ resource_id: String(id), resource_type: "droplet" }] };
    expect((await this.lab.call("DELETE", `/v2/tags/${off}/resources`, body)).status).toBe(204);
    await this.#read("POST", "/v2/tags", "tag", shapes.tag, { name: on });
    expect((await this.lab.call("POST", `/v2/tags/${on}/resources`, body)).status).toBe(204);
  }

  /** What a plan would change: nothing, when every resource is as it was declared. */
  async plan(): Promise<string[]> {
    const { key, vpc, firewall, droplets } = this.state;
    const found = await Promise.all([...droplets].map(([name, id]) => this.#dropletChanges(name, id)));
    await this.#read("GET", `/v2/account/keys/${key}`, "ssh_key", shapes.sshKey);
    await this.#read("GET", `/v2/vpcs/${vpc}`, "vpc", shapes.vpc);
    for (const name of TAGS) await this.#read("GET", `/v2/tags/${name}`, "tag", shapes.tag);
    const guard = await this.#read("GET", `/v2/firewalls/${firewall}`, "firewall", shapes.firewall);
    const guardChanges = changes("firewall", guard, this.#firewallRequest(this.state.balancer));
    return [...found.flat(), ...guardChanges, ...(await this.#balancerChanges())];
  }

  async destroy(): Promise<void> {
    const { firewall, balancer, droplets, vpc, key } = this.state;
    await this.#delete(`/v2/firewalls/${firewall}`);
    await this.#delete(`/v2/load_balancers/${balancer}`);
    await this.destroyDroplets([...droplets.values()]);
    for (const path of [`/v2/account/keys/${key}`, ...TAGS.map((name) => `/v2/tags/${name}`), `/v2/vpcs/${vpc}`]) {
      await this.#delete(path);
    }
  }

  async #createDroplet(name: string): Promise<number> {
    const body = this.#dropletRequest(name);
    const { id } = await this.#read("POST", "/v2/droplets", "droplet", shapes.droplet, body);
    for (;;) {
      const { status, locked } = await this.#read("GET", `/v2/droplets/${id}`, "droplet", shapes.droplet);
      if (status === "active" && !locked) return id;
    }
  }

  async #createBalancer(vpc: string): Promise<string> {
    const body = this.#balancerRequest(vpc);
    const { id } = await this.#read("POST", "/v2/load_balancers", "load_balancer", shapes.loadBalancer, body);
    for (;;) {
      const { status } = await this.#read("GET", `/v2/load_balancers/${id}`, "load_balancer", shapes.loadBalancer);
      if (status === "active") return id;
    }
  }

  async #createFirewall(balancer: string): Promise<string> {
    const body = this.#firewallRequest(balancer);
    const { id } = await this.#read("POST", "/v2/firewalls", "firewall", shapes.firewall, body);
    await this.#read("GET", `/v2/firewalls/${id}`, "firewall", shapes.firewall);
    return id;
  }

  #dropletRequest(name: string) {
    return {
      ...{ name, region: "sfo3", size: "s-1vcpu-1gb", image: "debian-12-x64" },
      ...{ backups: false, ipv6: false, private_networking: false, monitoring: true },
      ...{ ssh_keys: [this.state.fingerprint], user_data: this.#userData, tags: TAGS, vpc_uuid: this.state.vpc },
    };
  }

  #balancerRequest(vpc: string) {
    return {
      ...{ name: "sfo3-api", algorithm: "round_robin", region: "sfo3", size_unit: 1, tag: "http-api", vpc_uuid: vpc },
      ...{ forwarding_rules: rules, health_check: healthCheck(this.#interval) },
      ...{ disable_lets_encrypt_dns_records: false, http_idle_timeout_seconds: 60, network: "EXTERNAL" },
    };
  }

  #firewallRequest(balancer: string) {
    return {
      name: "production-api",
      inbound_rules: [
        { protocol: "tcp", ports: "22", sources: { addresses: ["203.0.113.7/32"] } },
        { protocol: "tcp", ports: "80", sources: { load_balancer_uids: [balancer] } },
      ],
      outbound_rules: [{ protocol: "udp", ports: "53", destinations: EVERYWHERE }],
      droplet_ids: null,
      tags: [TAGS[1]],
    };
  }

  async #dropletChanges(name: string, id: number): Promise<string[]> {
    const found: Droplet = await this.#read("GET", `/v2/droplets/${id}`, "droplet", shapes.droplet);
    const { tags, vpc_uuid } = this.#dropletRequest(name);
    const { region, size, features, ...rest } = found;
    const read = { ...rest, tags: [...rest.tags].sort(), region: region.slug, size: size.slug };
    const feature = { monitoring: features.includes("monitoring"), ipv6: features.includes("ipv6") };
    const declared = { name, tags: [...tags].sort(), vpc_uuid, region: "sfo3", size: "s-1vcpu-1gb" };
    return changes(name, { ...read, ...feature }, { ...declared, monitoring: true, ipv6: false });
  }

  async #balancerChanges(): Promise<string[]> {
    const { balancer, vpc } = this.state;
    const path = `/v2/load_balancers/${balancer}`;
    const found: LoadBalancer = await this.#read("GET", path, "load_balancer", shapes.loadBalancer);
    const { name, algorithm, size_unit, tag, vpc_uuid, health_check, http_idle_timeout_seconds } =
      this.#balancerRequest(vpc);
    const declared = { name, algorithm, size_unit, tag, vpc_uuid, health_check, http_idle_timeout_seconds };
    return changes("balancer", found, declared);
  }

  async #delete(path: string): Promise<void> {
    expect([path, (await this.lab.call("DELETE", path)).status]).toEqual([path, 204]);
  }

  async #read<Schema extends z.ZodType>(
    method: string,
    path: string,
    key: string,
    schema: Schema,
    body?: unknown,
  ): Promise<z.output<Schema>> {
    const found = await this.lab.want(method, path, key, body);
    schema.parse(found);
    return found as z.output<Schema>;
  }
}

/** Declared fields that read otherwise; droplet_ids null and an empty list are the same to the provider. */
function changes(name: string, read: object, declared: object): string[] {
  const text = (value: unknown): string => JSON.stringify(sorted(value ?? []));
  const fields = read as Record<string, unknown>;
  return Object.entries(declared)
    .filter(([field, value]) => text(fields[field]) !== text(value))
    .map(([field]) => `${name}: ${field}`);
}

/** With the fields of every object in order. */
function sorted(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value).sort(([one], [other]) => one.localeCompare(other));
  return Object.fromEntries(entries.map(([name, entry]) => [name, sorted(entry)]));
}
