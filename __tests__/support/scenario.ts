/** One scenario: a synthesized fleet on a site of the lab, a load on its balancer, rollouts as Terraform runs them. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll } from "@jest/globals";
import { execa } from "execa";
import type { FleetConfig } from "../../constructs/index.js";
import { environmentNames, manifest as manifestSchema, type Manifest } from "../../contract/manifest.js";
import { parseJson } from "../../contract/problems.js";
import { withCheck } from "../../lab/check.js";
import { embedded, type EmbeddedWorld } from "../../lab/embedded/site.js";
import { isMeasured, notMeasuredText } from "../../lab/load/accounting.js";
import { startLoad, type Load, type LoadReport, type LoadSettings } from "../../lab/load/load.js";
import { margin } from "../../lab/load/margin.js";
import { apply, deploy, type Deployment } from "../../lab/rehearsal.js";
import type { OpenSite, Site, SiteDroplet } from "../../lab/site.js";
import { Stacks } from "../../lab/stacks.js";
import { startWorld, type World, type WorldOptions } from "../../lab/world.js";
import { realPorts } from "../../scripts/rollout/compose.js";
import type { Parts } from "../../scripts/rollout/context.js";
import type { RolloutEvent } from "../../scripts/rollout/core/events.js";
import type { Receipt } from "../../scripts/rollout/core/receipt.js";
import { rollout } from "../../scripts/rollout/run.js";
import { testRecordKeys } from "./fleet.js";

/** Provider and DigitalOcean start at 3 seconds; a scenario that is not about the clock need not wait that long. */
export const FAST_CHECK = {
  checkIntervalSeconds: 1,
  responseTimeoutSeconds: 1,
  unhealthyThreshold: 2,
  healthyThreshold: 2,
} as const;

