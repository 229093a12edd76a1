/** The command line: reads the input, runs one command, says how it ended with its exit code. */
import path from "node:path";
import { Command, CommanderError, Option } from "commander";
import { InvalidInput } from "../../contract/problems.js";
import { environmentNames as names, type Manifest } from "../../contract/manifest.js";
import { readSource, stateFolder, whoRuns } from "./adapters/files.js";
import { lastRun } from "./adapters/last-run.js";
import { RunRecord, RUNS_FOLDER } from "./adapters/record.js";
import { insistOnSsh } from "./adapters/ssh.js";
import { stopSignal } from "./adapters/signals.js";
import { systemClock } from "./adapters/system.js";
import { guardPorts, realPorts, sshHosts } from "./compose.js";
import { exitCodes, type ExitCode } from "./core/errors.js";
import { guard } from "./guard.js";
import {
  hiddenValues,
  readGuard,
  readImage,
  readPinnedImage,
  readManifest,
  readRegistryLogin,
  readStartedByTerraform,
  readSecrets,
  readSkipPreDeploy,
  readWait,
  type Environment,
} from "./input.js";
import { createOutput, guardStreams, outputKinds, type OutputKind, type Streams } from "./output/sinks.js";
import { summaryMarkdown } from "./output/summary/summary.js";
import { textTable } from "./output/text.js";
import type { Events } from "./ports.js";
import type { Wanted } from "./context.js";
import { rollout } from "./run.js";
import { readSynthesized, STACK_FILE, type SynthesizedStack } from "./synthesized.js";
import { lookAtHosts, verdict, type HostRow } from "./status.js";

const DEFAULT_OUTPUTS = "outputs.json";
/** Live displays are drawn this often. */
const TICK_MS = 100;

interface Options {
  readonly outputs?: string;
  readonly stack?: string;
  readonly from?: string;
  readonly image?: string;
  readonly output: OutputKind;
  readonly wait?: string;
}

interface World {
  readonly environment: Environment;
  readonly streams: Streams;
}

/** Runs the command line and gives back its exit code. Bad input is one line each on stderr and code 2. */
export async function main(argv: readonly string[], environment: Environment, streams: Streams): Promise<ExitCode> {
  guardStreams(streams);
  let exitCode: ExitCode = exitCodes.onTarget;
  const program = build({ environment, streams }, (code) => (exitCode = code));
  try {
    await program.parseAsync([...argv], { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.onTarget : exitCodes.badInput;
    if (!(error instanceof InvalidInput)) throw error;
    streams.stderr.write(`${error.message}\n`);
    return exitCodes.badInput;
  }
}

function build(world: World, end: (code: ExitCode) => void): Command {
  const { streams, environment } = world;
  const program = new Command("rollout")
    .description("Brings every host of the fleet onto one release, one after the other, without a failed request.")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void streams.stdout.write(text),
      writeErr: (text) => void streams.stderr.write(text),
    });
  const command = (name: string, description: string): Command =>
    program
      .command(name)
      .description(description)
      .option(
        "--outputs <file>",
        `file written by cdktf output --outputs-file (default: ${names.manifest}, else ${DEFAULT_OUTPUTS})`,
      )
      .option("--stack <name>", "stack within the outputs file, when it has several");
  command("deploy", "roll out an image, or put the fleet back onto the serving one")
    .option("--image <image>", `image by digest or tag; empty keeps the serving one (default: ${names.image})`)
    .addOption(outputOption())
    .option(...waitOption)
    .action(async (options: Options) => {
      const image = readImage(options.image ?? environment[names.image] ?? "");
      end(await bring(world, options, { do: "deploy", image }));
    });
  command("rollback", "go back to the release before the serving one, with the settings that it had")
    .addOption(outputOption())
    .option(...waitOption)
    .action(async (options: Options) => end(await bring(world, options, { do: "rollback" })));
  command("status", "show what each host runs; changes nothing").action(async (options: Options) => {
    streams.stdout.write(statusText(await rowsOf(manifestOf(options, environment), environment)));
  });
  command("verify", "exit 0 when every host serves one and the same release")
    .option("--image <image>", `image by digest that they must serve (default: ${names.image}, else any)`)
    .action(async (options: Options) => {
      const image = readPinnedImage(options.image ?? environment[names.image] ?? "");
      const { exitCode, message } = verdict(await rowsOf(manifestOf(options, environment), environment), image);
      streams.stdout.write(`${message}\n`);
      end(exitCode);
    });
  program
    .command("summary")
    .description("show what the last rollout from this machine did, as Markdown; asks nobody")
    .action(() => void streams.stdout.write(summaryMarkdown(lastRun(environment))));
  program
    .command("guard")
    .description(
      "say whether droplets and balancer may be changed to what is declared; Terraform runs it, and changes nothing before",
    )
    .option(
      "--from <folder>",
      `folder of a synthesized stack, such as cdktf.out/stacks/api-production: asks by hand, whatever was applied before, and looks whether a rollout from here would have ssh and the app's secrets (default: ${names.guard})`,
    )
    .addOption(outputOption())
    .action(async (options: Options) => end(await stand(world, options)));
  return program;
}

