/** A site without machines: it notes what a world asks of it, in order, and throws at whatever a test has no answer for. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { balancerSettings } from "../../../lab/balancer-options.js";
import type { FirewallPolicy } from "../../../lab/firewall-policy.js";
import type { DropletOrder, Site, SiteBalancer, SiteContext, SiteDroplet } from "../../../lab/site.js";
import type { BalancerBlock } from "../../../lab/stack.js";

const unknown = (what: string) => () => {
  throw new Error(`the recording site has no ${what}`);
};

export class RecordingSite implements Site {
  readonly kind = "embedded";
  readonly folder = mkdtempSync(path.join(tmpdir(), "evenkeel-site-"));
  readonly balancerAddress = "198.51.100.99";
  readonly clientKey = "ecdsa-sha2-nistp256 the-lab";
  readonly orders: DropletOrder[] = [];
  /** Such as "sync api-1 api-2" and "close api-1". */
  readonly calls: string[] = [];
  /** What droplets were told to let through, in order. */
  readonly guards: { readonly name: string; readonly policy: FirewallPolicy | null }[] = [];
  #given = 0;

  constructor(readonly context: SiteContext) {}

  nextAddresses() {
    this.#given += 1;
    return { address: `192.0.2.${this.#given}`, privateAddress: `10.0.0.${this.#given}` };
  }

  async createDroplet(order: DropletOrder): Promise<SiteDroplet> {
    const { id, name, address, privateAddress } = order;
    this.orders.push(order);
    return {
      ...{ id, name, address, privateAddress, boot: "done" },
      booted: async () => undefined,
      containers: unknown("containers"),
      logs: unknown("logs"),
      images: unknown("images"),
      crash: unknown("crash"),
      ask: unknown("service port"),
      cutSsh: unknown("SSH"),
      powerOn: unknown("power"),
      powerOff: unknown("power"),
      guard: async (policy) => {
        this.guards.push({ name, policy });
      },
      close: async () => void this.calls.push(`close ${name} ${id}`),
    };
  }

  async createBalancer(block: BalancerBlock): Promise<SiteBalancer> {
    const calls = this.calls;
    let settings = balancerSettings(block, {});
    return {
      get settings() {
        return settings;
      },
      update: async (changed) => {
        calls.push(`update to ${changed.check.path}`);
        settings = changed;
      },
      changes: [],
      url: unknown("URL"),
      nodesUp: () => [0],
      inFlight: unknown("requests under way"),
      sync: async (members) => void calls.push(["sync", ...members.map(({ id }) => id)].join(" ")),
      close: unknown("end of the balancer alone"),
    };
  }

  pushReference = unknown("reference image");
  pushBroken = unknown("broken image");
  environment = () => ({ SITE: "recording" });

  async close(): Promise<void> {
    this.calls.push("close");
    rmSync(this.folder, { recursive: true });
  }
}