const folder = mkdtempSync(path.join(tmpdir(), "evenkeel-e2e-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
/** Of this test file. */
const stacks = new Stacks("__tests__/support/e2e.config.ts", "E2E_FLEET", folder);

export interface ScenarioOptions {
  readonly fleet?: FleetConfig;
  readonly world?: WorldOptions;
  /** Check of balancer and manifest. @default FAST_CHECK */
  readonly check?: Partial<Manifest["healthCheck"]>;
  /** Changes the synthesized stack. @default - as it is */
  readonly change?: (stackJson: object) => object;
}

/** A scenario elsewhere than in the embedded lab. */
export interface SiteScenarioOptions<Opened extends Site> extends ScenarioOptions {
  readonly site: OpenSite<Opened>;
}

/** What was done under load, and what clients saw of it. */
export interface UnderLoad<Result> {
  readonly result: Result;
  readonly seen: LoadReport;
  /** Requests that had failed when it began. */
  readonly failedBefore: number;
}

const USUAL_LOAD = { ratePerSecond: 60, slowShare: 0.05, slowMs: 800 } as const;

export class Scenario<On extends World = EmbeddedWorld> {
  readonly #loads: Load[] = [];

  private constructor(
    readonly world: On,
    readonly stackFolder: string,
    /** What the scenario makes of a synthesized stack. */
    private readonly adapted: (stackJson: object) => object,
  ) {}

  /** @param options `site` is the embedded one unless said */
  static start(options?: ScenarioOptions): Promise<Scenario>;
  static start<Droplet extends SiteDroplet, On extends Site<Droplet>>(
    options: SiteScenarioOptions<On & Site<Droplet>>,
  ): Promise<Scenario<World<Droplet, On>>>;
  static async start(options: Partial<SiteScenarioOptions<Site>> = {}): Promise<Scenario<World>> {
    const { fleet = {}, site = embedded(), world = {}, check = FAST_CHECK, change = (json: object) => json } = options;
    const stack = await stacks.of(fleet);
    const adapted = (json: object): object => change(withCheck(json, check));
    const stackJson = adapted(stack.json);
    return new Scenario(await startWorld({ stackJson, site, options: world }), stack.folder, adapted);
  }

  /** Deploys as `terraform apply` would. */
  deploy(image: string, environment: Readonly<Record<string, string>> = {}): Promise<Deployment> {
    return deploy(this.world, { image, stackFolder: this.stackFolder, environment });
  }

  /** `npm run rollout -- rollback`, as a user calls it. */
  async rollBack(): Promise<{ exitCode: number; stderr: string }> {
    const { environment } = this.world.rolloutCommand({ image: "", stackFolder: this.stackFolder });
    const argv = ["--import", "tsx", `${process.cwd()}/scripts/rollout.ts`, "rollback"];
    const options = { cwd: process.cwd(), env: environment, extendEnv: false, reject: false } as const;
    const { exitCode = -1, stderr } = await execa(process.execPath, argv, options);
    return { exitCode, stderr };
  }

  /** Changes the configuration as `terraform apply` would. @param change of the synthesized stack */
  async apply(
    fleet: FleetConfig,
    image: string,
    change: (stackJson: object) => object = (json) => json,
  ): Promise<Deployment> {
    const { folder: stackFolder, json } = await stacks.of(fleet);
    return apply(this.world, { image, stack: { folder: stackFolder, json: change(this.adapted(json)) } });
  }

  /** Pushes and deploys version 1, and insists that it worked. */
  async begin(): Promise<string> {
    const image = await this.world.pushReference("v1");
    const { exitCode, stderr } = await this.deploy(image);
    if (exitCode !== 0) throw new Error(`the first deploy ended with ${exitCode}:\n${stderr}`);
    return image;
  }

  /** Load on the balancer; 60 requests a second unless said, some of them slow. */
  async load(settings: Partial<LoadSettings> = {}): Promise<Load> {
    const load = await startLoad({ url: this.world.balancer.url(), ...USUAL_LOAD, ...settings });
    this.#loads.push(load);
    return load;
  }

  /**
   * Does something under load, which begins before it and ends after it, and tells what the client saw.
   * @throws Error when this machine was too busy to send the load: what nobody sent shows nothing
   */
  async under<Result>(work: () => Promise<Result>, settings: Partial<LoadSettings> = {}): Promise<UnderLoad<Result>> {
    const { ratePerSecond } = { ...USUAL_LOAD, ...settings };
    const load = await this.load(settings);
    await margin(load, ratePerSecond);
    const failedBefore = load.progress().failed;
    const result = await work();
    await margin(load, ratePerSecond);
    const seen = await load.stop();
    if (!isMeasured(seen)) throw new Error(notMeasuredText(seen.notMeasured));
    return { result, seen, failedBefore };
  }

  /** A rollout in this process over the real adapters, with parts of it exchanged. */
  async rolloutWith(
    parts: Parts,
    image: string,
    onEvent: (event: RolloutEvent) => void = () => undefined,
  ): Promise<Receipt> {
    const { environment } = this.world.rolloutCommand({ image, stackFolder: this.stackFolder });
    const manifest = parseJson("manifest", manifestSchema, environment[environmentNames.manifest] ?? "");
    const ports = realPorts(manifest, environment, () => ({ emit: onEvent }));
    const request = {
      manifest,
      wanted: { do: "deploy", image } as const,
      startedByTerraform: true,
      skipPreDeploy: false,
      registryLogin: null,
      ...testRecordKeys,
      secrets: null,
      owner: "test@lab",
      waitSeconds: 0,
      signal: new AbortController().signal,
    };
    try {
      return await rollout(request, ports, parts);
    } finally {
      await ports.dispose();
    }
  }

  /** Image of the running current container of every declared droplet; null where none runs. */
  running(): Promise<(string | null)[]> {
    return Promise.all(
      this.world.droplets.map(async (droplet) => {
        const current = (await droplet.containers()).find((container) => container.name === "api");
        return current?.status === "running" ? current.image : null;
      }),
    );
  }

  async end(): Promise<void> {
    await Promise.all(this.#loads.map((load) => load.stop().catch(() => undefined)));
    await this.world.stop();
  }
}