/** The guard, which needs no manifest and leaves no record. */
async function stand({ environment, streams }: World, { output: kind, from }: Options): Promise<ExitCode> {
  const stack = from === undefined ? null : synthesizedIn(from, environment);
  const input = stack?.guard ?? readGuard(environment);
  const secrets = hiddenValues(environment, stack?.service.secrets);
  const { sink } = createOutput({ kind, streams, environment, secrets, now: () => systemClock.now() });
  const ports = guardPorts(input, environment, sink);
  const stop = stopSignal();
  try {
    return await guard(input, ports, stop.signal);
  } finally {
    stop.dispose();
    sink.close();
    await ports.dispose();
  }
}

/** @throws InvalidInput also when a rollout from here would lack something */
function synthesizedIn(folder: string, environment: Environment): SynthesizedStack {
  const stack = readSynthesized(readSource(path.join(folder, STACK_FILE), "npm run synth"));
  readSecrets(environment, stack, false);
  insistOnSsh();
  return stack;
}

const outputOption = (): Option =>
  new Option("--output <kind>", "how progress is shown").choices(outputKinds).default("auto").env(names.output);

const waitOption = [
  "--wait <seconds>",
  `wait so long for another rollout to end (default: ${names.wait}, else 0)`,
] as const;

async function bring(world: World, options: Options, wanted: Wanted): Promise<ExitCode> {
  // Before anything is opened or written: from here on a signal is an order, not an end.
  const stop = stopSignal();
  try {
    return await bringUntil(world, options, wanted, stop.signal);
  } finally {
    stop.dispose();
  }
}

async function bringUntil(
  { environment, streams }: World,
  options: Options,
  wanted: Wanted,
  signal: AbortSignal,
): Promise<ExitCode> {
  const manifest = manifestOf(options, environment);
  const request = {
    manifest,
    wanted,
    waitSeconds:
      options.wait === undefined
        ? readWait(names.wait, environment[names.wait] || "0")
        : readWait("--wait", options.wait),
    startedByTerraform: readStartedByTerraform(environment),
    registryLogin: readRegistryLogin(environment),
    skipPreDeploy: readSkipPreDeploy(environment),
    secrets: readSecrets(environment, manifest, wanted.do === "rollback"),
    owner: whoRuns(),
  };
  const hidden = hiddenValues(environment, manifest.service.secrets);
  const output = createOutput({
    kind: options.output,
    streams,
    environment,
    secrets: hidden,
    now: () => systemClock.now(),
  });
  let record: RunRecord | undefined;
  const ports = realPorts(manifest, environment, (runId) => {
    const folder = path.join(stateFolder(environment), RUNS_FOLDER, runId);
    record = new RunRecord(folder, hidden, (why) => streams.stderr.write(`${why}\n`));
    return both(record, output.sink);
  });
  const timer = setInterval(() => output.sink.tick(), TICK_MS);
  try {
    const receipt = await rollout({ ...request, signal }, ports);
    output.sink.close();
    output.result(receipt);
    record?.finish(receipt);
    return receipt.exitCode;
  } finally {
    clearInterval(timer);
    await ports.dispose();
  }
}

const both = (first: Events, second: Events): Events => ({
  emit(event) {
    first.emit(event);
    second.emit(event);
  },
});

/** From `--outputs`, else from the environment, else from outputs.json. */
function manifestOf({ outputs, stack }: Options, environment: Environment): Manifest {
  const text = environment[names.manifest];
  const source =
    outputs === undefined && text ? { name: names.manifest, text } : readSource(outputs ?? DEFAULT_OUTPUTS);
  return readManifest(source, stack);
}

async function rowsOf(manifest: Manifest, environment: Environment): Promise<HostRow[]> {
  const hosts = sshHosts(manifest, environment);
  try {
    return await lookAtHosts(manifest, hosts);
  } finally {
    hosts.dispose();
  }
}

function statusText(rows: readonly HostRow[]): string {
  const column = (title: string, values: readonly string[]) => ({ title, values, align: "left" as const });
  const table = textTable([
    column(
      "host",
      rows.map((row) => row.name),
    ),
    column(
      "droplet",
      rows.map((row) => row.id),
    ),
    column(
      "state",
      rows.map((row) => row.state),
    ),
    column(
      "release",
      rows.map((row) => row.release ?? "-"),
    ),
    column(
      "previous",
      rows.map((row) => row.previous ?? "-"),
    ),
    column(
      "image",
      rows.map((row) => row.image ?? "-"),
    ),
  ]);
  const runs = rows.flatMap(({ name, run }) => (run === null ? [] : [`${name} is ${run}`]));
  return `${[...table, ...runs].join("\n")}\n`;
}
