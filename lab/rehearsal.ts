/** A rollout rehearsed as it is declared: synthesized JSON, a world made from it, and the provisioner's own command. */
import { execa } from "execa";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Receipt } from "../scripts/rollout/core/receipt.js";
import type { RolloutEvent } from "../scripts/rollout/core/events.js";
import type { ProvisionerCommand, World } from "./world.js";

const PROJECT = fileURLToPath(new URL("..", import.meta.url));
/** No rollout in the lab may take longer: ten droplets at ten seconds take half of it. */
const LIMIT_MS = 900_000;

export interface SynthesizedStack {
  /** Holds cdk.tf.json and its assets, all that Terraform needs. */
  readonly folder: string;
  readonly json: object;
}

/** Bundles the rollout and synthesizes the stack of a configuration module into `outFolder`, as `npm run synth` does. */
export async function synthesize(
  configModule: string,
  outFolder: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<SynthesizedStack> {
  await buildBundle();
  await runMain(configModule, outFolder, environment);
  const stacks = path.join(outFolder, "stacks");
  const [name] = readdirSync(stacks);
  if (name === undefined) throw new Error(`no stack was synthesized into ${stacks}`);
  const folder = path.join(stacks, name);
  return { folder, json: JSON.parse(readFileSync(path.join(folder, "cdk.tf.json"), "utf8")) as object };
}

/** The same in Terraform's own language, as `cdktf synth --hcl` does: cdk.tf in place of cdk.tf.json in the folder of the stack. */
export const synthesizeHcl = (
  configModule: string,
  outFolder: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<void> => runMain(configModule, outFolder, { ...environment, SYNTH_HCL_OUTPUT: "true" });

const runMain = (
  configModule: string,
  outFolder: string,
  environment: Readonly<Record<string, string>>,
): Promise<void> =>
  runScript("main.ts", {
    ...environment,
    EVENKEEL_CONFIG: path.resolve(PROJECT, configModule),
    CDKTF_OUTDIR: outFolder,
  });

/** Bundles the rollout into dist, as `npm run build` does. */
export const buildBundle = (): Promise<void> => runScript("scripts/bundle.ts", {});

async function runScript(script: string, environment: Readonly<Record<string, string>>): Promise<void> {
  await execa(process.execPath, ["--import", "tsx", script], { cwd: PROJECT, env: environment });
}

export interface Deployment {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** What the rollout left behind; empty and null when it did not come that far. */
  readonly events: readonly RolloutEvent[];
  readonly receipt: Receipt | null;
}

export interface DeployOptions {
  readonly image: string;
  readonly stackFolder: string;
  /** Lets progress through to this process's stderr. @default false */
  readonly show?: boolean;
  readonly environment?: Readonly<Record<string, string>>;
  /** Tells the rollout to stop; what it began is taken back before this resolves. @default - it is left alone */
  readonly signal?: AbortSignal;
}

/**
 * Changes the world to another version of the stack as `terraform apply` would: the guard first, where it would run; then balancer and
 * droplets; then the rollout. Superseded droplets stay, for the caller to remove.
 */
export async function apply(
  world: World,
  { stack, ...options }: Omit<DeployOptions, "stackFolder"> & { readonly stack: SynthesizedStack },
): Promise<Deployment> {
  const stackFolder = stack.folder;
  const guard = world.guardCommand({ stackJson: stack.json, stackFolder });
  const asked = guard && (await runCommand(guard, options));
  if (asked && asked.exitCode !== 0) return { ...asked, events: [], receipt: null };
  await world.redeclare(stack.json);
  const deployed = await deploy(world, { ...options, stackFolder });
  return { ...deployed, stderr: `${asked?.stderr ?? ""}\n${deployed.stderr}`.trim() };
}

/** Runs the command of the provisioner with its environment, as `terraform apply` would. */
export async function deploy(world: World, { image, stackFolder, ...options }: DeployOptions): Promise<Deployment> {
  const rollout = world.rolloutCommand({ image, stackFolder });
  const before = runFolders(rollout.environment);
  const ended = await runCommand(rollout, options);
  const folder = runFolders(rollout.environment).find((candidate) => !before.includes(candidate));
  return { ...ended, events: folder ? eventsIn(folder) : [], receipt: folder ? receiptIn(folder) : null };
}

type RunOptions = Pick<DeployOptions, "show" | "environment" | "signal">;

/** @throws Error when it does not end */
async function runCommand(
  { command, environment: declared, cwd }: ProvisionerCommand,
  { show = false, environment = {}, signal }: RunOptions,
): Promise<Pick<Deployment, "exitCode" | "stdout" | "stderr">> {
  const result = await execa("/bin/sh", ["-c", command], {
    cwd,
    env: { ...declared, ...environment },
    extendEnv: false,
    reject: false,
    timeout: LIMIT_MS,
    stdin: "ignore",
    // Ends the shell; the rollout sees that its parent is gone, and its output, which is waited for, ends when it does.
    ...(signal ? { cancelSignal: signal } : {}),
    stderr: show ? ["pipe", "inherit"] : "pipe",
  });
  if (result.timedOut) throw new Error(`the rollout has not ended after ${LIMIT_MS / 1000} s:\n${result.stderr}`);
  return { exitCode: result.exitCode ?? -1, stdout: result.stdout, stderr: result.stderr };
}

/** Folders of the runs that have left a record with that environment. */
export function runFolders(environment: Readonly<Record<string, string>>): string[] {
  const runs = path.join(environment["EVENKEEL_STATE_DIR"] ?? "", "runs");
  return existsSync(runs) ? readdirSync(runs).map((name) => path.join(runs, name)) : [];
}

function eventsIn(folder: string): RolloutEvent[] {
  const lines = readFileSync(path.join(folder, "events.jsonl"), "utf8").trim().split("\n");
  return lines.map((line) => JSON.parse(line) as RolloutEvent);
}

function receiptIn(folder: string): Receipt | null {
  const file = path.join(folder, "receipt.json");
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Receipt) : null;
}
