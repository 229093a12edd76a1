/** What real Terraform does with the stack, and what the droplets of a site do in consequence. One suite for every site. */
import { describe, expect, it } from "@jest/globals";
import type { FleetConfig } from "../../constructs/index.js";
import { LAB_TOKEN } from "../../lab/cloud.js";
import type { Load } from "../../lab/load/load.js";
import type { OpenSite, Site, SiteDroplet } from "../../lab/site.js";
import { found } from "./secrets.js";
import { failedBySecond, TerraformFleet, type Declared } from "./terraform-fleet.js";
import { whyNoProvider } from "./terraform-provider.js";

/** @param where such as "on the embedded site" */
export function describeTerraform<Droplet extends SiteDroplet, On extends Site<Droplet>>(
  where: string,
  site: OpenSite<On & Site<Droplet>>,
): void {
  const why = whyNoProvider();
  const title = `real Terraform with a fleet ${where}`;
  const whenThere = why === null ? describe : describe.skip;
  whenThere(why === null ? title : `${title} (skipped: ${why})`, () => {
    it("creates, changes in place, grows, shrinks, rebuilds and destroys; the droplets follow, no request fails", async () => {
      const course = new Course(await TerraformFleet.start<Droplet, On>(site));
      try {
        await course.run();
      } finally {
        await course.end();
      }
    });
  });
}

const fleetOf = (dropletCount: number, checkIntervalSeconds: number): FleetConfig => ({
  dropletCount,
  healthCheck: { checkIntervalSeconds, responseTimeoutSeconds: 3, unhealthyThreshold: 2, healthyThreshold: 2 },
});

/** The steps need each other's order, so they are one test; its error says which one failed. */
class Course<Droplet extends SiteDroplet, On extends Site<Droplet>> {
  #image = "";
  #load: Load | null = null;

  constructor(private readonly fleet: TerraformFleet<Droplet, On>) {}

  async run(): Promise<void> {
    this.#image = await this.fleet.cloud.site.pushReference("v1");
    await this.#step("the first apply", () => this.#create());
    await this.#step("another interval of the health check", () => this.#changeInPlace());
    await this.#step("a third droplet", () => this.#grow());
    await this.#step("two droplets again", () => this.#shrink());
    await this.#step("other user data", () => this.#rebuild());
    await this.#step("the end of the load", () => this.#endLoad());
    await this.#step("destroy", () => this.#destroy());
  }

  end(): Promise<void> {
    return this.fleet.end();
  }

  async #create(): Promise<void> {
    await this.fleet.declare({ fleet: fleetOf(2, 4) });
    expect(await this.fleet.terraform("init")).toEqual(succeeded);
    await this.#apply();
    await this.#expectServing("api-1", "api-2");
    this.#expectNoSecrets();
    this.#load = await this.fleet.startLoad({ slowShare: 0.05, slowMs: 800 });
  }

  /** Neither in the state nor beside it, after an apply that pulled from a private registry. */
  #expectNoSecrets(): void {
    const { cloud, files } = this.fleet;
    const secrets = new Map([["the API token", LAB_TOKEN]]);
    cloud.api.logins.minted.forEach(({ token }, index) => secrets.set(`minted login ${index + 1}`, token));
    expect(secrets.size).toBeGreaterThan(1);
    const state = files.find(({ where }) => where.endsWith(".tfstate"));
    expect(state?.text).toContain('"digitalocean_droplet"');
    expect(found(secrets, files)).toEqual([]);
  }

  async #changeInPlace(): Promise<void> {
    const { machines } = this.fleet.cloud;
    const [ids, balancer] = [this.#ids, machines.balancer];
    await this.#converge({ fleet: fleetOf(2, 3) });
    expect(machines.balancer).toBe(balancer);
    expect(balancer.settings.check.intervalSeconds).toBe(3);
    expect(this.#ids).toEqual(ids);
    await this.#expectServing("api-1", "api-2");
  }

  async #grow(): Promise<void> {
    const before = this.#ids;
    await this.#converge({ fleet: fleetOf(3, 3) });
    expect(this.#ids.slice(0, 2)).toEqual(before);
    await this.#expectServing("api-1", "api-2", "api-3");
  }

  async #shrink(): Promise<void> {
    const [first, second, third] = this.#ids;
    await this.#converge({ fleet: fleetOf(2, 3) });
    expect(this.#ids).toEqual([first, second]);
    expect(this.fleet.cloud.machines.removals).toEqual([{ droplet: "api-3", dropletId: third, nodesUp: [] }]);
    await this.#expectServing("api-1", "api-2");
  }

  async #rebuild(): Promise<void> {
    const before = this.#ids;
    await this.#converge({ fleet: fleetOf(2, 3), userDataLine: "# rebuilt" });
    const removals = this.fleet.cloud.machines.removals.slice(1);
    expect(removals.map(({ dropletId }) => dropletId).sort()).toEqual([...before].sort());
    expect(removals.map(({ nodesUp }) => nodesUp)).toEqual([[], []]);
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

  async #converge(declared: Declared): Promise<void> {
    await this.fleet.declare(declared);
    await this.#apply();
  }

  /** Afterwards there is nothing left to do. */
  async #apply(): Promise<void> {
    const image = `image=${this.#image}`;
    expect(await this.fleet.terraform("apply", "-auto-approve", "-var", image)).toEqual(succeeded);
    const plan = await this.fleet.terraform("plan", "-detailed-exitcode", "-var", image);
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
