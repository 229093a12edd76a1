/**
 * Whoever follows docs/life-cycle.md: does each line of it on the embedded lab. `npm run rollout` and `ssh-keygen` are the real ones.
 * `cdktf deploy` synthesizes, lets the lab create what Terraform would create, runs the provisioner's own command, and only when that ends
 * well deletes what is declared no more. `docker` pushes the lab's own builds. A line that is not known is an error.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { execa } from "execa";
import type { FleetConfig } from "../../constructs/index.js";
import { environmentNames } from "../../contract/manifest.js";
import { withCheck } from "../../lab/check.js";
import { embedded, type EmbeddedWorld } from "../../lab/embedded/site.js";
import { startLoad, type Load } from "../../lab/load/load.js";
import { deploy } from "../../lab/rehearsal.js";
import type { Stacks } from "../../lab/stacks.js";
import type { Removal } from "../../lab/world.js";
import { startWorld } from "../../lab/world.js";
import { FAST_CHECK } from "./scenario.js";

export interface Done {
  readonly line: string;
  readonly exitCode: number;
  readonly output: string;
}

/** Few, and patient, for a machine that is busy with other things: nothing is concluded from how long an answer takes. */
const RATE = 20;
const PATIENCE_MS = 120_000;

const ENOUGH: Pick<Done, "exitCode" | "output"> = { exitCode: 0, output: "" };

export class Reader {
  /** Droplets that were deleted before the fleet was torn down. */
  readonly removals: Removal[] = [];
  #world: EmbeddedWorld | null = null;
  #load: Load | null = null;
  #fleet: FleetConfig;
  readonly #environment = new Map<string, string>();
  /** Private keys that the agent holds. */
  #agent: string[] = [];
  #image = "";

  /** @param folder the reader's home */
  constructor(
    readonly folder: string,
    private readonly stacks: Stacks,
    /** What fleet.config.ts holds besides what the page edits. */
    fleet: FleetConfig = {},
  ) {
    this.#fleet = fleet;
    mkdirSync(path.join(folder, ".ssh"));
  }

