/** What Terraform does with a fleet, in which order: its own graph, with stand-ins for every resource. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FleetConfig } from "../../constructs/index.js";
import type { Synthesized } from "./schema-check.js";
import { exampleStack, projectFile, synthesized } from "./stacks.js";
import { terraformWith, writeStandIns } from "./terraform.js";

const BUNDLE = projectFile("__tests__/fixtures/failing-bundle.mjs");

/** A line of `terraform apply -json`. @see https://developer.hashicorp.com/terraform/internals/machine-readable-ui */
interface Line {
  readonly type: string;
  readonly hook?: { readonly resource: { readonly resource_name: string }; readonly action?: string };
}

export interface Applied {
  readonly status: number | null;
  /** Such as "create api-1" and "delete rollout", as they ended; "failed rollout" for a provisioner that did not end well. */
  readonly done: readonly string[];
}

export interface ApplyOptions {
  readonly config?: FleetConfig;
  /** Changes the synthesized stack. @default - as it is */
  readonly change?: (stack: Synthesized) => Synthesized;
  readonly image?: string;
  /** How the rollout ends. @default 0 */
  readonly exitCode?: number;
  /** How the guard ends. @default 0 */
  readonly guardExitCode?: number;
  /** Names of droplets to be replaced. @default - none */
  readonly replace?: readonly string[];
}

export class TerraformGraph {
  readonly #root = mkdtempSync(join(tmpdir(), "evenkeel-graph-"));
  #initialized = false;

  /** As `cdktf deploy` of that configuration. */
  apply(options: ApplyOptions = {}): Applied {
    const {
      config = {},
      change = (stack: Synthesized): Synthesized => stack,
      image = "api:v1",
      exitCode = 0,
      guardExitCode = 0,
      replace = [],
    } = options;
    const stack = change(synthesized(exampleStack(config, BUNDLE)));
    const folder = writeStandIns(this.#root, stack, BUNDLE);
    if (!this.#initialized) insist(terraformWith({}, folder, "init"));
    this.#initialized = true;
    const blocks = Object.keys(stack.resource["digitalocean_droplet"] ?? {});
    const replaced = blocks.filter((block) => replace.includes(short(block))).map((block) => `terraform_data.${block}`);
    return this.#run(folder, { exitCode, guardExitCode }, [
      "apply",
      ...["-auto-approve", "-input=false", "-json", "-var", `image=${image}`],
      ...replaced.map((address) => `-replace=${address}`),
    ]);
  }

  destroy(): Applied {
    const folder = join(this.#root, "cdktf.out", "stacks", "api-production");
    return this.#run(folder, { exitCode: 0, guardExitCode: 0 }, ["destroy", "-auto-approve", "-input=false", "-json"]);
  }

  end(): void {
    rmSync(this.#root, { recursive: true });
  }

  #run(folder: string, ends: Ends, args: string[]): Applied {
    const codes = { ROLLOUT_EXIT_CODE: String(ends.exitCode), GUARD_EXIT_CODE: String(ends.guardExitCode) };
    const { status, output } = terraformWith(codes, folder, ...args);
    const lines = output
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Line);
    return { status, done: lines.flatMap(doneIn) };
  }
}

type Ends = Readonly<Required<Pick<ApplyOptions, "exitCode" | "guardExitCode">>>;

function doneIn({ type, hook }: Line): string[] {
  const name = short(hook?.resource.resource_name ?? "");
  if (type === "apply_complete") return [`${hook?.action} ${name}`];
  return type === "provision_errored" ? [`failed ${name}`] : [];
}

/** `fleet_api-1_EA027F34` is api-1, `rollout_62A1C2B8` the rollout, and `held-ports_firewall_98CA18FC` no second firewall. */
const short = (block: string): string => {
  const words = block.split("_").slice(0, -1);
  return (words.at(-1) === "firewall" ? words[0] : words.at(-1)) ?? block;
};

function insist({ status, output }: { status: number | null; output: string }): void {
  if (status !== 0) throw new Error(output);
}
