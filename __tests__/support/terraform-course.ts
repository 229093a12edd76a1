/** The whole life of a fleet under real Terraform, step by step under load. */
import { expect } from "@jest/globals";
import type { FleetConfig } from "../../constructs/index.js";
import { LAB_TOKEN } from "../../lab/cloud.js";
import type { Load } from "../../lab/load/load.js";
import type { Site, SiteDroplet } from "../../lab/site.js";
import { found } from "./secrets.js";
import { appSecrets, failedBySecond, type TerraformFleet } from "./terraform-fleet.js";

const check = { checkIntervalSeconds: 3, responseTimeoutSeconds: 3, unhealthyThreshold: 2, healthyThreshold: 2 };
const two: FleetConfig = { dropletCount: 2, healthCheck: check };
const withMode: FleetConfig = { ...two, service: { environment: { MODE: "b" } } };
const larger: FleetConfig = { ...withMode, droplet: { size: "s-2vcpu-2gb" } };
const expanded: FleetConfig = { ...larger, healthCheck: { ...check, nextPath: "/up-9b1c" } };
const contracted: FleetConfig = { ...larger, healthCheck: { ...check, path: "/up-9b1c" } };

/** The steps need each other's order, so they are one test; its error says which one failed. */
export class Course<Droplet extends SiteDroplet, On extends Site<Droplet>> {
  #image = "";
  #load: Load | null = null;

  constructor(private readonly fleet: TerraformFleet<Droplet, On>) {}

  async run(): Promise<void> {
    this.#image = await this.fleet.cloud.site.pushReference("v1");
    await this.#step("the first apply", () => this.#create());
    await this.#step("another interval of the health check", () => this.#changeInPlace());
    await this.#step("a release", () => this.#release());
    await this.#step("other settings", () => this.#change(withMode));
    await this.#step("a release that fails", () => this.#failingRelease());
    await this.#step("a token that may not read the network", () => this.#unreadable());
    await this.#step("two more droplets", () => this.#grow());
    await this.#step("two droplets again", () => this.#shrink());
    await this.#step("one droplet replaced", () => this.#replace());
    await this.#step("another size, at first without room for one droplet", () => this.#resize());
    await this.#step("another health path", () => this.#changeOver());
    await this.#step("Terraform's own language", () => this.#inHcl());
    await this.#step("other user data", () => this.#rebuild());
    await this.#step("the end of the load", () => this.#endLoad());
    await this.#step("destroy", () => this.#destroy());
  }

  end(): Promise<void> {
    return this.fleet.end();
  }