  get world(): EmbeddedWorld {
    if (!this.#world) throw new Error("nothing is deployed");
    return this.#world;
  }

  /** Image that the last push printed. */
  get image(): string {
    return this.#image;
  }

  /** Digests of the images that run, in the order of the droplets. */
  async running(): Promise<(string | null)[]> {
    return Promise.all(
      this.world.droplets.map(async (droplet) => {
        const current = (await droplet.containers()).find(({ name }) => name === "api");
        return current?.status === "running" ? current.image : null;
      }),
    );
  }

  /** Clients from now on. */
  async startLoad(): Promise<Load> {
    const clients = { ratePerSecond: RATE, slowShare: 0.05, slowMs: 800, timeoutMs: PATIENCE_MS };
    this.#load = await startLoad({ url: this.world.balancer.url(), ...clients });
    return this.#load;
  }

  /** One field of fleet.config.ts. */
  edit(line: string): void {
    const [, count] = /^dropletCount: (\d+),$/.exec(line) ?? [];
    if (count === undefined) throw new Error(`the page has a field that this reader does not know: ${line}`);
    this.#fleet = { ...this.#fleet, dropletCount: Number(count) };
  }

  async run(line: string): Promise<Done> {
    for (const [form, work] of this.#commands) {
      const found = form.exec(line);
      if (found) return { line, ...(await work(...found.slice(1))) };
    }
    throw new Error(`the page has a command that this reader does not know: ${line}`);
  }

  async end(): Promise<void> {
    await this.#load?.stop();
    await this.#world?.stop();
  }

  readonly #commands: readonly (readonly [
    RegExp,
    (...words: string[]) => Promise<Pick<Done, "exitCode" | "output">>,
  ])[] = [
    [/^export DIGITALOCEAN_TOKEN=…$/, async () => ENOUGH],
    [/^export EVENKEEL_SSH_ALLOWED_CIDRS=[\d./]+$/, async () => ENOUGH],
    [
      /^export EVENKEEL_SSH_PUBLIC_KEY="\$\(cat (~\/\.ssh\/[\w-]+\.pub)\)"$/,
      async (file = "") => this.#publicKey(file),
    ],
    [/^ssh-keygen (.*) -f (~\/\.ssh\/[\w-]+) -N ""$/, async (kind = "", file = "") => this.#keygen(kind, file)],
    [/^ssh-add (~\/\.ssh\/[\w-]+)$/, async (file = "") => this.#hold([...this.#agent, this.#home(file)])],
    [
      /^ssh-add -d (~\/\.ssh\/[\w-]+)$/,
      async (file = "") => this.#hold(this.#agent.filter((one) => one !== this.#home(file))),
    ],
    // Synthesis bundles as well.
    [/^npm ci && npm run build$/, async () => ENOUGH],
    [/^docker build --platform linux\/amd64 -t registry\.digitalocean\.com\/acme\/api:v\d+ app$/, async () => ENOUGH],
    [/^docker push registry\.digitalocean\.com\/acme\/api:(v\d+)$/, async (tag = "") => this.#push(tag)],
    [
      /^export IMAGE=registry\.digitalocean\.com\/acme\/api@sha256:…$/,
      async () => {
        this.#environment.set("IMAGE", this.#image);
        return ENOUGH;
      },
    ],
    [/^npx cdktf deploy$/, async () => this.#deploy("")],
    [/^npx cdktf deploy --var image=\$IMAGE$/, async () => this.#deploy(this.#environment.get("IMAGE") ?? "")],
    [
      /^TF_CLI_ARGS_apply='-replace=(digitalocean_droplet\.[\w-]+)' npx cdktf deploy$/,
      async (address = "") => this.#deploy("", address),
    ],
    [/^npx cdktf output --outputs-file outputs\.json$/, async () => this.#outputs()],
    [/^npm run rollout -- (.*)$/, async (words = "") => this.#rollout(words)],
    [/^npx cdktf destroy$/, async () => this.#destroy()],
  ];

  #home = (file: string): string => path.join(this.folder, file.replace(/^~\//, ""));

  async #publicKey(file: string) {
    const publicKey = readFileSync(this.#home(file), "utf8").trim();
    this.#fleet = { ...this.#fleet, ssh: { publicKey } };
    return ENOUGH;
  }

  async #keygen(kind: string, file: string) {
    await execa("ssh-keygen", ["-q", ...kind.split(" "), "-f", this.#home(file), "-N", ""]);
    return ENOUGH;
  }

  async #hold(keys: readonly string[]) {
    this.#agent = [...keys];
    return ENOUGH;
  }

  async #push(tag: string) {
    this.#image = await this.world.pushReference(tag);
    return { exitCode: 0, output: this.#image };
  }

  async #deploy(image: string, replaced?: string) {
    const { folder, json } = await this.stacks.of(this.#fleet);
    const stackJson = withCheck(json, FAST_CHECK);
    if (!this.#world) {
      const options = { onlyOrderedKeys: true };
      this.#world = await startWorld({ stackJson, site: embedded(), options });
    } else await this.#world.redeclare(stackJson);
    if (replaced !== undefined) await this.world.replace(replaced);
    const environment = this.#sshEnvironment();
    const { exitCode, stderr } = await deploy(this.world, { image, stackFolder: folder, environment });
    if (exitCode === 0) for (const old of this.world.superseded) this.removals.push(await this.world.remove(old));
    return { exitCode, output: stderr };
  }

  async #outputs() {
    const outputs = { "api-e2e": { manifest: this.world.output("manifest") } };
    writeFileSync(path.join(this.folder, "outputs.json"), JSON.stringify(outputs));
    return ENOUGH;
  }

  async #rollout(words: string) {
    const argv = words.split(" ").map((word) => (word === "$IMAGE" ? (this.#environment.get("IMAGE") ?? "") : word));
    const script = path.resolve("scripts/rollout.ts");
    const tsx = import.meta.resolve("tsx");
    const {
      exitCode = -1,
      stdout,
      stderr,
    } = await execa(process.execPath, ["--import", tsx, script, ...argv], {
      cwd: this.folder,
      env: { PATH: process.env["PATH"], ...this.world.environment(), ...this.#sshEnvironment() },
      ...{ extendEnv: false, reject: false, stdin: "ignore" },
    });
    return { exitCode, output: `${stdout}\n${stderr}` };
  }

  /** In place of an agent: the lab's configuration, which knows where droplets are, with the keys that the agent holds before its own. */
  #sshEnvironment(): Record<string, string> {
    const lab = this.world.environment()[environmentNames.sshConfig] ?? "";
    const file = path.join(this.folder, "ssh_config");
    const keys = this.#agent.map((key) => `IdentityFile "${key}"\n`).join("");
    writeFileSync(file, `${keys}Include "${lab}"\n`, { mode: 0o600 });
    return { [environmentNames.sshConfig]: file };
  }

  async #destroy() {
    await this.#load?.stop();
    for (const droplet of this.world.droplets) await this.world.remove(droplet);
    return ENOUGH;
  }
}
