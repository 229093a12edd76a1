/** A fleet that real Terraform makes in an account of the lab, on whichever site. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import type { FleetConfig } from "../../constructs/index.js";
import { startCloud, type Cloud } from "../../lab/cloud.js";
import { startLoad, type Load, type LoadReport, type LoadSettings } from "../../lab/load/load.js";
import { configEnvironment } from "../../contract/config.js";
import { buildBundle, synthesize, synthesizeHcl } from "../../lab/rehearsal.js";
import type { OpenSite, Site, SiteDroplet } from "../../lab/site.js";
import { ProjectCopy } from "./project-copy.js";
import { filesIn, type Place } from "./secrets.js";
import { projectFile } from "./stacks.js";
import { UNATTENDED } from "./terraform-provider.js";

export interface Finished {
  readonly exitCode: number;
  readonly output: string;
}

/** Of the app, and the key to their fingerprint. */
export const appSecrets = {
  DATABASE_URL: "postgres://api:q7f3-app-secret@db/api",
  EVENKEEL_SECRETS_KEY: "5e1d0c7b9a3f48261b7c6d5e4f3a2b1c",
} as const;
const environmentOf = (fleet: FleetConfig) => ({ ...appSecrets, TERRAFORM_FLEET: JSON.stringify(fleet) });

const CONFIG = "__tests__/support/terraform.config.ts";
/** No run of Terraform here may take longer. */
const LIMIT_MS = 600_000;

export class TerraformFleet<Droplet extends SiteDroplet, On extends Site<Droplet>> {
  readonly #root = mkdtempSync(path.join(tmpdir(), "evenkeel-terraform-"));
  #stackFolder = this.#root;
  #droplets: readonly string[] = [];
  #project: ProjectCopy | null = null;
  #load: Load | null = null;

  private constructor(readonly cloud: Cloud<Droplet, On>) {}

  static async start<Droplet extends SiteDroplet, On extends Site<Droplet>>(
    site: OpenSite<On & Site<Droplet>>,
  ): Promise<TerraformFleet<Droplet, On>> {
    return new TerraformFleet<Droplet, On>(await startCloud<Droplet, On>(site, { balancer: { retries: 0 } }));
  }

  /**
   * Synthesizes the stack anew, as a user does after a change of the configuration.
   * @param userDataLine at the end of the droplets' user data, which makes them others @default - none
   */
  async declare(fleet: FleetConfig, userDataLine?: string): Promise<void> {
    rmSync(path.join(this.#stackFolder, "cdk.tf"), { force: true });
    const stack = await synthesize(CONFIG, this.#out, environmentOf(fleet));
    this.#stackFolder = stack.folder;
    this.#droplets = Object.keys((stack.json as Droplets).resource.digitalocean_droplet);
    if (userDataLine === undefined) return;
    const file = path.join(stack.folder, "cdk.tf.json");
    writeFileSync(file, JSON.stringify(withUserDataLine(stack.json, userDataLine)));
  }

  /** Declares the same in Terraform's own language. */
  async declareInHcl(fleet: FleetConfig): Promise<void> {
    await synthesizeHcl(CONFIG, this.#out, environmentOf(fleet));
    rmSync(path.join(this.#stackFolder, "cdk.tf.json"));
  }

  get #out(): string {
    return path.join(this.#root, "cdktf.out");
  }

  /** Terraform's address of a declared droplet. @throws Error for one that is not declared */
  addressOf(droplet: string): string {
    const block = this.#droplets.find((name) => name.startsWith(`fleet_${droplet}_`));
    if (block === undefined) throw new Error(`no droplet ${droplet} is declared`);
    return `digitalocean_droplet.${block}`;
  }

  /** Runs Terraform on the stack as its user would; the machines are as the account has them afterwards. */
  terraform(...args: string[]): Promise<Finished> {
    return this.#run("terraform", [...args, "-no-color"], this.#stackFolder, {});
  }

  /** Runs cdktf's command line in a copy of the project as its user would, with two droplets declared. */
  async cdktf(...args: string[]): Promise<Finished> {
    if (!this.#project) {
      await buildBundle();
      this.#project = new ProjectCopy({}, projectFile("dist/rollout.mjs"));
    }
    const environment = { [configEnvironment.config]: projectFile(CONFIG), ...environmentOf({ dropletCount: 2 }) };
    // The lock of the providers asks a registry, where all else is content with a mirror.
    return this.#run("node_modules/.bin/cdktf", [...args, "--skip-provider-lock"], this.#project.folder, environment);
  }

  async #run(command: string, args: readonly string[], cwd: string, more: Record<string, string>): Promise<Finished> {
    const { exitCode, all } = await execa(command, args, {
      ...{ cwd, env: { ...this.cloud.environment(), ...UNATTENDED, ...appSecrets, ...more } },
      ...{ all: true, reject: false, stdin: "ignore", timeout: LIMIT_MS },
    });
    await this.cloud.account.settled();
    return { exitCode: exitCode ?? -1, output: all };
  }

  /** Every droplet of the account, by name. */
  get droplets(): Droplet[] {
    const ids = this.cloud.account.droplets.all.map(({ id }) => String(id));
    return ids
      .map((id) => this.cloud.machines.droplet(id))
      .sort((one, other) => one.name.localeCompare(other.name) || one.id.localeCompare(other.id));
  }

  /** Everything that Terraform and synthesis left, but for the provider itself: the state, what it was before, the stack. */
  get files(): Place[] {
    return filesIn(this.#root).filter(({ where }) => !where.includes("/.terraform/"));
  }

  async startLoad(settings: Partial<LoadSettings>): Promise<Load> {
    const url = this.cloud.machines.balancer.url();
    this.#load = await startLoad({ url, ratePerSecond: 100, mostSeconds: 3600, ...settings });
    return this.#load;
  }

  async end(): Promise<void> {
    await this.#load?.stop();
    rmSync(this.#root, { recursive: true });
    this.#project?.remove();
    await this.cloud.stop();
  }
}

interface Droplets {
  readonly resource: { readonly digitalocean_droplet: Readonly<Record<string, { user_data: string }>> };
}

function withUserDataLine(stackJson: object, line: string): object {
  const stack = structuredClone(stackJson) as Droplets;
  for (const droplet of Object.values(stack.resource.digitalocean_droplet)) droplet.user_data += `${line}\n`;
  return stack;
}

/** Failed requests by second and kind, such as "12 s: 31 status 503". */
export function failedBySecond({ failures }: LoadReport): string[] {
  const counts = new Map<string, number>();
  for (const { atMs, kind, status } of failures) {
    const moment = `${Math.floor(atMs / 1000)} s: ${kind} ${status ?? ""}`.trim();
    counts.set(moment, (counts.get(moment) ?? 0) + 1);
  }
  return [...counts].map(([moment, count]) => `${moment} x ${count}`);
}