  async #create(): Promise<void> {
    await this.fleet.declare({ ...two, healthCheck: { ...check, checkIntervalSeconds: 4 } });
    expect(await this.fleet.terraform("init")).toEqual(succeeded);
    await this.#apply();
    await this.#expectServing("api-1", "api-2");
    this.#expectNoSecrets();
    this.#load = await this.fleet.startLoad({ slowShare: 0.05, slowMs: 800 });
  }

  /** Neither in the state nor beside it, after an apply that pulled from a private registry. */
  #expectNoSecrets(): void {
    const { cloud, files } = this.fleet;
    const secrets = new Map<string, string>([["the API token", LAB_TOKEN], ...Object.entries(appSecrets)]);
    cloud.api.logins.minted.forEach(({ token }, index) => secrets.set(`minted login ${index + 1}`, token));
    expect(secrets.size).toBeGreaterThan(3);
    const state = files.find(({ where }) => where.endsWith(".tfstate"));
    expect(state?.text).toContain('"digitalocean_droplet"');
    expect(found(secrets, files)).toEqual([]);
  }

  async #changeInPlace(): Promise<void> {
    const { machines } = this.fleet.cloud;
    const balancer = machines.balancer;
    await this.#change(two);
    expect(machines.balancer).toBe(balancer);
    expect(balancer.settings.check.intervalSeconds).toBe(3);
  }

  async #release(): Promise<void> {
    this.#image = await this.fleet.cloud.site.pushReference("v2");
    await this.#change(two);
  }

  /** The hosts change, the droplets do not. */
  async #change(config: FleetConfig): Promise<void> {
    const before = this.#ids;
    await this.#converge(config);
    expect(this.#ids).toEqual(before);
    await this.#expectServing("api-1", "api-2");
  }

  /** It fails the apply, nothing is deleted, and what served serves on; the same again with a good image goes well. */
  async #failingRelease(): Promise<void> {
    const [good, before] = [this.#image, this.#ids];
    this.#image = await this.fleet.cloud.site.pushBroken("never-healthy");
    expect((await this.#terraformApply()).exitCode).toBe(1);
    const plan = await this.fleet.terraform("plan", "-detailed-exitcode", "-var", `image=${this.#image}`);
    expect(plan.exitCode).toBe(2);
    this.#image = good;
    expect(this.#ids).toEqual(before);
    expect(this.fleet.cloud.machines.removals).toEqual([]);
    await this.#expectServing("api-1", "api-2");
    await this.#change(withMode);
  }

  /** Without it Terraform would take the droplets' network for changed, and replace them. */
  async #unreadable(): Promise<void> {
    const { api } = this.fleet.cloud;
    const before = api.calls.length;
    api.fail(/^GET .v2.vpcs/, 403, 100);
    const { exitCode, output } = await this.#terraformApply();
    api.mend();
    expect({ exitCode, output }).toEqual({ exitCode: 1, output });
    expect(output).toContain("403");
    expect(api.calls.slice(before).filter(({ call }) => !call.startsWith("GET "))).toEqual([]);
    await this.#change(withMode);
  }

  async #grow(): Promise<void> {
    const before = this.#ids;
    await this.#converge({ ...withMode, dropletCount: 4 });
    expect(this.#ids.slice(0, 2)).toEqual(before);
    await this.#expectServing("api-1", "api-2", "api-3", "api-4");
  }

  async #shrink(): Promise<void> {
    const [first, second, ...more] = this.#ids;
    await this.#removing(more, () => this.#converge(withMode));
    expect(this.#ids).toEqual([first, second]);
    await this.#expectServing("api-1", "api-2");
  }

  async #replace(): Promise<void> {
    const [first, second = "none"] = this.#ids;
    await this.#removing([second], () => this.#apply(`-replace=${this.fleet.addressOf("api-2")}`));
    expect(this.#ids[0]).toBe(first);
    await this.#expectServing("api-1", "api-2");
  }

  /** Droplets are replaced, and none is ever powered off, whatever became of the apply in between. */
  async #resize(): Promise<void> {
    const { api } = this.fleet.cloud;
    const [before, calls] = [this.#ids, api.calls.length];
    api.fail(/^POST .v2.droplets$/, 422, 1);
    await this.fleet.declare(larger);
    expect((await this.#terraformApply()).exitCode).toBe(1);
    expect(this.#ids).toEqual(expect.arrayContaining(before));
    await this.#removing(before, () => this.#apply());
    expect(api.calls.slice(calls).filter(({ call }) => /^POST .v2.droplets.\d+.actions$/.test(call))).toEqual([]);
    await this.#expectServing("api-1", "api-2");
  }

  /** Refused while hosts do not answer it, and done in two deploys. */
  async #changeOver(): Promise<void> {
    const { machines } = this.fleet.cloud;
    const path = (): string => machines.balancer.settings.check.path;
    await this.fleet.declare(contracted);
    const { exitCode, output } = await this.#terraformApply();
    expect({ exitCode, output }).toEqual({ exitCode: 1, output });
    expect(output).toContain("NotAnsweredYet");
    expect(path()).toBe("/health");
    await this.#change(expanded);
    expect(path()).toBe("/health");
    await this.#change(contracted);
    expect(path()).toBe("/up-9b1c");
  }

  /** For whoever leaves CDK for Terraform: the same, and so nothing to do. */
  async #inHcl(): Promise<void> {
    await this.fleet.declareInHcl(contracted);
    await this.#expectNothingToDo();
  }

  async #rebuild(): Promise<void> {
    const before = this.#ids;
    await this.#removing(before, async () => {
      await this.fleet.declare(contracted, "# rebuilt");
      await this.#apply();
    });
    for (const id of this.#ids) expect(before).not.toContain(id);
    await this.#expectServing("api-1", "api-2");
  }

  async #endLoad(): Promise<void> {
    const seen = await this.#load?.stop();
    expect(seen).toMatchObject({ failures: [], failed: 0, endedEarly: false });
    expect(seen?.sent).toBeGreaterThan(0);
  }

  async #destroy(): Promise<void> {
    const { cloud } = this.fleet;
    expect(await this.fleet.terraform("destroy", "-auto-approve")).toEqual(succeeded);
    expect(this.fleet.droplets).toEqual([]);
    expect(() => cloud.machines.balancer).toThrow("the site has no balancer");
  }

  async #converge(config: FleetConfig): Promise<void> {
    await this.fleet.declare(config);
    await this.#apply();
  }

  /** Exactly these droplets are deleted meanwhile, none while the balancer sent it requests. */
  async #removing(ids: readonly string[], work: () => Promise<void>): Promise<void> {
    const { removals } = this.fleet.cloud.machines;
    const before = removals.length;
    await work();
    const seen = removals.slice(before);
    expect(seen.map(({ dropletId }) => dropletId).sort()).toEqual([...ids].sort());
    expect(seen.flatMap(({ nodesUp }) => nodesUp)).toEqual([]);
  }

  #terraformApply(...options: string[]) {
    return this.fleet.terraform("apply", "-auto-approve", "-var", `image=${this.#image}`, ...options);
  }

  /** Afterwards there is nothing left to do. */
  async #apply(...options: string[]): Promise<void> {
    expect(await this.#terraformApply(...options)).toEqual(succeeded);
    await this.#expectNothingToDo();
  }

  async #expectNothingToDo(): Promise<void> {
    const plan = await this.fleet.terraform("plan", "-detailed-exitcode", "-var", `image=${this.#image}`);
    expect(plan).toEqual({ exitCode: 0, output: plan.output });
  }

  /** The account has exactly these droplets, each behind the balancer and with the release. */
  async #expectServing(...names: readonly string[]): Promise<void> {
    const { balancer } = this.fleet.cloud.machines;
    const all = Array.from({ length: balancer.settings.nodes }, (_, node) => node);
    const seen = this.fleet.droplets.map(async (droplet) => ({
      name: droplet.name,
      nodesUp: balancer.nodesUp(droplet.id),
      runs: (await droplet.containers()).filter(({ status }) => status === "running").map(({ image }) => image),
    }));
    expect(await Promise.all(seen)).toEqual(names.map((name) => ({ name, nodesUp: all, runs: [this.#image] })));
  }

  get #ids(): string[] {
    return this.fleet.droplets.map(({ id }) => id);
  }

  async #step(name: string, work: () => Promise<void>): Promise<void> {
    const startedAt = new Date().toISOString();
    try {
      await work();
      expect(this.#load?.progress().failed ?? 0).toBe(0);
    } catch (error) {
      const told = await this.#whatClientsSaw();
      throw new Error([`step "${name}", begun ${startedAt}: ${String(error)}`, ...told].join("\n"), { cause: error });
    }
  }

  /** Failed requests, and who was in rotation when, on one clock. */
  async #whatClientsSaw(): Promise<string[]> {
    const seen = await this.#load?.stop();
    if (!seen || seen.failed === 0) return [];
    const changes = this.fleet.cloud.machines.balancer.changes.map(
      ({ atMs, node, droplet, dropletId, up }) =>
        `${((atMs - seen.startedAtMs) / 1000).toFixed(1)} s: node ${node} takes ${droplet} (${dropletId}) ${up ? "in" : "out"}`,
    );
    const failed = `${seen.failed} of ${seen.sent} requests failed since ${new Date(seen.startedAtMs).toISOString()}:`;
    return [failed, ...failedBySecond(seen), "in rotation:", ...changes];
  }
}

/** Compared as a whole, so that a failure shows the output. */
const succeeded = { exitCode: 0, output: expect.anything() };
